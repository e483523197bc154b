"""When each device was last heard of, written down together every few seconds, never by a request."""

import asyncio
import logging
from datetime import datetime
from uuid import UUID

from services.ingest.store import Devices
from shared.db import Database
from shared.errors import AlprError

log = logging.getLogger(__name__)


class LastSeen:
    """Remembers, and writes down in the background."""

    def __init__(self, db: Database, *, every_s: float) -> None:
        self._db = db
        self._every_s = every_s
        self._times: dict[UUID, datetime] = {}
        self._task: asyncio.Task[None] | None = None

    def note(self, device_id: UUID, now: datetime) -> None:
        """A device was heard of."""
        self._times[device_id] = now

    def start(self) -> None:
        """Begin writing down."""
        self._task = asyncio.create_task(self._run(), name="last seen")

    async def stop(self) -> None:
        """Write down what is left, and stop."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._try()

    async def flush(self) -> None:
        """Write down what was noted; what fails is kept for the next time. Raises: Unavailable."""
        times, self._times = self._times, {}
        if not times:
            return
        try:
            async with self._db.begin() as connection:
                await Devices(connection).seen(times)
        except Exception:
            self._times = {**times, **self._times}
            raise

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            await self._try()

    async def _try(self) -> None:
        try:
            await self.flush()
        except AlprError as exc:
            log.warning("last seen not written down yet: %s", exc.detail)
        except Exception:
            log.exception("last seen not written down yet")
