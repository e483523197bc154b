"""Wires release: its runtime, its routes, its consumer and its tasks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.release.api import router
from services.release.events import subscriptions
from services.release.service import ReleaseService
from services.release.settings import Settings
from services.release.spec import SPEC
from shared.http.app import create_app
from shared.service.api_runtime import ApiRuntime


def build_app(settings: Settings, runtime: ApiRuntime | None = None) -> FastAPI:
    """Return the wired application."""
    runtime = runtime or ApiRuntime(SPEC, settings)
    service = ReleaseService.of(runtime, settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await runtime.start(subscriptions(runtime))
        runtime.run(*service.tasks)
        try:
            yield
        finally:
            await runtime.stop()

    app = create_app(SPEC, service, lifespan=lifespan)
    app.include_router(router)
    return app
