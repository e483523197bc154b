"""The case and call numbers that the department's own systems have, and the purposes whose numbers they lack."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.identity.domain.case_numbers import CaseList, bare
from services.identity.store.connected import Connected

AT_ONCE = 500
"""The most purposes that one transaction reports."""

_OPEN = """
    SELECT c.purpose_id, p.account_id, p.declared_at, p.case_number, p.call_number, c.numbers
    FROM purpose_checks c JOIN purposes p USING (purpose_id)
"""


@dataclass(frozen=True)
class ListInForce:
    """The list that numbers are compared with."""

    as_of: datetime | None
    """When the oldest of its files was written; None before the first import."""

    sha256: str


@dataclass(frozen=True)
class Unknown:
    """A purpose with numbers that the list lacks."""

    purpose_id: UUID
    account_id: UUID
    declared_at: datetime
    numbers: list[str]
    """Those that it lacks, or lacked, as they were declared."""


class CaseNumbers(Connected):
    """The list, and the purposes that wait for it to have their numbers."""

    async def in_force(self, *, lock: bool = False) -> ListInForce:
        """Return the list in force; with `lock`, until the commit no other import changes it."""
        found = await self._run(
            f"SELECT as_of, sha256 FROM case_list {'FOR UPDATE' if lock else ''}"  # noqa: S608 - constants
        )
        return ListInForce(**found.one()._mapping)

    async def unknown(self, numbers: Collection[str]) -> list[str]:
        """Return those of `numbers`, as they are given, that the list does not have."""
        found = await self._run(
            "SELECT number FROM case_numbers WHERE number = ANY(CAST(:numbers AS text[]))",
            numbers=[bare(number) for number in numbers],
        )
        known = {row.number for row in found}
        return [number for number in numbers if bare(number) not in known]

    async def replace(self, new: CaseList) -> tuple[int, int]:
        """Put a list in force in place of the one before; return how many numbers it adds and removes."""
        given = sorted(new.numbers)
        added = await self._run(
            "INSERT INTO case_numbers (number) SELECT unnest(CAST(:numbers AS text[]))"
            " ON CONFLICT DO NOTHING",
            numbers=given,
        )
        removed = await self._run(
            "DELETE FROM case_numbers c WHERE NOT EXISTS (SELECT FROM"
            " unnest(CAST(:numbers AS text[])) AS given (number) WHERE given.number = c.number)",
            numbers=given,
        )
        await self._run(
            "UPDATE case_list SET as_of = :as_of, sha256 = :sha256",
            as_of=new.as_of,
            sha256=new.sha256,
        )
        return int(added.rowcount), int(removed.rowcount)

    async def expect(self, purpose_id: UUID, numbers: Collection[str], due_at: datetime) -> None:
        """Store that the list must have these numbers of a purpose by then."""
        await self._run(
            "INSERT INTO purpose_checks (purpose_id, numbers, due_at)"
            " VALUES (:purpose_id, CAST(:numbers AS text[]), :due_at)",
            purpose_id=purpose_id,
            numbers=sorted(map(bare, numbers)),
            due_at=due_at,
        )

    async def settle(self) -> Sequence[Unknown]:
        """Strike the numbers that the list has by now; return the purposes that were reported and lack none any more.

        A number that the list has had once counts, whether or not a later list has it.
        """
        await self._run(
            "UPDATE purpose_checks SET numbers = ARRAY(SELECT wanted FROM unnest(numbers) AS wanted"
            " WHERE NOT EXISTS (SELECT FROM case_numbers c WHERE c.number = wanted))"
            " WHERE EXISTS (SELECT FROM case_numbers c WHERE c.number = ANY(numbers))"
        )
        found = await self._run(
            "DELETE FROM purpose_checks c USING purposes p WHERE c.numbers = '{}'"
            " AND p.purpose_id = c.purpose_id RETURNING p.purpose_id, p.account_id, p.declared_at, c.reported"
        )
        return [
            Unknown(row.purpose_id, row.account_id, row.declared_at, row.reported)
            for row in found
            if row.reported
        ]

    async def due(self, now: datetime, list_as_of: datetime) -> Sequence[Unknown]:
        """Return purposes whose time is over, and which a list of that time is younger than; each is locked."""
        found = await self._run(
            f"{_OPEN} WHERE c.reported = '{{}}' AND c.due_at <= :now AND p.declared_at <= :as_of"
            " ORDER BY c.due_at LIMIT :limit FOR UPDATE OF c SKIP LOCKED",
            now=now,
            as_of=list_as_of,
            limit=AT_ONCE,
        )
        return [
            Unknown(
                purpose_id=row.purpose_id,
                account_id=row.account_id,
                declared_at=row.declared_at,
                numbers=[
                    number
                    for number in (row.case_number, row.call_number)
                    if number is not None and bare(number) in row.numbers
                ],
            )
            for row in found
        ]

    async def mark_reported(self, one: Unknown) -> None:
        """Store which numbers of a purpose were reported as unknown."""
        await self._run(
            "UPDATE purpose_checks SET reported = CAST(:numbers AS text[]) WHERE purpose_id = :purpose_id",
            numbers=one.numbers,
            purpose_id=one.purpose_id,
        )
