"""Monthly partitions of reads and captures, made ahead and on demand. There is no default partition.

Functions of the tables' owner make and drop them; the service's role may call these functions (ADR-0016).
"""

from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.store.locks import PARTITIONS, Locks, month_name, next_month

TABLES = ("reads", "captures")

_NAMES = text(
    "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
    " WHERE i.inhparent = to_regclass(:parent)"
)
_MAKE = text("SELECT make_month(:moment)")
_DROP = text("SELECT drop_month(:moment)")
_SUMMARIZE = text("SELECT summarize_month(:moment)")


class Month(NamedTuple):
    """One month that has partitions: [start, end)."""

    start: datetime
    end: datetime

    @property
    def name(self) -> str:
        """The month in the partitions' names, such as 2026_06."""
        return month_name(self.start)


def _start(name: str) -> datetime:
    year, month = name.split("_")
    return datetime(int(year), int(month), 1, tzinfo=UTC)


class Partitions:
    """Monthly partitions of reads and captures."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def months(self) -> list[Month]:
        """Return the months that have partitions, oldest first."""
        found: set[datetime] = set()
        for table in TABLES:
            names = (await self._connection.execute(_NAMES, {"parent": table})).scalars()
            found |= {_start(name.removeprefix(f"{table}_")) for name in names}
        return [Month(start, next_month(start)) for start in sorted(found)]

    async def overdue(self, before: datetime) -> list[str]:
        """Return the names of months that ended by `before` and still have partitions."""
        return [month.name for month in await self.months() if month.end <= before]

    async def make(self, moment: datetime) -> None:
        """Make the partitions of a moment's month unless they exist.

        Creates a separate table and attaches it, which does not wait for readers and writers of other months.
        """
        await Locks(self._connection).exclusive(PARTITIONS)
        await self._connection.execute(_MAKE, {"moment": moment})

    async def summarize(self, month: Month) -> None:
        """Bring the time indexes of a month up to date with its newest pages."""
        await self._connection.execute(_SUMMARIZE, {"moment": month.start})

    async def drop(self, month: Month) -> bool:
        """Detach and drop a month's partitions; the commit destroys all rows in them.

        Postgres refuses unless an executing purge run reaches past the month.
        Returns: False if the partitions did not exist.
        """
        return bool((await self._connection.execute(_DROP, {"moment": month.start})).scalar_one())
