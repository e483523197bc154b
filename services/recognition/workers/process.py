"""The parent's side of one worker process. Every method but `with_engine` and `kill` blocks."""

from collections.abc import Sequence
from typing import Final, Self

from services.recognition.engine.decode import ImageTooLarge, UndecodableImage
from services.recognition.engine.protocol import EngineFactory
from services.recognition.workers.child import Failed, FrameReading, Ready, run
from shared.core.child_process import Child, ChildEnded
from shared.core.errors import AlprError, InternalFault
from shared.core.logs import LogFormat

START_TIMEOUT_S: Final = 120.0


class EngineFailed(InternalFault):
    """The engine raised on a frame, and would raise again."""

    title = "The engine failed on the frame"


class WorkerDoesNotStart(Exception):
    """The engine does not load. No frame causes this, and the next frame would fail too."""


_REFUSALS: Final[dict[str, type[InternalFault]]] = {
    kind.__name__: kind for kind in (UndecodableImage, ImageTooLarge, EngineFailed)
}


class Worker(Child):
    """One process, one pipe, one list of frames at a time."""

    @classmethod
    def with_engine(cls, make_engine: EngineFactory, log_format: LogFormat) -> Self:
        """Start the process; returns while its engine is still loading."""
        return cls.spawn(run, make_engine, log_format, name="recognition worker")

    def wait_ready(self) -> Ready:
        """Wait for the engine to load; returns its name. Raises: WorkerDoesNotStart."""
        try:
            answer = self.receive(START_TIMEOUT_S)
        except ChildEnded as exc:
            raise WorkerDoesNotStart(str(exc)) from exc
        if isinstance(answer, Ready):
            return answer
        raise WorkerDoesNotStart(str(answer))

    def read(self, images: Sequence[bytes], timeout_s: float) -> list[FrameReading | AlprError]:
        """Return for each image a reading, or UndecodableImage, ImageTooLarge or EngineFailed.

        Args:
            images: JPEG, PNG or WebP files.
            timeout_s: for all of them together; as long again for handing them over.

        Raises: ChildEnded, without knowing which image is at fault.
        """
        self.send(list(images), timeout_s)
        answers = self.receive(timeout_s)
        if not isinstance(answers, list) or len(answers) != len(images):
            raise ChildEnded("its answer has not one result for each image")
        return [
            _REFUSALS[one.kind](one.detail) if isinstance(one, Failed) else one for one in answers
        ]
