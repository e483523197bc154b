"""Counts reads and holds for the public figures when a month has ended (policy 468.2)."""

from datetime import datetime, timedelta

from services.retention.store.holds import HoldsInForce
from services.retention.store.partitions import Partitions
from services.retention.store.read_counts import ReadCounts
from services.retention.store.slices import Span
from shared.core.months import Month, month_of
from shared.events import Counted, MonthCounted
from shared.service.api_runtime import ApiRuntime

A_DAY = timedelta(days=1)
"""The most that one transaction counts: a purge that drops a month waits for it, and gives up soon."""


class MonthCounter:
    """Counts the reads that were captured in a month, and what was stored when it had ended."""

    def __init__(self, runtime: ApiRuntime) -> None:
        self._runtime = runtime
        self._zone = runtime.policy.department.time_zone

    async def count(self, month: Month) -> MonthCounted:
        """Return the counts of a month that has ended. Raises: Unavailable."""
        async with self._runtime.db.begin() as connection:
            counts = ReadCounts(connection)
            first = next((one.start for one in await Partitions(connection).months()), month.start)
            begin = min(month_of(first, self._zone).start, month.start)
            stored = await counts.held_until(month.end)
            purged, known = await counts.purged_before(), await counts.remembered()
        # What a purge has left of its months is little, and changes.
        left = month_of(purged, self._zone).end if purged is not None else begin
        whole = min(max(left, begin), month.start)
        stored += await self._reads(begin, whole)
        captured = 0
        at = month_of(whole, self._zone)
        while at.start < month.end:
            is_known = at.first_day in known
            captured = known[at.first_day] if is_known else await self._count_once(at)
            stored += captured
            at = month_of(at.end, self._zone)
        async with self._runtime.db.begin() as connection:
            holds = len(await HoldsInForce(connection).ids())
        return MonthCounted(
            occurred_at=self._runtime.clock.now(),
            service=self._runtime.service,
            month=month.first_day,
            counts=[
                Counted(figure="reads_captured", count=captured),
                Counted(figure="reads_stored", count=stored),
                Counted(figure="holds_in_force", count=holds),
            ],
        )

    async def _count_once(self, month: Month) -> int:
        """Count the reads of a month that has ended, and remember their number."""
        reads = await self._reads(month.start, month.end)
        async with self._runtime.db.begin() as connection:
            await ReadCounts(connection).remember(month.first_day, reads)
        return reads

    async def _reads(self, start: datetime, end: datetime) -> int:
        reads = 0
        while start < end:
            stop = min(start + A_DAY, end)
            async with self._runtime.db.begin() as connection:
                reads += await ReadCounts(connection).of(Span(start, stop))
            start = stop
        return reads
