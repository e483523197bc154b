"""The parent's side of one worker process. Every method but `start` and `kill` blocks."""

from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Final

from services.recognition.engine.decode import ImageTooLarge, UndecodableImage
from services.recognition.engine.protocol import EngineFactory
from services.recognition.workers.child import Failed, FrameReading, Ready, run
from shared.core.errors import AlprError, InternalFault

START_TIMEOUT_S: Final = 120.0


class EngineFailed(InternalFault):
    """The engine raised on a frame, and would raise again."""

    title = "The engine failed on the frame"


class WorkerDoesNotStart(Exception):
    """The engine does not load. No frame causes this, and the next frame would fail too."""


class WorkerDied(Exception):
    """The process ended while it had frames, or was killed because its time was up."""


_REFUSALS: Final[dict[str, type[InternalFault]]] = {
    kind.__name__: kind for kind in (UndecodableImage, ImageTooLarge, EngineFailed)
}


class Worker:
    """One process, one pipe, one list of frames at a time."""

    def __init__(self, process: BaseProcess, pipe: Connection) -> None:
        self._process = process
        self._pipe = pipe

    @classmethod
    def start(cls, make_engine: EngineFactory) -> "Worker":
        """Start the process; returns while its engine is still loading."""
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=run, args=(theirs, make_engine), name="recognition worker", daemon=True
        )
        process.start()
        theirs.close()  # so that the pipe closes when the process ends
        return cls(process, ours)

    @property
    def pid(self) -> int | None:
        """The process's id."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.is_alive()

    def wait_ready(self) -> Ready:
        """Wait for the engine to load; returns its name and digest. Raises: WorkerDoesNotStart."""
        try:
            answer = self._answer(START_TIMEOUT_S)
        except WorkerDied as exc:
            raise WorkerDoesNotStart(str(exc)) from exc
        if isinstance(answer, Ready):
            return answer
        raise WorkerDoesNotStart(str(answer))

    def read(self, images: Sequence[bytes], timeout_s: float) -> list[FrameReading | AlprError]:
        """Return for each image a reading, or UndecodableImage, ImageTooLarge or EngineFailed.

        Args:
            images: JPEG, PNG or WebP files.
            timeout_s: for all of them together.

        Raises: WorkerDied, without knowing which image is at fault.
        """
        try:
            self._pipe.send(list(images))
        except OSError as exc:
            raise WorkerDied(self._how()) from exc
        answers = self._answer(timeout_s)
        if not isinstance(answers, list) or len(answers) != len(images):
            raise WorkerDied("its answer has not one result for each image")
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
        """Kill the process; this closes the pipe and wakes the thread that waits for an answer."""
        if self._process.is_alive():
            self._process.kill()

    def close(self) -> None:
        """Kill the process if it runs, and release its resources."""
        self.kill()
        self._process.join()
        self._pipe.close()
