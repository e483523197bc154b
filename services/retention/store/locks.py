"""Advisory locks, with their shared and exclusive holders.

| lock | shared by | exclusive for |
|---|---|---|
| a month | writers of records of a month old enough to be purged | the purge that drops that month |
| plates | writers of records | the removal of plates without reads |
| passes of a device | – | the worker that makes passes of its reads |
| corrections of a read | – | adding one |
| holds | – | placing a hold; the last check of the holds before a purge commits |

Every transaction acquires them in this order, and a month's before it touches any table, so they cannot deadlock. The
one that drops a month acquires the holds before the month; no other has both.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.postgres.database import Database

MONTH, PLATES, HOLDS, PARTITIONS, PASSES, PURGER, ACCURACY, CORRECTIONS = range(46801, 46809)
"""First keys of this service's locks; the second key is a hash of the schema and the name."""

SHARED_SQL = "SELECT pg_advisory_xact_lock_shared($1, hashtext(current_schema() || $2))"

_EXCLUSIVE = text("SELECT pg_advisory_xact_lock(:lock, hashtext(current_schema() || :name))")

_TRY = text("SELECT pg_try_advisory_lock(:lock, hashtext(current_schema()))")
_UNLOCK = text("SELECT pg_advisory_unlock(:lock, hashtext(current_schema()))")

LOCK_NOT_AVAILABLE = "55P03"
"""The SQLSTATE of a lock that another transaction held for too long (PostgreSQL documentation, appendix A)."""


def month_of(moment: datetime) -> datetime:
    """Return the first moment of a moment's month, in UTC."""
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def next_month(month: datetime) -> datetime:
    """Return the first moment of the next month."""
    return month_of(month + timedelta(days=32))


def month_name(moment: datetime) -> str:
    """Return the name of a moment's month in tables and locks, such as 2026_06."""
    return f"{month_of(moment):%Y_%m}"


class Locks:
    """Acquires advisory locks; each lasts until the transaction ends."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def exclusive(self, lock: int, name: str = "") -> None:
        """Acquire a lock exclusively until the transaction ends."""
        await self._connection.execute(_EXCLUSIVE, {"lock": lock, "name": name})


@asynccontextmanager
async def only_holder(db: Database, lock: int) -> AsyncIterator[bool]:
    """Hold a lock as long as the block lasts, outside any transaction; yields False at once if another holds it.

    Raises: Unavailable if Postgres does not answer.
    """
    async with db.connect() as connection:
        held = bool((await connection.execute(_TRY, {"lock": lock})).scalar_one())
        try:
            yield held
            if held:
                await connection.execute(_UNLOCK, {"lock": lock})
        except BaseException:
            await connection.invalidate()  # closes it, which releases the lock
            raise
