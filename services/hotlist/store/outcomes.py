"""Acknowledgements, verifications and dispositions of hits, and counts of what came of them."""
# ruff: noqa: S608 - statements are put together from names in this file, values are bound

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.hotlist.domain.hits import Disposition, HitGroup, Verification, Yield
from services.hotlist.domain.rating import Result
from services.hotlist.store.hits import VISIBLE, visible_to
from shared.access.grant import Grant
from shared.events import Actor

_PERSON = "person_id, person_name, person_title, person_ori"
_BY = ":person_id, :person_name, :person_title, :person_ori"


class Outcomes:
    """What people record about hits. Lock a hit with `Hits.get` or `Hits.alert` before a change."""

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
                f"SELECT result, disposition, enforcement, unverified_reason, at, {_PERSON}"
                " FROM dispositions WHERE hit_id = :hit_id ORDER BY number LIMIT 100"
            ),
            {"hit_id": hit_id},
        )
        return [Disposition(**_with_person(row)) for row in rows.mappings()]

    async def acknowledge(self, grant: Grant, hit_id: UUID) -> None:
        """Store that the caller, who has not, takes a hit."""
        await self._connection.execute(
            text(
                f"INSERT INTO acknowledgements (hit_id, at, {_PERSON}) VALUES (:hit_id, :at, {_BY})"
            ),
            {"hit_id": hit_id, **_person(grant)},
        )

    async def give_back(self, grant: Grant, hit_id: UUID) -> None:
        """Delete the caller's acknowledgement of a hit."""
        await self._connection.execute(
            text("DELETE FROM acknowledgements WHERE hit_id = :hit_id AND person_id = :person_id"),
            {"hit_id": hit_id, "person_id": grant.actor.person_id},
        )

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
        result: Result,
        disposition: str,
        enforcement: bool,
        unverified_reason: str | None,
    ) -> None:
        """Add a disposition to a hit, whose result becomes the hit's; earlier ones stay."""
        await self._connection.execute(
            text(
                "INSERT INTO dispositions (hit_id, result, disposition, enforcement, unverified_reason,"
                f" at, {_PERSON}) VALUES (:hit_id, :result, :disposition, :enforcement,"
                f" :unverified_reason, :at, {_BY})"
            ),
            {
                "hit_id": hit_id,
                "result": result,
                "disposition": disposition,
                "enforcement": enforcement,
                "unverified_reason": unverified_reason,
                **_person(grant),
            },
        )
        await self._connection.execute(
            text("UPDATE hits SET result = :result WHERE hit_id = :hit_id"),
            {"hit_id": hit_id, "result": result},
        )

    async def counts(
        self, grant: Grant, *, since: datetime | None, list_id: UUID | None = None
    ) -> Yield:
        """Return counts of the visible hits raised from `since` on, all or those of one list; discloses no record."""
        of_list = "AND h.list_id = :list_id" if list_id is not None else ""
        statement = text(
            f"""
            SELECT h.tier, h.status, v.outcome, h.result, count(*) AS hits, count(*) FILTER (WHERE EXISTS
                (SELECT FROM dispositions d WHERE d.hit_id = h.hit_id AND d.enforcement))
                AS enforcement
            FROM hits h LEFT JOIN verifications v USING (hit_id)
            WHERE {VISIBLE} AND h.raised_at >= :since {of_list}
            GROUP BY h.tier, h.status, v.outcome, h.result
            """
        )
        begin = since or datetime.fromisoformat("1970-01-01T00Z")
        values = {**visible_to(grant), "since": begin, "list_id": list_id}
        rows = await self._connection.execute(statement, values)
        return Yield.of([HitGroup(**row) for row in rows.mappings()])


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
