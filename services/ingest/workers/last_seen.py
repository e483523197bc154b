"""Stores when each device last sent data, in one write every few seconds instead of one per request."""

from datetime import datetime
from uuid import UUID

from services.ingest.store.devices import Devices
from shared.core.periodic import PeriodicTask
from shared.postgres.database import Database


class LastSeen:
    """Collects the times, and stores them in the background."""

    def __init__(self, db: Database, *, every_s: float) -> None:
        self._db = db
        self._times: dict[UUID, datetime] = {}
        self.writing = PeriodicTask("last seen", self.flush, every_s)

    def note(self, device_id: UUID, now: datetime) -> None:
        """Record that a device sent data, which was not refused for its own fault."""
        self._times[device_id] = now

    async def flush(self) -> None:
        """Store the collected times; after a failure they stay for the next flush. Raises: Unavailable."""
        times, self._times = self._times, {}
        if not times:
            return
        try:
            async with self._db.begin() as connection:
                await Devices(connection).seen(times)
        except Exception:
            self._times = {**times, **self._times}
            raise
