"""Wires identity: settings, runtime, routes; started by `python -m services.identity`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from services.identity.actions import housekeeping, keys, provisioning, rewrap, tick, watching
from services.identity.actions.context import Identity
from services.identity.api import DOORS, OPEN, router
from services.identity.api.sessions import SIGN_IN, known_browser
from services.identity.settings import Settings
from services.identity.store.unit_of_work import SERVICE
from shared.http.app import create_app
from shared.service.runtime import UNHURRIED, Runtime
from shared.service.serve import serve

__all__ = ["MIGRATIONS", "OPEN", "build_app", "main"]

MIGRATIONS = Path(__file__).parent / "migrations"

DESCRIPTION = """Accounts, training, sign-in and declared purposes.

An administrator creates an account; the person enrols with the invitation, a password and a second
factor; signs in for an access token (`Authorization: Bearer`); and declares a purpose for the token that
searches carry (`X-ALPR-Purpose`)."""


def build_app(settings: Settings, runtime: Runtime | None = None) -> FastAPI:
    """Return the service, ready to be served."""
    runtime = runtime or Runtime(SERVICE, settings)
    identity = Identity.of(settings, runtime)
    runtime.refusals.allowance.narrow(SIGN_IN, settings.identity_sign_in_burst)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        """Start: runtime, keys, accounts, housekeeping. Stop: the other way round."""
        await runtime.start(MIGRATIONS)
        try:
            await rewrap.check_keys(identity)
            await keys.prepare(identity)
            await housekeeping.recall_people(identity)
            await housekeeping.tell_exclusive_roles(identity)
            if runtime.kafka:
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
        runtime,
        title="Plateward identity",
        description=DESCRIPTION,
        lifespan=lifespan,
        open_routes=OPEN,
        doors=DOORS,
        vouch=lambda request, door: known_browser(identity, request, door),
    )
    app.state.identity = identity
    app.include_router(router)
    return app


def main() -> None:
    """Serve until told to stop."""
    settings = Settings()
    serve(build_app(settings), settings)
