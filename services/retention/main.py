"""Wires retention. Start order: schema, signing key, coming months, consumers, periodic tasks.
Stop order: periodic tasks, then consumers and everything else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.retention.api import router
from services.retention.events import subscriptions
from services.retention.service import RetentionService
from services.retention.settings import Settings
from services.retention.spec import SPEC
from shared.http.app import create_app
from shared.service.api_runtime import ApiRuntime


def build_app(settings: Settings, runtime: ApiRuntime | None = None) -> FastAPI:
    """Build the service's app."""
    runtime = runtime or ApiRuntime(SPEC, settings)
    retention = RetentionService.of(runtime, settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await runtime.start()
        await retention.prepare()
        if runtime.live:
            for subscription in subscriptions(retention):
                runtime.consume(subscription)
            runtime.run(*retention.tasks)
        try:
            yield
        finally:
            await runtime.stop()

    app = create_app(SPEC, retention, lifespan=lifespan)
    app.include_router(router)
    return app
