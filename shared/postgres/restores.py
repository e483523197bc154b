"""Restores of a service's schema from a backup: what a purge destroyed after it is back until the next purge.

A restore adds a row for each service that has copies of sightings, and the service shows no ALPR data until it has
followed a purge up to the row's `due` (ADR-0072).
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_ADD = text(
    "INSERT INTO restores (restore_id, backup, restored_at, due) VALUES (:restore_id, :backup, :restored_at, :due)"
)
_PENDING = text(
    "SELECT restore_id, backup, restored_at, due FROM restores WHERE purged_at IS NULL ORDER BY due DESC LIMIT 1"
)
_SETTLE = text("UPDATE restores SET purged_at = :now WHERE purged_at IS NULL AND due <= :before")


@dataclass(frozen=True)
class Restore:
    """A restore that no purge has followed yet."""

    restore_id: UUID
    backup: str
    restored_at: datetime
    due: datetime
    """Records captured before this were past the schedule at the restore."""


class Restores:
    """The restores of one schema."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, restore: Restore) -> None:
        """Record a restore. Only the owner of the tables has the right."""
        await self._connection.execute(_ADD, vars(restore))

    async def pending(self) -> Restore | None:
        """Return the restore that waits for a purge, of several the one that needs the latest; None without one."""
        row = (await self._connection.execute(_PENDING)).one_or_none()
        return None if row is None else Restore(**row._mapping)

    async def settle(self, before: datetime, now: datetime) -> None:
        """Record that a purge of all records captured before `before` has been followed."""
        await self._connection.execute(_SETTLE, {"before": before, "now": now})
