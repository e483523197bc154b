"""A background task that does what waits: when woken, and every so often besides."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from shared.errors import Unavailable

log = logging.getLogger(__name__)


class Worker:
    """Runs `work` again and again until stopped; a failure is logged and the next turn tries again."""

    def __init__(self, name: str, work: Callable[[], Awaitable[None]], *, every_s: float) -> None:
        self._name = name
        self._work = work
        self._every_s = every_s
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin in the background, at once."""
        self._task = asyncio.create_task(self._run(), name=self._name)

    def wake(self) -> None:
        """Take the next turn now."""
        self._woken.set()

    async def stop(self) -> None:
        """Stop; what is in hand rolls back and is done after the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            try:
                await self._work()
            except Unavailable as exc:
                log.warning("%s waits: %s", self._name, exc.detail)
            except Exception:
                log.exception("%s failed; again in %.0f s", self._name, self._every_s)
            try:
                async with asyncio.timeout(self._every_s):
                    await self._woken.wait()
            except TimeoutError:
                continue
