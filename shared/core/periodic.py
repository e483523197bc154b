"""Work that a service does by itself, again and again: one class for all of it, seen in /readyz and a gauge."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from prometheus_client import Gauge

from shared.core.errors import AlprError

log = logging.getLogger(__name__)

FAILING = Gauge("alpr_task_failing", "1 while a background task fails", ["task"])

DRAINS_WITHIN_S = 5.0


class PeriodicTask:
    """Calls `work` every `every_s` seconds, and at once when woken; a failed turn is logged and tried again."""

    def __init__(
        self,
        name: str,
        work: Callable[[], Awaitable[object]],
        every_s: float,
        *,
        at_once: bool = False,
        drain: bool = False,
    ) -> None:
        """Set up a task; nothing runs before `start`.

        Args:
            name: what /readyz, the gauge and log lines call it.
            work: one turn.
            every_s: how long it waits between turns.
            at_once: take the first turn at the start, not after the first wait.
            drain: at the stop, let the turn in hand end (5 s at most), since cutting off a query
                costs its connection. Otherwise it is cancelled.
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
        """Why the last turn failed, or None."""
        return self._failing

    @property
    def started(self) -> bool:
        """Whether it was started."""
        return self._task is not None

    def start(self) -> None:
        """Begin in the background."""
        self._stopping = False
        self._task = asyncio.create_task(self._run(), name=self.name)

    def wake(self) -> None:
        """Take the next turn now."""
        self._woken.set()

    def works(self) -> None:
        """Clear the fault in the middle of a turn that goes on for long."""
        self._set(None)

    async def stop(self) -> None:
        """Stop. What is cancelled rolls back and is done after the next start."""
        if self._task is None:
            return
        self._stopping = True
        if self._drain:
            self.wake()
            await asyncio.wait([self._task], timeout=DRAINS_WITHIN_S)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def once(self) -> None:
        """Take one turn now; a failure is logged and not raised."""
        try:
            await self._work()
        except AlprError as exc:
            self._set(exc.detail)
            log.warning("%s waits: %s", self.name, exc.detail)
        except Exception as exc:  # whatever it is, the next turn may succeed
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
