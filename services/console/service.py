"""The resources of a running console."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from services.console.actions.figures import PublicFigures
from services.console.actions.seal import Seal
from services.console.actions.services import Services
from services.console.actions.sessions import Sessions
from services.console.settings import Settings
from services.console.spec import SPEC
from shared.core.clock import Clock, SystemClock
from shared.core.policy import Policy, load_policy
from shared.service.running import Service
from shared.service.traces import ExportingTracer, tracer_of


@dataclass(frozen=True)
class ConsoleService(Service):
    """One process of the console. It connects to no database, broker or object store."""

    settings: Settings
    policy: Policy
    clock: Clock
    seal: Seal
    services: Services
    sessions: Sessions
    figures: PublicFigures
    tracer: ExportingTracer | None = None
    """None unless OTEL_EXPORTER_OTLP_ENDPOINT is set."""

    @classmethod
    def of(
        cls,
        settings: Settings,
        *,
        clock: Clock | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> "ConsoleService":
        """Build the service without starting it. Raises: PolicyFault."""
        policy = load_policy(settings.policy_file)
        clock = clock or SystemClock()
        services = Services(
            settings.services, timeout_s=settings.console_timeout_s, transport=transport
        )
        return cls(
            settings=settings,
            policy=policy,
            clock=clock,
            seal=Seal(settings.session_key),
            services=services,
            sessions=Sessions(services, clock, policy.accounts),
            figures=PublicFigures(services, clock),
            tracer=tracer_of(SPEC.name, settings),
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send spans meanwhile, if a collector is set; close the connections to the services at the end."""
        if self.tracer is not None:
            self.tracer.start()
        try:
            yield
        finally:
            await self.services.close()
            if self.tracer is not None:
                await self.tracer.stop()

    async def check(self) -> dict[str, str]:
        """Return the console's own state: it needs only its policy, without which it does not start.

        Services report their own state; the policy page works without them.
        """
        return {"policy": "ok"}
