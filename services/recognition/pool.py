"""Worker processes off the event loop, one frame in each at a time.

So it is always known which frame killed a worker. Such a frame is tried once more, on a fresh
worker; the second time it is refused by name. A dead worker is replaced before the next frame.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from prometheus_client import Counter

from services.recognition.worker import EngineFactory, FrameReading, Ready
from services.recognition.workers import Worker, WorkerDied
from shared.errors import AlprError

log = logging.getLogger(__name__)

ATTEMPTS: Final = 2
DIGEST_DIGITS: Final = 16

REPLACED = Counter("alpr_recognition_workers_replaced", "Worker processes that had to be replaced")

P = ParamSpec("P")
T = TypeVar("T")


class FrameKilledWorker(AlprError):
    """A frame killed its worker, or kept it past its time, twice."""

    title = "The frame killed its worker"


def cores(quota: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Cores that this process may use, a container's limit (cgroup v2) included."""
    free = len(os.sched_getaffinity(0))
    try:
        limit, period = quota.read_text().split()
    except (OSError, ValueError):
        return free
    return free if limit == "max" else max(1, min(free, int(limit) // int(period)))


class WorkerPool:
    """Reads frames in worker processes. Use from one event loop."""

    def __init__(
        self,
        make_engine: EngineFactory,
        *,
        workers: int | None = None,
        frame_timeout_s: float = 20.0,
    ) -> None:
        self._make_engine = make_engine
        self._size = workers or cores()
        self._frame_timeout_s = frame_timeout_s
        self._idle: asyncio.Queue[Worker] = asyncio.Queue()
        self._workers: set[Worker] = set()
        # A thread waits on the pipe of each busy worker; idle ones cost nothing.
        self._threads = ThreadPoolExecutor(self._size, "recognition")
        self._ready: Ready | None = None
        self._closed = False

    @property
    def size(self) -> int:
        """Frames that are read at the same time."""
        return self._size

    @property
    def idle(self) -> int:
        """Workers without a frame."""
        return self._idle.qsize()

    @property
    def workers(self) -> frozenset[Worker]:
        """The workers that there are now."""
        return frozenset(self._workers)

    @property
    def model(self) -> str:
        """The engine as `name@digest`, known once started."""
        if self._ready is None:
            raise RuntimeError("the pool is not started")
        return f"{self._ready.name}@{self._ready.digest[:DIGEST_DIGITS]}"

    async def start(self) -> None:
        """Start all workers and wait for their engines. Raises: WorkerDoesNotStart."""
        workers = [self._new_worker() for _ in range(self._size)]
        try:
            answers = await asyncio.gather(*(self._on(one, one.wait_ready) for one in workers))
        except BaseException:
            await self.close()
            raise
        self._ready = answers[0]
        for worker in workers:
            self._idle.put_nowait(worker)

    async def read(self, image: bytes) -> FrameReading:
        """Read the plates of one frame; waits for a free worker.

        Args:
            image: a JPEG, PNG or WebP file.

        Raises: UndecodableImage, ImageTooLarge, EngineFailed or FrameKilledWorker about the frame;
            WorkerDoesNotStart where a dead worker cannot be replaced.
        """
        worker = await self._idle.get()
        try:
            if not worker.is_alive():
                worker = await self._replace(worker)
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    return await self._on(worker, worker.read, image, self._frame_timeout_s)
                except WorkerDied as exc:
                    log.warning("a frame ended its worker, attempt %d: %s", attempt, exc)
                    how = str(exc)
                    worker = await self._replace(worker)
            raise FrameKilledWorker(f"{ATTEMPTS} times: {how}")
        finally:
            self._idle.put_nowait(worker)

    async def close(self) -> None:
        """End all workers; frames in hand are given up."""
        self._closed = True
        for worker in self._workers:
            worker.kill()
        for worker in self._workers:
            await asyncio.to_thread(worker.close)
        self._workers.clear()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _new_worker(self) -> Worker:
        worker = Worker.start(self._make_engine)
        self._workers.add(worker)
        return worker

    async def _replace(self, dead: Worker) -> Worker:
        """A fresh, ready worker in the place of a dead one; the dead one where none starts."""
        if self._closed:
            raise WorkerDied("the pool is closed")
        REPLACED.inc()
        fresh = self._new_worker()
        try:
            await self._on(fresh, fresh.wait_ready)
        except BaseException:
            self._workers.discard(fresh)
            await asyncio.to_thread(fresh.close)
            raise
        self._workers.discard(dead)
        await asyncio.to_thread(dead.close)
        return fresh

    async def _on(
        self, worker: Worker, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a blocking call on a worker in a thread; given up, the worker is ended with it."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, lambda: call(*args, **kwargs))
        except asyncio.CancelledError:
            worker.kill()
            raise
