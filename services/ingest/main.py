"""Wires ingest: runtime, device cache and its follower, routes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from services.ingest.api import add_routes
from services.ingest.api.guard import identify
from services.ingest.events import subscriptions
from services.ingest.service import Parts
from services.ingest.settings import Settings
from shared.http.app import create_app
from shared.service.runtime import Runtime
from shared.service.serve import serve

MIGRATIONS = Path(__file__).parent / "migrations"

UPLOADS = (r"/v1/captures$", r"/v1/reads$")
"""Routes that take files, and bound them by limits of their own."""

DESCRIPTION = """Where cameras post frames and reads, and where devices are registered.

A receipt (202) means that what was sent is safe: the image in the object store, the event in Kafka.
Anything else means that it was not kept; what was answered 429 or 503 may be sent again later."""


def build_app(settings: Settings, runtime: Runtime | None = None) -> FastAPI:
    """Return the app; nothing is connected before its lifespan begins."""
    runtime = runtime or Runtime("ingest", settings)
    parts = Parts(runtime, settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await runtime.start(MIGRATIONS, subscriptions(runtime, parts.secrets))
        try:
            await parts.start()
            yield
        finally:
            await runtime.stop_tasks()
            await parts.stop()
            await runtime.stop()

    app = create_app(
        runtime,
        title="Plateward ingest",
        description=DESCRIPTION,
        lifespan=lifespan,
        uploads=UPLOADS,
        identify=identify,
    )
    app.state.parts = parts
    add_routes(app)
    return app


def main() -> None:
    """Serve until told to stop."""
    settings = Settings()
    serve(build_app(settings), settings)
