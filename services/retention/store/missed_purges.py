"""Records that are past the schedule, under no hold, and that no purge reaches."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.store.conditions import Conditions, of_captures, of_reads
from services.retention.store.holds import Hold
from services.retention.store.partitions import Partitions

DAY = timedelta(days=1)

# A daily run counts once it has destroyed what was due: a new one begins each day, however far the last one came.
_IS_REACHED = text(
    """
    SELECT EXISTS (
        SELECT FROM purge_runs WHERE before >= :before AND state NOT IN ('refused', 'withdrawn')
            AND greatest(executed_at, CASE WHEN kind <> 'daily' THEN
                greatest(proposed_at, decided_at, started_at) END) > :since
    )
    """
)
_REPORT = text("INSERT INTO missed_purges (oldest_on) VALUES (:oldest_on) ON CONFLICT DO NOTHING")


class MissedPurges:
    """Finds the oldest day of such records, and stores which days were reported."""

    def __init__(self, connection: AsyncConnection, holds: Sequence[Hold]) -> None:
        """`holds` are those in force."""
        self._connection = connection
        on_reads = [of_reads(hold.criteria, f"h{n}_") for n, hold in enumerate(holds)]
        on_captures = [
            of_captures(hold.criteria, f"h{n}_")
            for n, hold in enumerate(holds)
            if not hold.criteria.names_reads
        ]
        self._free = {
            "reads": _under_none_of(on_reads),
            # The reads of a capture stand for it: a held read keeps its capture.
            "captures": f"r.reads = 0 AND {_under_none_of(on_captures)}",
        }
        self._values = {name: value for held in on_reads for name, value in held.parameters.items()}

    async def oldest_day(self, before: datetime) -> date | None:
        """Return the first day (UTC), of those that end by `before`, with records that no hold keeps; None if none."""
        days = [await self._first_day(before), await self._first_released_day(before)]
        return min(filter(None, days), default=None)

    async def is_reached(self, day: date, since: datetime) -> bool:
        """Return whether a run that reaches past a day was proposed, authorised, begun or executed after `since`."""
        found = await self._connection.execute(
            _IS_REACHED, {"before": _end_of(day), "since": since}
        )
        return bool(found.scalar_one())

    async def report(self, day: date) -> bool:
        """Store that a day is reported; False if it was before."""
        return (await self._connection.execute(_REPORT, {"oldest_on": day})).rowcount == 1

    async def _first_day(self, before: datetime) -> date | None:
        """Search day by day, because the indexes of time tell days apart and not the first moment."""
        of_day = "r.captured_at >= :start AND r.captured_at < :end"
        query = " OR ".join(
            f"EXISTS (SELECT FROM {table} r WHERE {of_day} AND {free})"
            for table, free in self._free.items()
        )
        for month in await Partitions(self._connection).months():
            day = month.start
            while day < month.end and day + DAY <= before:
                values = {**self._values, "start": day, "end": day + DAY}
                found = await self._connection.execute(text(f"SELECT {query}"), values)
                if found.scalar_one():
                    return day.date()
                day += DAY
        return None

    async def _first_released_day(self, before: datetime) -> date | None:
        """Return the first day with records that a purge left for a hold which was released since."""
        queries = " UNION ALL ".join(
            f"SELECT min(r.captured_at) AS at FROM held_{table} r"  # noqa: S608 - constants
            f" WHERE r.captured_at < :before AND {free}"
            for table, free in self._free.items()
        )
        values = {**self._values, "before": before}
        found = await self._connection.execute(
            text(f"SELECT min(at) FROM ({queries}) AS firsts"),  # noqa: S608 - constants
            values,
        )
        first: datetime | None = found.scalar_one()
        return None if first is None else first.astimezone(UTC).date()


def _under_none_of(holds: Sequence[Conditions]) -> str:
    """Return the condition that no hold keeps `r`."""
    held = " OR ".join(f"({conditions.sql})" for conditions in holds)
    return f"NOT coalesce({held or 'false'}, false)"


def _end_of(day: date) -> datetime:
    return datetime.combine(day, time(), UTC) + DAY
