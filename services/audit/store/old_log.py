"""When the log before this one is due, and the only way to destroy it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


class OldLogRows:
    """Asks the functions of the tables' owner; the working role can change nothing of the old log."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def due(self, kept_years: int) -> datetime | None:
        """Return from when on it may be destroyed; None where there is no old log."""
        found = await self._connection.execute(
            text("SELECT old_log_due(:years)"), {"years": kept_years}
        )
        due: datetime | None = found.scalar_one()
        return due

    async def newest_at(self) -> datetime:
        """Return when its last entry was appended."""
        found = await self._connection.execute(text("SELECT max(appended_at) FROM old_entries"))
        newest: datetime = found.scalar_one()
        return newest

    async def destroy(self, destroying: UUID, kept_years: int) -> None:
        """Destroy it whole. The transaction commits only with an entry of event id `destroying`.

        Raises: DBAPIError before it is due, and where this log did not close it.
        """
        await self._connection.execute(
            text("SELECT destroy_old_log(:destroying, :years)"),
            {"destroying": destroying, "years": kept_years},
        )
