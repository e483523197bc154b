"""Advisory locks: who waits for whom.

| lock | shared by | exclusive for |
|---|---|---|
| a month | who stores reads of a month old enough to be purged | the purge that drops that month |
| plates | who stores reads | the removal of plates that no read has any more |
| passes of a device | – | who looks for passes in its reads |
| holds | – | placing a hold; the last look at the holds before a purge commits |

Always taken in this order, and a month's before any table is touched, so nobody waits in a circle.
"""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.domain.months import month_of

MONTH, PLATES, HOLDS, PARTITIONS, PASSES = 46801, 46802, 46803, 46804, 46805
"""First keys of this service's locks; the second tells schema and month apart."""

SHARED_SQL = "SELECT pg_advisory_xact_lock_shared($1, hashtext(current_schema() || $2))"

_EXCLUSIVE = text("SELECT pg_advisory_xact_lock(:lock, hashtext(current_schema() || :name))")


def month_name(moment: datetime) -> str:
    """Return the name of a moment's month as tables and locks have it: 2026_06."""
    return f"{month_of(moment):%Y_%m}"


class Locks:
    """Advisory locks, each held until the transaction ends."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def exclusive(self, lock: int, name: str = "") -> None:
        """Take a lock until the transaction ends."""
        await self._connection.execute(_EXCLUSIVE, {"lock": lock, "name": name})
