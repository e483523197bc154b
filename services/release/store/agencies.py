"""Registered agencies: no ALPR data, so no grant."""

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.release.domain import Agency

_COLUMNS = "ori, name, kind, state, contact, active"


class Agencies:
    """The registry of agencies that may ask."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, ori: str, *, lock: bool = False) -> Agency | None:
        """Return one agency, locked against changes if asked."""
        suffix = " FOR UPDATE" if lock else ""
        found = await self._connection.execute(
            text(f"SELECT {_COLUMNS} FROM agencies WHERE ori = :ori{suffix}"),  # noqa: S608 - constants
            {"ori": ori},
        )
        row = found.mappings().one_or_none()
        return Agency(**row) if row is not None else None

    async def all(self) -> list[Agency]:
        """Return every agency by name."""
        found = await self._connection.execute(
            text(f"SELECT {_COLUMNS} FROM agencies ORDER BY name, ori")  # noqa: S608 - constants
        )
        return [Agency(**row) for row in found.mappings()]

    async def add(self, agency: Agency, at: datetime) -> bool:
        """Register `agency`; False when its ORI is registered already."""
        result = await self._connection.execute(
            text(
                "INSERT INTO agencies (ori, name, kind, state, contact, active, changed_at)"
                " VALUES (:ori, :name, :kind, :state, :contact, :active, :at)"
                " ON CONFLICT DO NOTHING"
            ),
            {**asdict(agency), "at": at},
        )
        return result.rowcount == 1

    async def change(self, agency: Agency, at: datetime) -> None:
        """Set everything but the ORI to what `agency` says."""
        await self._connection.execute(
            text(
                "UPDATE agencies SET name = :name, kind = :kind, state = :state,"
                " contact = :contact, active = :active, changed_at = :at WHERE ori = :ori"
            ),
            {**asdict(agency), "at": at},
        )
