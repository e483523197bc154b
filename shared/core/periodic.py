"""Periodic background tasks of a service: one class for all of them, visible in /readyz and a gauge."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from prometheus_client import Gauge

from shared.core.errors import AlprError

log = logging.getLogger(__name__)

FAILING = Gauge("alpr_task_failing", "1 while a background task fails", ["task"])

DRAINS_WITHIN_S = 5.0


class PeriodicTask:
    """Calls `work` every `every_s` seconds, and at once when woken; a failed run is logged and retried."""

    def __init__(
        self,
        name: str,
        work: Callable[[], Awaitable[object]],
        every_s: float,
        *,
        at_once: bool = False,
        drain: bool = False,
    ) -> None:
        """Set up a task; `start` begins its runs.

        Args:
            name: its name in /readyz, the gauge and log lines.
            work: one run.
            every_s: pause between runs.
            at_once: begin with a run instead of a pause.
            drain: at the stop, let the current run finish (5 s at most), since cancelling a query costs its
                connection. Otherwise the run is cancelled.
        """
        self.name = name
        self._work = work
        self._every_s = every_s
        self._at_once = at_once
        self._drain = drain
        self._woken = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self._failing: str | None = None

    @property
    def failing(self) -> str | None:
        """Why the last run failed, or None."""
        return self._failing

    @property
    def started(self) -> bool:
        """Whether it was started."""
        return self._task is not None

    def start(self) -> None:
        """Start in the background."""
        self._stopping = False
        self._task = asyncio.create_task(self._run(), name=self.name)

    def wake(self) -> None:
        """Begin the next run now."""
        self._woken.set()

    def works(self) -> None:
        """Clear the failure in the middle of a long run."""
        self._set(None)

    async def stop(self) -> None:
        """Stop. A cancelled run rolls back, and is repeated after the next start."""
        if self._task is None:
            return
        self._stopping = True
        if self._drain:
            self.wake()
            await asyncio.wait([self._task], timeout=DRAINS_WITHIN_S)
        await cancelled(self._task)

    async def once(self) -> None:
        """Run once now; a failure is logged and not raised."""
        try:
            await self._work()
        except asyncio.CancelledError:
            if is_being_cancelled():
                raise
            self._set("a call was cancelled")
            log.warning("%s waits: a call was cancelled", self.name)
        except AlprError as exc:
            self._set(exc.detail)
            log.warning("%s waits: %s", self.name, exc.detail)
        except Exception as exc:  # of any kind: the next run may succeed
            self._set(type(exc).__name__)
            log.exception("%s failed; again in %.0f s", self.name, self._every_s)
        else:
            self._set(None)

    async def _run(self) -> None:
        if not self._at_once:
            await self._wait()
        while not self._stopping:
            self._woken.clear()
            await self.once()
            if not self._stopping:
                await self._wait()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._every_s):
                await self._woken.wait()
        except TimeoutError:
            pass

    def _set(self, failing: str | None) -> None:
        self._failing = failing
        FAILING.labels(self.name).set(failing is not None)


def is_being_cancelled() -> bool:
    """Whether the running task itself was cancelled, rather than a call that it awaited, as aiokafka's may be."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def cancelled(task: asyncio.Task[Any] | None) -> None:
    """Cancel a task that may not have been started, and wait for its end; its errors are not raised."""
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
