"""Wires audit: runtime, consumer, tasks, routes.

Start: the runtime, the log, the periodic tasks, then the consumer. Stop: tasks first, then the last checkpoint and the
runtime.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.audit.api import router
from services.audit.events import subscriptions
from services.audit.service import AuditService
from services.audit.settings import Settings
from services.audit.spec import SPEC
from services.audit.workers.consumer_start import ConsumerStart
from shared.http.app import create_app
from shared.service.api_runtime import ApiRuntime


def build_app(settings: Settings, runtime: ApiRuntime | None = None) -> FastAPI:
    """Return the wired application."""
    runtime = runtime or ApiRuntime(SPEC, settings)
    audit = AuditService.of(runtime, settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        audit.check_keys()
        await runtime.start()
        await audit.prepare()
        consumer = ConsumerStart(runtime, audit.writer, subscriptions(audit))
        runtime.run(*audit.tasks, consumer.task)
        try:
            yield
        finally:
            await runtime.stop_tasks()
            await audit.stop()
            await runtime.stop()

    app = create_app(SPEC, audit, lifespan=lifespan)
    app.include_router(router)
    return app
