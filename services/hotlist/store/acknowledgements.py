"""Who has taken an alert; each person once for each hit."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.hotlist.store.outcomes import BY, PERSON, person
from shared.access.grant import Grant


class Acknowledgements:
    """Acknowledgements. Lock a hit with `Hits.alert` before a change."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, grant: Grant, hit_id: UUID) -> None:
        """Store that the caller has taken a hit."""
        statement = text(
            f"INSERT INTO acknowledgements (hit_id, at, {PERSON}) VALUES (:hit_id, :at, {BY})"  # noqa: S608 - names
        )
        await self._connection.execute(statement, {"hit_id": hit_id, **person(grant)})

    async def remove(self, grant: Grant, hit_id: UUID) -> None:
        """Delete the caller's acknowledgement of a hit."""
        await self._connection.execute(
            text("DELETE FROM acknowledgements WHERE hit_id = :hit_id AND person_id = :person_id"),
            {"hit_id": hit_id, "person_id": grant.actor.person_id},
        )
