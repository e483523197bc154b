"""Holds in force, of all agencies, whose review is due or whose owner has left; the log has each once."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.store.holds import FROM_HOLDS, HOLD_COLUMNS, OVERDUE, Hold

_OWNER = "coalesce(owner, placed_by)->>'person_id'"
_FIRST = "ORDER BY placed_at, hold_id LIMIT :limit FOR UPDATE OF holds SKIP LOCKED"
_UNREPORTED = text(
    f"SELECT {HOLD_COLUMNS} {FROM_HOLDS} WHERE {OVERDUE}"  # noqa: S608 - constants
    " AND overdue_reported IS DISTINCT FROM coalesce(review_by, placed_at + interval '365 days')"
    f" {_FIRST}"
)
_OWNERS = text(
    f"SELECT DISTINCT {_OWNER} {FROM_HOLDS}"  # noqa: S608 - constants
    f" WHERE released_at IS NULL AND owner_reported IS DISTINCT FROM {_OWNER}"
)
_OF_OWNERS = text(
    f"SELECT {HOLD_COLUMNS} {FROM_HOLDS} WHERE released_at IS NULL"  # noqa: S608 - constants
    f" AND {_OWNER} = ANY(:owners) AND owner_reported IS DISTINCT FROM {_OWNER} {_FIRST}"
)
_MARK = """
    INSERT INTO hold_reviews (hold_id, owner, review_by, {column})
    VALUES (:hold_id, CAST(:owner AS jsonb), :review_by, {value})
    ON CONFLICT (hold_id) DO UPDATE SET {column} = excluded.{column}
"""
_MARK_OVERDUE = text(_MARK.format(column="overdue_reported", value=":review_by"))
_MARK_OWNER = text(
    _MARK.format(column="owner_reported", value="CAST(:owner AS jsonb)->>'person_id'")
)


class HoldReviews:
    """What the log is to have of holds in force, once for each date of review and for each owner who left."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def overdue(self, now: datetime, limit: int) -> Sequence[Hold]:
        """Return holds that are past a date of review that the log lacks; other workers skip them meanwhile."""
        return [
            Hold.of(row)
            for row in await self._connection.execute(_UNREPORTED, {"now": now, "limit": limit})
        ]

    async def owners(self) -> Sequence[str]:
        """Return the account ids of owners of whom the log does not have that they left."""
        return (await self._connection.execute(_OWNERS)).scalars().all()

    async def of_owners(self, owners: Collection[str], limit: int) -> Sequence[Hold]:
        """Return holds of these owners of which the log lacks it; other workers skip them meanwhile."""
        given = {"owners": sorted(owners), "limit": limit}
        return [Hold.of(row) for row in await self._connection.execute(_OF_OWNERS, given)]

    async def mark_overdue(self, hold: Hold) -> None:
        """Record that the log has that a hold's date of review is past."""
        await self._connection.execute(_MARK_OVERDUE, _row_of(hold))

    async def mark_owner(self, hold: Hold) -> None:
        """Record that the log has that a hold's owner has left."""
        await self._connection.execute(_MARK_OWNER, _row_of(hold))


def _row_of(hold: Hold) -> dict[str, Any]:
    owner = msgspec.json.encode(hold.owner).decode()
    return {"hold_id": hold.hold_id, "owner": owner, "review_by": hold.review_by}
