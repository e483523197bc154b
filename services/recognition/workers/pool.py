"""Runs worker processes off the event loop; a worker gets several frames at once if they wait.

When a worker dies, each of its frames is retried alone, so the pool always knows which frame kills workers. It
refuses a frame that was alone in two workers that died, and blames no other. It replaces a worker that dies
while idle at once, so that the next frame does not wait for an engine to load.
"""

import asyncio
import logging
import os
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

from prometheus_client import Counter

from services.recognition.engine.protocol import EngineFactory
from services.recognition.workers.child import FrameReading, Ready
from services.recognition.workers.process import Worker, WorkerDoesNotStart
from shared.core.child_process import ChildEnded
from shared.core.errors import DependencyDown, InternalFault
from shared.core.logs import LogFormat

log = logging.getLogger(__name__)

ATTEMPTS: Final = 2
"""How many workers a frame may kill while alone before it is refused."""

LOADS_WITHIN_S: Final = 30.0
"""How long an engine takes to load on a busy machine."""

REPLACED = Counter("alpr_recognition_workers_replaced", "Worker processes that had to be replaced")

P = ParamSpec("P")
T = TypeVar("T")


class FrameKilledWorker(InternalFault):
    """A frame killed its worker, or exceeded its time, twice."""

    title = "The frame killed its worker"


