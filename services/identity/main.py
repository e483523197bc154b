"""Wires identity: settings, runtime, routes; started by `python -m services.identity`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.identity.actions import housekeeping, keys, provisioning, rewrap, tick, watching
from services.identity.actions.context import Identity
from services.identity.api import router
from services.identity.api.sessions import SIGN_IN, known_browser
from services.identity.service import IdentityService
from services.identity.settings import Settings
from services.identity.spec import SPEC
from shared.http.app import create_app
from shared.service.runtime import UNHURRIED, Runtime


def build_app(settings: Settings, runtime: Runtime | None = None) -> FastAPI:
    """Return the wired application."""
    runtime = runtime or Runtime(SPEC.name, settings)
    identity = Identity.of(settings, runtime)
    runtime.refusals.allowance.narrow(SIGN_IN, settings.identity_sign_in_burst)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        """Start the runtime, keys, accounts and housekeeping; stop in reverse order."""
        await runtime.start(SPEC.migrations)
        try:
            await rewrap.check_keys(identity)
            await keys.prepare(identity)
            await housekeeping.recall_people(identity)
            await housekeeping.announce_exclusive_roles(identity)
            if runtime.live:
                runtime.run(
                    tick.task(identity, runtime.bus),
                    housekeeping.task(identity),
                    watching.certificate_task(identity),
                    runtime.follower(
                        "identity watch",
                        watching.WATCHED,
                        from_start=False,
                        learn=lambda events: watching.watch(identity, events),
                        pauses=UNHURRIED,
                    ),
                    runtime.follower(
                        "identity provisioners",
                        provisioning.READ,
                        from_start=True,
                        learn=lambda events: provisioning.recall(identity, events),
                        pauses=UNHURRIED,
                    ),
                )
            yield
        finally:
            await runtime.stop_tasks()
            identity.hasher.close()
            await runtime.stop()

    app = create_app(
        SPEC,
        IdentityService(runtime, identity),
        lifespan=lifespan,
        vouch=lambda request, door: known_browser(identity, request, door),
    )
    app.include_router(router)
    return app
