"""The log before this one: the date from which it may be destroyed, and the destruction."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


class OldLogRows:
    """Calls functions that run as the owner of the tables. The service's own role cannot change the old log."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def due(self, years: int) -> datetime | None:
        """Return the time from which the old log may be destroyed; None if there is no old log."""
        found = await self._connection.execute(text("SELECT old_log_due(:years)"), {"years": years})
        due: datetime | None = found.scalar_one()
        return due

    async def newest_at(self) -> datetime:
        """Return the time of its last append."""
        found = await self._connection.execute(text("SELECT max(appended_at) FROM old_entries"))
        newest: datetime = found.scalar_one()
        return newest

    async def destroy(self, destroying: UUID, years: int) -> None:
        """Destroy the whole old log. The transaction commits only with an entry of event id `destroying`.

        Raises: DBAPIError if the old log is not due, or if this log has no entry that closed it.
        """
        await self._connection.execute(
            text("SELECT destroy_old_log(:destroying, :years)"),
            {"destroying": destroying, "years": years},
        )
