"""Work in the background, again and again; what fails is logged and tried again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from shared.errors import AlprError

log = logging.getLogger(__name__)


class Repeated:
    """Calls `work` every so often, first at once or after the first wait."""

    def __init__(
        self,
        work: Callable[[], Awaitable[object]],
        *,
        every_s: float,
        name: str,
        fault: str,
        at_once: bool = False,
    ) -> None:
        """`fault` begins the log line of work that failed, e.g. "silence not looked at"."""
        self._work = work
        self._every_s = every_s
        self._name = name
        self._fault = fault
        self._at_once = at_once
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name=self._name)

    async def stop(self) -> bool:
        """Stop; tell whether it had been started."""
        if self._task is None:
            return False
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        return True

    async def once(self) -> None:
        """Do the work now; a failure is logged and not raised."""
        try:
            await self._work()
        except AlprError as exc:
            log.warning("%s: %s", self._fault, exc.detail)
        except Exception:  # whatever it is, the next time may go well
            log.exception("%s", self._fault)

    async def _run(self) -> None:
        if self._at_once:
            await self.once()
        while True:
            await asyncio.sleep(self._every_s)
            await self.once()
