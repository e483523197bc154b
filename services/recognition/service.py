"""The service object of a running recognition. It has no tables and no users."""

from dataclasses import dataclass

from services.recognition.engine.factory import chosen_engine
from services.recognition.engine.protocol import EngineFactory
from services.recognition.settings import Settings
from services.recognition.workers.pool import WorkerPool
from shared.service.runtime import Runtime, RuntimeService


@dataclass(frozen=True)
class RecognitionService(RuntimeService):
    """One process of recognition: its runtime has Kafka, the objects and the workers.

    The consumer stops first, so that no new frame starts; a frame in progress is dropped, and Kafka delivers it again.
    """

    settings: Settings
    pool: WorkerPool

    @classmethod
    def of(
        cls, runtime: Runtime, settings: Settings, make_engine: EngineFactory | None = None
    ) -> "RecognitionService":
        """Build the service without starting it; `make_engine` replaces the engine that the settings name."""
        pool = WorkerPool(
            make_engine or chosen_engine(settings, runtime.policy.regions.packs),
            workers=settings.recognition_workers,
            batch=settings.recognition_batch,
            frame_timeout_s=settings.recognition_frame_timeout_s,
            log_format=settings.log_format,
        )
        runtime.add(pool)
        return cls(runtime, settings, pool)
