"""Publishes, minute by minute, the counts of refused requests that have no audit entry of their own."""

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
from shared.limits.refusals import GUARD, MINUTE, Allowance, Counted, LimitKey, RefusalTally
from shared.postgres.database import Database
from shared.postgres.outbox import emit

log = logging.getLogger(__name__)

RECORD_EVERY_S = 5.0

COUNTED = Counter(
    "alpr_refusals_counted", "Refused requests that the audit log has as a sum", ["service"]
)


class RefusalLog:
    """One service's allowance and tally, and the task that publishes the tally.

    A killed process loses the counts of its last minute. Refusals within the allowance are on record before
    the answer.
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
        """`crowded` returns whether the log is behind; the guard then records authenticated requests only."""
        self.allowance = Allowance(burst, per_minute)
        self._crowded = crowded
        self._tally = RefusalTally()
        self._service = service
        self._db = db
        self._clock = clock
        self._process = uuid4()
        self._counted = COUNTED.labels(service)
        self.recording = PeriodicTask(f"refusals of {service}", self.record, RECORD_EVERY_S)

    def reserve(self, key: LimitKey) -> bool:
        """Reserve a refusal under a key; return False if the allowance is spent, and a refusal has no audit entry."""
        if key.name == GUARD and self._crowded():
            return False
        return self.allowance.reserve(key)

    def count(self, key: LimitKey) -> None:
        """Count one refusal that has no audit entry of its own, at the current time."""
        self._tally.add(key, self._clock.now())
        self._counted.inc()

    def start(self) -> None:
        """Start publishing in the background."""
        self.recording.start()

    async def stop(self) -> None:
        """Publish all counts, the current minute included, then stop."""
        await self.recording.stop()
        try:
            await self.record(self._clock.now() + MINUTE)
        except AlprError as exc:
            log.error("%d counts of refusals not on record: %s", len(self._tally), exc.detail)

    async def record(self, before: datetime | None = None) -> int:
        """Publish the minutes that ended by `before`, by default now.

        Returns: the number of events written. Raises: Unavailable, after putting the counts back.
        """
        counts = self._tally.pop_before(before or self._clock.now())
        if not counts:
            return 0
        try:
            async with self._db.begin() as connection:
                await emit(connection, self._service, *map(self._event, counts))
        except BaseException:
            self._tally.put_back(counts)
            raise
        log.warning("%d refused requests on record as sums", sum(c.count for c in counts))
        return len(counts)

    def _event(self, counted: Counted) -> RefusalsCounted:
        network, route = counted.key
        # The id is derived: a retry after a lost commit reply writes the same entry.
        derived_from = ("refusals", self._service, self._process, counted.minute, network, route)
        return RefusalsCounted(
            event_id=derive_id(*derived_from),
            occurred_at=counted.last_at,
            service=self._service,
            client_address=network,
            route=route,
            count=counted.count,
            since=counted.first_at,
            until=counted.last_at,
            allowed=False,
        )
