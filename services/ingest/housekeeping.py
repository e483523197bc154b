"""Forgets, once a day, frames that came longer ago than records are kept."""

import asyncio
import logging
from datetime import timedelta

from services.ingest.store import FirstSeen
from shared.errors import AlprError
from shared.runtime import Runtime

log = logging.getLogger(__name__)

EVERY_S = 86_400


class Housekeeping:
    """Runs in the background; several processes at it do no harm."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name="ingest housekeeping")

    async def stop(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def forget(self) -> int:
        """Forget what is past the schedule; return how many frames. Raises: Unavailable."""
        kept = timedelta(days=self._runtime.policy.retention.schedule_days)
        async with self._runtime.db.begin() as connection:
            return await FirstSeen(connection).forget(self._runtime.clock.now() - kept)

    async def _run(self) -> None:
        while True:
            try:
                log.info("forgot %d frames past the schedule", await self.forget())
            except AlprError as exc:
                log.warning("old frames not forgotten: %s", exc.detail)
            except Exception:
                log.exception("old frames not forgotten")
            await asyncio.sleep(EVERY_S)
