"""Registered agencies. They are not ALPR data, so the queries take no grant."""

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.release.domain.requests import Agency
from shared.accounts.known_accounts import Provisioned

_COLUMNS = "ori, name, kind, state, contact, active"


class Agencies:
    """The registry of recipient agencies."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, ori: str, *, lock: bool = False) -> Agency | None:
        """Return one agency, locked if `lock`, or None."""
        suffix = " FOR UPDATE" if lock else ""
        found = await self._connection.execute(
            text(f"SELECT {_COLUMNS} FROM agencies WHERE ori = :ori{suffix}"),  # noqa: S608 - constants
            {"ori": ori},
        )
        row = found.mappings().one_or_none()
        return Agency(**row) if row is not None else None

    async def page(self, *, after: str | None, limit: int) -> list[Agency]:
        """Return agencies by name, beginning after the one with the ORI `after`."""
        found = await self._connection.execute(
            text(
                f"SELECT {_COLUMNS} FROM agencies"  # noqa: S608 - constants
                " WHERE CAST(:after AS text) IS NULL OR (name, ori) >"
                " (SELECT name, ori FROM agencies WHERE ori = :after)"
                " ORDER BY name, ori LIMIT :limit"
            ),
            {"after": after, "limit": limit},
        )
        return [Agency(**row) for row in found.mappings()]

    async def provisioned(self, ori: str) -> Provisioned:
        """Return the people who registered or changed an agency, and whether the list is complete."""
        found = await self._connection.execute(
            text(
                "SELECT a.provisioners_known AS known, array(SELECT p.person_id"
                " FROM agency_provisioners p WHERE p.ori = a.ori) AS people"
                " FROM agencies a WHERE a.ori = :ori"
            ),
            {"ori": ori},
        )
        row = found.one()
        return Provisioned(frozenset(row.people), row.known)

    async def add(self, agency: Agency, by: str, at: datetime) -> bool:
        """Register `agency` for the account id `by`; return False if its ORI is registered already."""
        result = await self._connection.execute(
            text(
                "INSERT INTO agencies (ori, name, kind, state, contact, active, changed_at)"
                " VALUES (:ori, :name, :kind, :state, :contact, :active, :at)"
                " ON CONFLICT DO NOTHING"
            ),
            {**asdict(agency), "at": at},
        )
        if result.rowcount == 1:
            await self._provision(agency.ori, by, at)
        return result.rowcount == 1

    async def change(self, agency: Agency, by: str, at: datetime) -> None:
        """Update all columns of an agency but its ORI, for the account id `by`."""
        await self._connection.execute(
            text(
                "UPDATE agencies SET name = :name, kind = :kind, state = :state,"
                " contact = :contact, active = :active, changed_at = :at WHERE ori = :ori"
            ),
            {**asdict(agency), "at": at},
        )
        await self._provision(agency.ori, by, at)

    async def _provision(self, ori: str, by: str, at: datetime) -> None:
        await self._connection.execute(
            text(
                "INSERT INTO agency_provisioners (ori, person_id, since) VALUES (:ori, :by, :at)"
                " ON CONFLICT DO NOTHING"
            ),
            {"ori": ori, "by": by, "at": at},
        )
