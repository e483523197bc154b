"""Verifications and dispositions of hits, and the counts of a list's outcomes."""
# ruff: noqa: S608 - statements are put together from names in this file, values are bound

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.hotlist.domain.hits import Disposition, HitGroup, ListYield, Verification
from shared.access.grant import Grant
from shared.events import Actor

_PERSON = "person_id, person_name, person_title, person_ori"
_BY = ":person_id, :person_name, :person_title, :person_ori"


class Outcomes:
    """Verifications and dispositions. Lock a hit with `Hits.get` before a change."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def verification(self, grant: Grant, hit_id: UUID) -> Verification | None:
        """Return the verification of a hit, or None."""
        rows = await self._connection.execute(
            text(
                f"SELECT method, reference, outcome, note, at, {_PERSON} FROM verifications"
                " WHERE hit_id = :hit_id"
            ),
            {"hit_id": hit_id},
        )
        row = rows.mappings().one_or_none()
        return None if row is None else Verification(**_with_person(row))

    async def dispositions(self, grant: Grant, hit_id: UUID) -> Sequence[Disposition]:
        """Return the first hundred dispositions of a hit, in the order of recording."""
        rows = await self._connection.execute(
            text(
                f"SELECT disposition, enforcement, unverified_reason, at, {_PERSON}"
                " FROM dispositions WHERE hit_id = :hit_id ORDER BY number LIMIT 100"
            ),
            {"hit_id": hit_id},
        )
        return [Disposition(**_with_person(row)) for row in rows.mappings()]

    async def verify(
        self,
        grant: Grant,
        hit_id: UUID,
        *,
        method: str,
        reference: str,
        outcome: str,
        note: str | None,
    ) -> None:
        """Store the verification of a hit that has none."""
        await self._connection.execute(
            text(
                f"INSERT INTO verifications (hit_id, method, reference, outcome, note, at, {_PERSON})"
                f" VALUES (:hit_id, :method, :reference, :outcome, :note, :at, {_BY})"
            ),
            {
                "hit_id": hit_id,
                "method": method,
                "reference": reference,
                "outcome": outcome,
                "note": note,
                **_person(grant),
            },
        )
        await self._connection.execute(
            text("UPDATE hits SET status = 'verified' WHERE hit_id = :hit_id"), {"hit_id": hit_id}
        )

    async def dispose(
        self,
        grant: Grant,
        hit_id: UUID,
        *,
        disposition: str,
        enforcement: bool,
        unverified_reason: str | None,
    ) -> None:
        """Add a disposition to a hit; earlier ones stay."""
        await self._connection.execute(
            text(
                "INSERT INTO dispositions (hit_id, disposition, enforcement, unverified_reason, at,"
                f" {_PERSON}) VALUES (:hit_id, :disposition, :enforcement, :unverified_reason, :at,"
                f" {_BY})"
            ),
            {
                "hit_id": hit_id,
                "disposition": disposition,
                "enforcement": enforcement,
                "unverified_reason": unverified_reason,
                **_person(grant),
            },
        )

    async def counts(self, list_id: UUID, since: datetime | None) -> ListYield:
        """Return counts of a list's hits raised from `since` on; discloses no record."""
        statement = text(
            """
            SELECT h.tier, h.status, v.outcome, count(*) AS hits, count(*) FILTER (WHERE EXISTS
                (SELECT FROM dispositions d WHERE d.hit_id = h.hit_id AND d.enforcement))
                AS enforcement
            FROM hits h LEFT JOIN verifications v USING (hit_id)
            WHERE h.list_id = :list_id AND h.raised_at >= :since
            GROUP BY h.tier, h.status, v.outcome
            """
        )
        values = {"list_id": list_id, "since": since or datetime.fromisoformat("1970-01-01T00Z")}
        rows = await self._connection.execute(statement, values)
        return ListYield.of([HitGroup(**row) for row in rows.mappings()])


def _person(grant: Grant) -> dict[str, Any]:
    actor = grant.actor
    return {
        "person_id": actor.person_id,
        "person_name": actor.name,
        "person_title": actor.title,
        "person_ori": actor.agency_ori,
        "at": grant.now,
    }


def _with_person(row: RowMapping) -> dict[str, Any]:
    """Return a row's values, with `by` in place of the columns of `_PERSON`."""
    values = {name: value for name, value in row.items() if not name.startswith("person_")}
    by = Actor(
        person_id=row["person_id"],
        name=row["person_name"],
        title=row["person_title"],
        agency_ori=row["person_ori"],
    )
    return {**values, "by": by}
