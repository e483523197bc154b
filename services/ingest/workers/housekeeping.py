"""Deletes, once a day, arrival times of frames past the retention schedule."""

import logging
from datetime import timedelta

from services.ingest.store.devices import FirstSeen
from shared.core.periodic import PeriodicTask
from shared.service.api_runtime import ApiRuntime

log = logging.getLogger(__name__)

EVERY_S = 86_400


class Housekeeping:
    """Runs in the background; safe in several processes at once."""

    def __init__(self, runtime: ApiRuntime) -> None:
        self._runtime = runtime
        self.daily = PeriodicTask("ingest housekeeping", self.forget, EVERY_S, at_once=True)

    async def forget(self) -> int:
        """Delete arrival times past the schedule; returns the number of frames. Raises: Unavailable."""
        retention = timedelta(days=self._runtime.policy.retention.schedule_days)
        async with self._runtime.db.begin() as connection:
            count = await FirstSeen(connection).forget(self._runtime.clock.now() - retention)
        log.info("deleted the arrival times of %d frames past the schedule", count)
        return count