def cores(quota: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Cores that this process may use; respects a container's limit (cgroup v2)."""
    free = len(os.sched_getaffinity(0))
    try:
        limit, period = quota.read_text().split()
    except (OSError, ValueError):
        return free
    return free if limit == "max" else max(1, min(free, int(limit) // int(period)))


@dataclass(slots=True, eq=False)
class _Frame:
    """A frame and the future of its answer."""

    image: bytes
    answer: asyncio.Future[FrameReading]

    def settle(self, result: FrameReading | BaseException) -> None:
        """Answer the caller, if it still waits."""
        if self.answer.done():
            return
        if isinstance(result, BaseException):
            self.answer.set_exception(result)
        else:
            self.answer.set_result(result)


class WorkerPool:
    """Reads frames in worker processes. Use from one event loop. It is a resource of the service."""

    name = "the workers"
    patience_s = 0.0

    def __init__(
        self,
        make_engine: EngineFactory,
        *,
        workers: int | None = None,
        batch: int = 1,
        frame_timeout_s: float = 20.0,
        log_format: LogFormat = "text",
    ) -> None:
        self._make_engine = make_engine
        self._size = workers or cores()
        self._batch = batch
        self._frame_timeout_s = frame_timeout_s
        self._log_format = log_format
        self._waiting: deque[_Frame] = deque()
        self._idle: deque[Worker] = deque()
        self._busy: set[asyncio.Task[None]] = set()
        self._workers: set[Worker] = set()
        # A thread waits on the pipe of each busy worker; idle ones cost nothing.
        self._threads = ThreadPoolExecutor(self._size, "recognition")
        self._ready: Ready | None = None
        self._closed = False

    @property
    def size(self) -> int:
        """Number of workers; each reads independently."""
        return self._size

    @property
    def idle(self) -> int:
        """Workers without a frame."""
        return len(self._idle)

    @property
    def workers(self) -> frozenset[Worker]:
        """The current workers."""
        return frozenset(self._workers)

    @property
    def model(self) -> str:
        """The engine at the start as `name@digest`; a frame's reading names its own."""
        if self._ready is None:
            raise RuntimeError("the pool is not started")
        return self._ready.engine

    def at_most_s(self, frames: int) -> float:
        """Return how long so many frames for each worker may take, even if each ends every worker that reads it: first
        beside others, then alone."""
        return frames * (1 + ATTEMPTS) * (self._frame_timeout_s + LOADS_WITHIN_S)

    async def start(self) -> None:
        """Start all workers and wait for their engines. Raises: WorkerDoesNotStart."""
        workers = [self._new_worker() for _ in range(self._size)]
        try:
            answers = await asyncio.gather(*(self._on(one, one.wait_ready) for one in workers))
        except BaseException:
            await self.stop()
            raise
        self._ready = answers[0]
        self._idle.extend(workers)
        for worker in workers:
            self._watch(worker)

    def pings(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """Return the pool's ping, by its name in `/readyz`."""
        return {"workers": self.ping}

    async def ping(self) -> None:
        """Return if the workers are started. Raises: Unavailable."""
        if not self._workers:
            raise DependencyDown("not started")

    async def read(self, image: bytes) -> FrameReading:
        """Read the plates of one frame; waits for a free worker.

        Args:
            image: a JPEG, PNG or WebP file.

        Raises: UndecodableImage, ImageTooLarge, EngineFailed or FrameKilledWorker because of the frame;
            WorkerDoesNotStart if a dead worker cannot be replaced; ChildEnded after `stop`.
        """
        if self._closed:
            raise ChildEnded("the pool is closed")
        loop = asyncio.get_running_loop()
        frame = _Frame(image, loop.create_future())
        self._waiting.append(frame)
        loop.call_soon(self._dispatch)  # after other callers that queue a frame in this cycle
        return await frame.answer

    def _dispatch(self) -> None:
        """Give waiting frames to idle workers, each at most its share among all workers: a busy worker is soon free,
        and would be idle if another already held the frames that wait."""
        while self._idle and (frames := self._next_frames()):
            self._begin(self._work(self._idle.popleft(), frames))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)

    def _next_frames(self) -> list[_Frame]:
        """Remove the frames for one idle worker from the queue; empty if none wait."""
        self._waiting = deque(frame for frame in self._waiting if not frame.answer.done())
        share = min(self._batch, -(-len(self._waiting) // self._size))
        return [self._waiting.popleft() for _ in range(share)]

    async def _work(self, worker: Worker, frames: Sequence[_Frame]) -> None:
        """Read frames in an otherwise idle worker, then make it idle again."""
        try:
            if not worker.is_alive():
                worker = await self._replace(worker)
            try:
                await self._read(worker, frames)
            except ChildEnded as exc:
                log.warning("a worker died with %d frames in progress: %s", len(frames), str(exc))
                worker = await self._replace(worker)
                spent = 1 if len(frames) == 1 else 0
                for frame in frames:
                    worker = await self._read_alone(worker, frame, ATTEMPTS - spent)
        except BaseException as exc:
            for frame in frames:
                frame.settle(exc)
            if not isinstance(exc, ChildEnded | WorkerDoesNotStart):
                raise
        finally:
            self._idle.append(worker)
            self._dispatch()

    async def _read_alone(self, worker: Worker, frame: _Frame, attempts: int) -> Worker:
        """Retry one frame of a worker that died; refuse it if it kills every worker that reads it.

        Returns: a live worker. Raises: WorkerDoesNotStart.
        """
        for _ in range(attempts):
            if frame.answer.done():
                return worker
            try:
                await self._read(worker, [frame])
            except ChildEnded as exc:
                log.warning("a frame ended its worker: %s", str(exc))
                how = str(exc)
                worker = await self._replace(worker)
            else:
                return worker
        frame.settle(FrameKilledWorker(f"{ATTEMPTS} times: {how}"))
        return worker

    async def _read(self, worker: Worker, frames: Sequence[_Frame]) -> None:
        """Read frames and answer; kills the worker once no caller waits for any. Raises: ChildEnded."""
        images = [frame.image for frame in frames]
        reading = asyncio.ensure_future(
            self._on(worker, worker.read, images, self._frame_timeout_s)
        )
        answered = asyncio.gather(*(frame.answer for frame in frames), return_exceptions=True)
        answered.add_done_callback(lambda _: None if reading.done() else worker.kill())
        for frame, answer in zip(frames, await reading, strict=True):
            frame.settle(answer)

    async def stop(self) -> None:
        """Stop all workers; frames in progress are dropped."""
        self._closed = True
        for worker in self._workers:
            self._unwatch(worker)
            worker.kill()
        for frame in self._waiting:
            frame.settle(ChildEnded("the pool is closed"))
        await asyncio.gather(*self._busy, return_exceptions=True)
        for worker in self._workers:
            await asyncio.to_thread(worker.close)
        self._workers.clear()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _new_worker(self) -> Worker:
        worker = Worker.with_engine(self._make_engine, self._log_format)
        self._workers.add(worker)
        return worker

    def _watch(self, worker: Worker) -> None:
        """Replace the worker if it ends while idle."""
        asyncio.get_running_loop().add_reader(worker.sentinel, self._ended, worker)

    def _unwatch(self, worker: Worker) -> None:
        asyncio.get_running_loop().remove_reader(worker.sentinel)

    def _ended(self, worker: Worker) -> None:
        """Begin to replace a worker that ended, unless it is busy: then its frames' reading fails and replaces it."""
        self._unwatch(worker)
        if worker in self._idle:
            self._idle.remove(worker)
            self._begin(self._revive(worker))

    async def _revive(self, dead: Worker) -> None:
        """Replace a worker that ended while idle; if that fails, the next frame for it tries again."""
        worker = dead
        try:
            worker = await self._replace(dead)
        except (ChildEnded, WorkerDoesNotStart) as exc:
            log.warning("a worker that ended while idle is not replaced yet: %s", str(exc))
        finally:
            self._idle.append(worker)
            self._dispatch()

    async def _replace(self, dead: Worker) -> Worker:
        """Replace a dead worker by a fresh, ready one; keeps the dead one if no new one starts."""
        self._unwatch(dead)
        if self._closed:
            raise ChildEnded("the pool is closed")
        REPLACED.inc()
        fresh = self._new_worker()
        try:
            await self._on(fresh, fresh.wait_ready)
        except BaseException:
            self._workers.discard(fresh)
            await asyncio.to_thread(fresh.close)
            raise
        self._watch(fresh)
        self._workers.discard(dead)
        await asyncio.to_thread(dead.close)
        return fresh

    async def _on(
        self, worker: Worker, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a blocking call on a worker in a thread; cancelling the call kills the worker."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, lambda: call(*args, **kwargs))
        except asyncio.CancelledError:
            worker.kill()
            raise
