"""Wires ingest: runtime, device cache and its follower, routes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.ingest.api import add_routes
from services.ingest.api.guard import identify
from services.ingest.events import subscriptions
from services.ingest.service import IngestService
from services.ingest.settings import Settings
from services.ingest.spec import SPEC
from shared.http.app import create_app
from shared.service.api_runtime import ApiRuntime


def build_app(settings: Settings, runtime: ApiRuntime | None = None) -> FastAPI:
    """Build the app; its lifespan connects."""
    runtime = runtime or ApiRuntime(SPEC, settings)
    ingest = IngestService.of(runtime, settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await runtime.start(subscriptions(runtime, ingest.secrets))
        try:
            await ingest.start()
            yield
        finally:
            await runtime.stop_tasks()
            await ingest.stop()
            await runtime.stop()

    app = create_app(SPEC, ingest, lifespan=lifespan, identify=identify)
    add_routes(app)
    return app
