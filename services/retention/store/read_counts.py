"""Counts of stored reads, for the public figures. What was counted of a month is remembered, so it is read once."""

from collections.abc import Mapping
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.store.slices import Span
from shared.postgres.database import driver_of

COUNTED_WITHIN_S = 600.0
"""Longer than other statements: a county has some ten million reads a day."""

_COUNT = "SELECT count(*) FROM reads r WHERE r.captured_at >= $1 AND r.captured_at < $2"
_HELD = text("SELECT count(*) FROM kept_reads WHERE captured_at < :end")
_PURGED = text(
    "SELECT max(before) FROM purge_runs WHERE state IN ('executing', 'executed', 'certified')"
)
_KNOWN = text("SELECT first_day, reads FROM counted_months")
_REMEMBER = text(
    "INSERT INTO counted_months (first_day, reads) VALUES (:first_day, :reads) ON CONFLICT DO NOTHING"
)


class ReadCounts:
    """Counts of reads; they say nothing of a person, a place or a plate."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def of(self, span: Span) -> int:
        """Return how many reads of a span are stored, without those that only a hold keeps."""
        driver = await driver_of(self._connection)
        return int(await driver.fetchval(_COUNT, *span, timeout=COUNTED_WITHIN_S))

    async def held_until(self, end: datetime) -> int:
        """Return how many reads captured before `end` only a hold keeps."""
        return int((await self._connection.execute(_HELD, {"end": end})).scalar_one())

    async def purged_before(self) -> datetime | None:
        """Return the time up to which purges have destroyed, or are destroying, records; None if none has run."""
        before: datetime | None = (await self._connection.execute(_PURGED)).scalar_one()
        return before

    async def remembered(self) -> Mapping[date, int]:
        """Return the reads of the months that were counted, by their first day."""
        return {row.first_day: row.reads for row in await self._connection.execute(_KNOWN)}

    async def remember(self, first_day: date, reads: int) -> None:
        """Remember the reads of a month that has ended."""
        await self._connection.execute(_REMEMBER, {"first_day": first_day, "reads": reads})
