"""The sums of each month: counts of the log's entries, and what services report (policy 468.2)."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date, datetime

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.domain.figures import ENTRIES, Key, MonthSums
from shared.postgres.database import driver_of

_LOGGED = """
    SELECT seq, kind, occurred_at, appended_at, service, person_id, permission, allowed, purpose_kind,
        CASE WHEN kind = ANY($3) THEN entry END AS content
    FROM entries WHERE seq >= $1 ORDER BY seq LIMIT $2
"""
_ROWS = (
    "SELECT * FROM unnest(CAST(:months AS date[]), CAST(:figures AS text[]), CAST(:kinds AS text[]),"
    " CAST(:counts AS bigint[]))"
)
_ADD = text(
    f"""
    INSERT INTO month_figures AS f (month, figure, kind, count) {_ROWS}
    ON CONFLICT (month, figure, kind) DO UPDATE SET count = f.count + excluded.count
    """
)
_REPORT = text(
    f"INSERT INTO month_figures (month, figure, kind, count) {_ROWS} ON CONFLICT DO NOTHING"
)
_ALL = text(
    "SELECT month, figure, kind, count AS found FROM month_figures ORDER BY month, figure, kind"
)

_POSITION = text("SELECT seq FROM cursors WHERE name = 'figures'")

Count = tuple[date, Key]
"""A month's first day, and what is counted in it."""


class Logged(msgspec.Struct, frozen=True, gc=False):
    """What the counts need of an entry."""

    seq: int
    kind: str
    occurred_at: datetime
    appended_at: datetime
    service: str
    person_id: str | None
    permission: str | None
    allowed: bool | None
    purpose_kind: str | None
    content: bytes | None
    """The entry, if its kind is one of those asked for."""


class Figures:
    """The only code that touches the sums. No sum says anything of one person, place, device, case or plate."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def logged(self, start: int, limit: int, with_content: Collection[str]) -> list[Logged]:
        """Return at most `limit` entries from `start` on, in the log's order; `with_content`: kinds of entries."""
        driver = await driver_of(self._connection)
        return [Logged(*row) for row in await driver.fetch(_LOGGED, start, limit, [*with_content])]

    async def add(self, counts: Mapping[Count, int]) -> None:
        """Add counts of further entries, in the transaction that advances the position in the log."""
        await self._connection.execute(_ADD, _columns(counts))

    async def report(self, counts: Mapping[Count, int]) -> None:
        """Store what a service counted; the first report of a month stays."""
        await self._connection.execute(_REPORT, _columns(counts))

    async def position(self) -> int:
        """Return the number of entries that were counted."""
        return int((await self._connection.execute(_POSITION)).scalar_one_or_none() or 0)

    async def stored(self) -> Mapping[Count, int]:
        """Return all sums."""
        return {
            (row.month, Key(row.figure, row.kind)): row.found
            for row in await self._connection.execute(_ALL)
        }

    async def months(self) -> list[MonthSums]:
        """Return the sums of all months in which the log has entries, and of those between, oldest first.

        A month has ended once the log has an entry of a later one: times of appends follow the numbers.
        """
        sums = defaultdict[date, dict[Key, int]](dict)
        for (month, key), found in (await self.stored()).items():
            sums[month][key] = found
        covered = [month for month, found in sums.items() if Key(ENTRIES) in found]
        return [
            MonthSums(month, covered[0] < month < covered[-1], found)
            for month, found in sums.items()
            if covered and covered[0] <= month <= covered[-1]
        ]


def _columns(counts: Mapping[Count, int]) -> dict[str, object]:
    return {
        "months": [month for month, _ in counts],
        "figures": [key.figure for _, key in counts],
        "kinds": [key.kind for _, key in counts],
        "counts": [*counts.values()],
    }
