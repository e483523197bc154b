"""The resources of a running console."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from services.console.actions.seal import Seal
from services.console.actions.services import Services
from services.console.actions.sessions import Sessions
from services.console.settings import Settings
from shared.core.clock import Clock, SystemClock
from shared.core.policy import Policy, load_policy
from shared.service.running import Service


@dataclass(frozen=True)
class ConsoleService(Service):
    """One process of the console. It connects to no database, broker or object store."""

    settings: Settings
    policy: Policy
    clock: Clock
    seal: Seal
    services: Services
    sessions: Sessions

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
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Close the connections to the services at the end; it has no others to start."""
        try:
            yield
        finally:
            await self.services.close()

    async def check(self) -> dict[str, str]:
        """Return the console's own state: it needs only its policy, without which it does not start.

        Services report their own state; the policy page works without them.
        """
        return {"policy": "ok"}
