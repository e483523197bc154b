"""A task that looks whenever something changed, and now and then in case it was not told."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from shared.errors import AlprError

log = logging.getLogger(__name__)

STOPS_WITHIN_S = 5.0


class Watch:
    """Calls `look` after each `changed.set()` and at least every `poll_s`; a fault is tried again."""

    def __init__(self, name: str, look: Callable[[], Awaitable[None]], poll_s: float) -> None:
        self.changed = asyncio.Event()
        self._name = name
        self._look = look
        self._poll_s = poll_s
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin in the background."""
        self._task = asyncio.create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        """Let the look in hand end, for a query cut off costs its connection; then stop."""
        if self._task is None:
            return
        self._stopping = True
        self.changed.set()
        await asyncio.wait([self._task], timeout=STOPS_WITHIN_S)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while not self._stopping:
            self.changed.clear()
            try:
                await self._look()
            except AlprError as exc:
                log.warning("%s waits: %s", self._name, exc.detail)
            except Exception:
                log.exception("%s failed; it tries again", self._name)
            if self._stopping:
                return
            try:
                async with asyncio.timeout(self._poll_s):
                    await self.changed.wait()
            except TimeoutError:
                pass
