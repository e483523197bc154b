"""The service object of a running recognition. It has no tables and no users."""

from dataclasses import dataclass

from shared.service.runtime import RuntimeService


@dataclass(frozen=True)
class RecognitionService(RuntimeService):
    """One process of recognition: its runtime has Kafka, the objects and the workers.

    The consumer stops first, so that no new frame starts; a frame in progress is dropped, and Kafka delivers it again.
    """
