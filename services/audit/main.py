"""Wires audit: the log's writer, its consumer, its clockwork and its routes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from services.audit.actions.upgrade import take_what_was_in_flight
from services.audit.actions.writer import Writer
from services.audit.api import router
from services.audit.events import subscriptions
from services.audit.settings import Settings
from services.audit.workers.keeper import Keeper
from shared.core.periodic import PeriodicTask
from shared.http.app import create_app
from shared.service.runtime import Runtime
from shared.service.serve import serve

MIGRATIONS = Path(__file__).parent / "migrations"

OPEN = frozenset({"/v1/checkpoint", "/v1/keys"})
"""Routes without a guard: what lets anybody hold the log to what it was. No ALPR data."""

DESCRIPTION = """
The append-only log of every access to ALPR data and every administrative act (Civil Code 1798.90.52;
policy 468.6): entries, signed checkpoints, proofs, findings, breach reports and periodic audits.
"""


MAX_EXPORTS = 2
"""At a time: each holds a database connection."""


def build_app(settings: Settings, runtime: Runtime | None = None) -> FastAPI:
    """Return the service's app."""
    parts = runtime or Runtime("audit", settings)
    writer = Writer(parts, settings)
    keeper = Keeper(parts, settings, writer)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        writer.makers.check_ends(parts.clock.now())
        await parts.start(MIGRATIONS)
        await writer.begin()
        await writer.sign_what_is_left()
        begin = PeriodicTask("audit consumer", begins(parts, writer, settings), 1, at_once=True)
        parts.run(*keeper.tasks, begin)
        try:
            yield
        finally:
            await parts.stop_tasks()
            await writer.sign_what_is_left()
            await parts.stop()

    app = create_app(
        parts, title="Plateward audit", description=DESCRIPTION, lifespan=lifespan, open_routes=OPEN
    )
    app.state.writer = writer
    app.state.exports = asyncio.Semaphore(MAX_EXPORTS)
    app.include_router(router)
    return app


def begins(parts: Runtime, writer: Writer, settings: Settings) -> Callable[[], Awaitable[None]]:
    """Return what starts the consumer once it is known which events need no MAC; then it does nothing.

    It is called again after a failure: Kafka may have no topics yet.
    """
    begun = False

    async def begin() -> None:
        nonlocal begun
        if begun:
            return
        await take_what_was_in_flight(parts, writer)
        if parts.kafka:
            for subscription in subscriptions(writer, settings.audit_batch_entries):
                parts.consume(subscription)
        begun = True

    return begin


def main() -> None:
    """Serve until told to stop."""
    settings = Settings()
    serve(build_app(settings), settings)
