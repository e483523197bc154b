"""Wires recognition: the engine in its workers, the consumer, health."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.recognition.engine.factory import chosen_engine
from services.recognition.engine.protocol import EngineFactory
from services.recognition.events import Captures
from services.recognition.service import RecognitionService
from services.recognition.settings import Settings
from services.recognition.spec import SPEC
from services.recognition.workers.pool import WorkerPool
from shared.http.app import create_app
from shared.service.runtime import Runtime


def build_app(settings: Settings, *, make_engine: EngineFactory | None = None) -> FastAPI:
    """Build the service's app; its lifespan starts the workers and the consumer."""
    pool = worker_pool(settings, make_engine)
    runtime = Runtime(SPEC, settings, own=[pool])
    captures = Captures(
        pool,
        runtime.bus,
        runtime.objects,
        runtime.clock,
        min_confidence=settings.recognition_min_confidence,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            await runtime.start(captures.subscriptions())
            yield
        finally:
            await runtime.stop()

    return create_app(SPEC, RecognitionService(runtime), lifespan=lifespan)


def worker_pool(settings: Settings, make_engine: EngineFactory | None = None) -> WorkerPool:
    """Build the pool from the settings; `make_engine` replaces the engine that they name."""
    return WorkerPool(
        make_engine or chosen_engine(settings),
        workers=settings.recognition_workers,
        batch=settings.recognition_batch,
        frame_timeout_s=settings.recognition_frame_timeout_s,
    )
