"""Stores when each device last sent data, and whether it came late, in one write every few seconds instead of one per
request."""

from datetime import datetime, timedelta
from uuid import UUID

from services.ingest.domain.lateness import Arrivals, a_late_one, a_live_one
from services.ingest.store.devices import Devices
from shared.core.periodic import PeriodicTask
from shared.postgres.database import Database


class LastSeen:
    """Collects the times, and stores them in the background."""

    def __init__(self, db: Database, *, every_s: float, late_after_s: int) -> None:
        """`late_after_s` is the longest pause within a stretch of late posts."""
        self._db = db
        self._pause = timedelta(seconds=late_after_s)
        self._times: dict[UUID, datetime] = {}
        self._arrivals: dict[UUID, Arrivals] = {}
        self.writing = PeriodicTask("last seen", self.flush, every_s)

    def note(self, device_id: UUID, now: datetime) -> None:
        """Record that a device sent data, which was not refused for its own fault."""
        self._times[device_id] = now

    def note_arrival(self, device_id: UUID, now: datetime, *, live: bool) -> None:
        """Record that a post of a device was accepted, and whether any of it was live."""
        if live:
            self._arrivals[device_id] = a_live_one(now)
            return
        late, known = a_late_one(now), self._arrivals.get(device_id)
        self._arrivals[device_id] = late if known is None else known.then(late)

    async def flush(self) -> None:
        """Store the collected times; after a failure they stay for the next flush. Raises: Unavailable."""
        times, self._times = self._times, {}
        arrivals, self._arrivals = self._arrivals, {}
        if not times and not arrivals:
            return
        try:
            async with self._db.begin() as connection:
                await Devices(connection).seen(times, arrivals, self._pause)
        except Exception:
            self._times = {**times, **self._times}
            for device_id, later in self._arrivals.items():
                known = arrivals.get(device_id)
                arrivals[device_id] = later if known is None else known.then(later)
            self._arrivals = arrivals
            raise
