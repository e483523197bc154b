"""Wires retention up. Start: schema, signing key, months to come, consumers, then the slow work.
Stop: the slow work first, then consumers and all else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from services.retention.actions.signer import open_keys
from services.retention.api import OPEN, router
from services.retention.events import Handlers, subscriptions
from services.retention.settings import Settings
from services.retention.store.recording import Recorder
from services.retention.workers.evidence import EvidenceMaker
from services.retention.workers.packager import Packager
from services.retention.workers.passes import PassKeeper
from services.retention.workers.purger import Purger
from shared.core.periodic import PeriodicTask
from shared.http.app import create_app
from shared.service.runtime import Runtime
from shared.service.serve import serve

__all__ = ["OPEN", "build_app", "main"]

MIGRATIONS = Path(__file__).parent / "migrations"


def build_app(settings: Settings, runtime: Runtime | None = None) -> FastAPI:
    """Return the service."""
    runtime = runtime or Runtime("retention", settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await runtime.start(MIGRATIONS)
        keys = await open_keys(runtime, settings)
        recorder = Recorder(
            runtime.db, runtime.clock, floor_days=runtime.policy.retention.floor_days
        )
        await recorder.make_ahead()
        purger, packager = Purger(runtime, keys), Packager(runtime, keys)
        keeper, maker = PassKeeper(runtime, settings), EvidenceMaker(runtime, keys)
        every_s = settings.retention_work_every_s
        workers = (
            PeriodicTask("packager", packager.work, every_s, at_once=True),
            PeriodicTask("evidence", maker.work, every_s, at_once=True),
            PeriodicTask("purger", purger.work, every_s, at_once=True),
            PeriodicTask("passes", keeper.work, settings.retention_pass_every_s, at_once=True),
            PeriodicTask("months", recorder.make_ahead, 6 * 3600, at_once=True),
        )

        def wake() -> None:
            for worker in workers:
                worker.wake()

        app.state.signing_keys, app.state.wake = keys, wake
        app.state.purger, app.state.packager, app.state.keeper = purger, packager, keeper
        app.state.evidence_maker = maker
        handlers = Handlers(runtime.db, recorder, runtime.clock, wake, runtime.captures)
        app.state.subscriptions = subscriptions(handlers)
        if runtime.kafka:
            for subscription in app.state.subscriptions:
                runtime.consume(subscription)
            runtime.run(*workers)
        try:
            yield
        finally:
            await runtime.stop()

    app = create_app(
        runtime,
        title="Plateward retention",
        description="The custodian of the records: search, images, holds, destruction under the schedule, "
        "packages for approved releases and for evidence (policy 468.4, 468.5, 468.7).",
        lifespan=lifespan,
        open_routes=OPEN,
    )
    app.include_router(router)
    return app


def main() -> None:
    """Serve until told to stop."""
    settings = Settings()
    serve(build_app(settings), settings)
