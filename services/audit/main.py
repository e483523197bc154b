"""Wires audit: the log's writer, its consumer, its periodic tasks and its routes."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.audit.actions.upgrade import accept_in_flight
from services.audit.actions.writer import Writer
from services.audit.api import router
from services.audit.events import subscriptions
from services.audit.service import AuditService
from services.audit.settings import Settings
from services.audit.spec import SPEC
from services.audit.workers.scheduler import Scheduler
from shared.core.periodic import PeriodicTask
from shared.http.app import create_app
from shared.service.api_runtime import ApiRuntime


def build_app(settings: Settings, runtime: ApiRuntime | None = None) -> FastAPI:
    """Return the service's app."""
    runtime = runtime or ApiRuntime(SPEC, settings)
    writer = Writer(runtime, settings)
    keeper = Scheduler(runtime, settings, writer)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        writer.makers.check_ends(runtime.clock.now())
        await runtime.start()
        await writer.begin()
        await writer.sign_what_is_left()
        begin = PeriodicTask("audit consumer", begins(runtime, writer, settings), 1, at_once=True)
        runtime.run(*keeper.tasks, begin)
        try:
            yield
        finally:
            await runtime.stop_tasks()
            await writer.sign_what_is_left()
            await runtime.stop()

    app = create_app(SPEC, AuditService(runtime, settings, writer), lifespan=lifespan)
    app.include_router(router)
    return app


def begins(
    runtime: ApiRuntime, writer: Writer, settings: Settings
) -> Callable[[], Awaitable[None]]:
    """Return the function that starts the consumer, once it has recorded which events need no MAC.

    The task calls it again after a failure, as Kafka may have no topics yet; after a success it does nothing.
    """
    begun = False

    async def begin() -> None:
        nonlocal begun
        if begun:
            return
        await accept_in_flight(runtime, writer)
        if runtime.live:
            for subscription in subscriptions(writer, settings.audit_batch_entries):
                runtime.consume(subscription)
        begun = True

    return begin
