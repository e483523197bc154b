"""Tells the audit log, minute by minute, how many requests were refused without an entry of their own."""

import logging
from collections.abc import Callable
from datetime import datetime
from uuid import uuid4

from prometheus_client import Counter

from shared.core.clock import Clock
from shared.core.errors import AlprError
from shared.core.ids import derive_id
from shared.core.periodic import PeriodicTask
from shared.events import RefusalsCounted
from shared.limits.refusals import GUARD, MINUTE, Allowance, Counted, Door, Tally
from shared.postgres.database import Database
from shared.postgres.outbox import emit

log = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0

COUNTED = Counter(
    "alpr_refusals_counted", "Refused requests that the audit log has as a sum", ["service"]
)


class RefusalLog:
    """One service's allowance and tally, and the task that puts the tally on record.

    What a process counted in its last minute is lost with it if it is killed; refusals within the
    allowance are on record before they are answered.
    """

    def __init__(
        self,
        service: str,
        db: Database,
        clock: Clock,
        *,
        burst: int,
        per_minute: float,
        crowded: Callable[[], bool],
    ) -> None:
        """`crowded` tells whether the log is behind: then it has room left for people known alone."""
        self.allowance = Allowance(burst, per_minute)
        self._crowded = crowded
        self._tally = Tally()
        self._service = service
        self._db = db
        self._clock = clock
        self._process = uuid4()
        self._counted = COUNTED.labels(service)
        self.telling = PeriodicTask(f"refusals of {service}", self.record, LOOK_EVERY_S)

    def reserve(self, door: Door) -> bool:
        """Take one of a door's allowance; False where a refusal there gets no entry of its own."""
        if door.name == GUARD and self._crowded():
            return False
        return self.allowance.reserve(door)

    def count(self, door: Door) -> None:
        """Count one refusal, just now."""
        self._tally.add(door, self._clock.now())
        self._counted.inc()

    def start(self) -> None:
        """Begin telling in the background."""
        self.telling.start()

    async def stop(self) -> None:
        """Tell what is left, the minute that runs included, then stop."""
        await self.telling.stop()
        try:
            await self.record(self._clock.now() + MINUTE)
        except AlprError as exc:
            log.error("%d counts of refusals not on record: %s", len(self._tally), exc.detail)

    async def record(self, before: datetime | None = None) -> int:
        """Put the minutes on record that ended by `before`, now unless it is said.

        Returns: how many entries that made. Raises: Unavailable; what was counted stays counted.
        """
        taken = self._tally.take(before or self._clock.now())
        if not taken:
            return 0
        try:
            async with self._db.begin() as connection:
                await emit(connection, self._service, *map(self._event, taken))
        except BaseException:
            self._tally.put_back(taken)
            raise
        log.warning("%d refused requests on record as sums", sum(c.count for c in taken))
        return len(taken)

    def _event(self, counted: Counted) -> RefusalsCounted:
        place, door = counted.door
        # Derived, so that what is told twice, a commit's answer having been lost, is one entry.
        told = ("refusals", self._service, self._process, counted.minute, place, door)
        return RefusalsCounted(
            event_id=derive_id(*told),
            occurred_at=counted.last_at,
            service=self._service,
            client_address=place,
            route=door,
            count=counted.count,
            since=counted.first_at,
            until=counted.last_at,
            allowed=False,
        )
