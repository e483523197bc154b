"""Wires release: its runtime, its routes, its consumer and the expiry of packages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from services.release.api import router
from services.release.events import expire_due, subscriptions
from services.release.settings import Settings
from shared.core.periodic import PeriodicTask
from shared.http.app import create_app
from shared.service.runtime import Runtime
from shared.service.serve import serve

MIGRATIONS = Path(__file__).parent / "migrations"

UPLOADS = (r"/v1/documents$",)
"""Routes that take files, and bound them by limits of their own."""

DESCRIPTION = """
Release of ALPR data to other agencies (policy 468.7; Civil Code 1798.90.55): an agency's written
request, its review by the Administration Sergeant or designee, the package, and the file of it all.
"""


def build_app(settings: Settings, runtime: Runtime | None = None) -> FastAPI:
    """Return the service's app."""
    parts = runtime or Runtime("release", settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await parts.start(MIGRATIONS, subscriptions(parts))
        expiry_s = settings.release_expiry_sweep_s
        parts.run(PeriodicTask("package expiry", lambda: expire_due(parts), expiry_s, at_once=True))
        try:
            yield
        finally:
            await parts.stop()

    app = create_app(
        parts,
        title="Plateward release",
        description=DESCRIPTION,
        lifespan=lifespan,
        uploads=UPLOADS,
    )
    app.include_router(router)
    return app


def main() -> None:
    """Serve until told to stop."""
    settings = Settings()
    serve(build_app(settings), settings)
