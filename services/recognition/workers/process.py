"""The parent's end of one worker process. Everything but `start` and `kill` blocks."""

from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Final

from services.recognition.engine.decode import ImageTooLarge, UndecodableImage
from services.recognition.engine.protocol import EngineFactory
from services.recognition.workers.child import Failed, FrameReading, Ready, run
from shared.core.errors import AlprError

START_TIMEOUT_S: Final = 120.0


class EngineFailed(AlprError):
    """The engine raised on a frame; it would again."""

    title = "The engine failed on the frame"


class WorkerDoesNotStart(Exception):
    """The engine does not load. No frame is to blame, and trying the next one cannot help."""


class WorkerDied(Exception):
    """The process ended with frames in hand, or was ended because its time was up."""


_REFUSALS: Final[dict[str, type[AlprError]]] = {
    kind.__name__: kind for kind in (UndecodableImage, ImageTooLarge, EngineFailed)
}


class Worker:
    """One process, one pipe, one list of frames at a time."""

    def __init__(self, process: BaseProcess, pipe: Connection) -> None:
        self._process = process
        self._pipe = pipe

    @classmethod
    def start(cls, make_engine: EngineFactory) -> "Worker":
        """Start the process; its engine is still loading when this returns."""
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=run, args=(theirs, make_engine), name="recognition worker", daemon=True
        )
        process.start()
        theirs.close()  # so that the pipe ends when the process does
        return cls(process, ours)

    @property
    def pid(self) -> int | None:
        """The process's id."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.is_alive()

    def wait_ready(self) -> Ready:
        """The engine's name and digest once it is loaded. Raises: WorkerDoesNotStart."""
        try:
            answer = self._answer(START_TIMEOUT_S)
        except WorkerDied as exc:
            raise WorkerDoesNotStart(str(exc)) from exc
        if isinstance(answer, Ready):
            return answer
        raise WorkerDoesNotStart(str(answer))

    def read(self, images: Sequence[bytes], timeout_s: float) -> list[FrameReading | AlprError]:
        """What came of each image: a reading, or UndecodableImage, ImageTooLarge or EngineFailed.

        Args:
            images: JPEG, PNG or WebP files.
            timeout_s: for all of them together.

        Raises: WorkerDied; which of the images is to blame is not known then.
        """
        try:
            self._pipe.send(list(images))
        except OSError as exc:
            raise WorkerDied(self._how()) from exc
        answers = self._answer(timeout_s)
        if not isinstance(answers, list) or len(answers) != len(images):
            raise WorkerDied("it answered out of turn")
        return [
            _REFUSALS[one.kind](one.detail) if isinstance(one, Failed) else one for one in answers
        ]

    def _answer(self, timeout_s: float) -> Any:
        try:
            if self._pipe.poll(timeout_s):
                return self._pipe.recv()
        except (EOFError, OSError) as exc:
            raise WorkerDied(self._how()) from exc
        self.kill()
        raise WorkerDied(f"it gave no answer within {timeout_s:g} s")

    def _how(self) -> str:
        self._process.join(1)
        return f"it ended with {self._process.exitcode}"

    def kill(self) -> None:
        """End the process; the pipe ends with it, which wakes whoever waits for an answer."""
        if self._process.is_alive():
            self._process.kill()

    def close(self) -> None:
        """End the process if it runs and release what it held."""
        self.kill()
        self._process.join()
        self._pipe.close()
