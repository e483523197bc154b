"""Reads passes under a grant, and discloses them with their reads (ADR-0011)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.domain.criteria import Criteria, scope_of
from services.retention.domain.plates import plate_of
from services.retention.store import conditions
from services.retention.store.pass_rows import PassDetails
from services.retention.store.records import COLUMNS, Read, Records
from shared.access.disclosing import Disclosed, disclose
from shared.access.grant import Grant
from shared.core.types import Ori, PlateText

_PASSES = (
    "(SELECT p.*, p.first_at AS captured_at, d.device_name FROM passes p"
    " LEFT JOIN devices d USING (device_id)) AS r"
)
_LATE = text("SELECT read_id FROM pass_reads WHERE pass_id = :pass_id AND late ORDER BY read_id")


@dataclass(frozen=True)
class Pass:
    """One pass as published, with those of its reads that the grant may see."""

    pass_id: UUID
    first_at: datetime
    last_at: datetime
    plate: PlateText
    confidence: float
    misread_risk: float | None
    region: str | None
    device_id: UUID
    device_name: str
    agency_ori: Ori
    best_read_id: UUID
    details: PassDetails
    withheld: int
    """The number of other plates of the pass that the purpose withholds."""
    reads: tuple[Read, ...]
    late: frozenset[UUID]
    """Reads that joined after the vote."""


class Passes:
    """Passes of the grant's agency, within the scope of its purpose."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, grant: Grant, pass_id: UUID) -> Pass | None:
        """Return one pass with its reads, in order of capture, and disclose them.

        Returns None also if the pass's plate, or each of its reads, is outside the scope of the purpose. A purpose
        with a plate withholds the other plates of the frames, because they may belong to other people's cars.
        """
        scope = scope_of(grant.purpose.scope) if grant.purpose else Criteria()
        row = await self._row(grant, scope, pass_id)
        if row is None:
            return None
        members = await self._members(grant, scope, pass_id)
        if not members:
            return None
        details = msgspec.convert(row.details, PassDetails)
        withheld = len(details.alternatives) if scope.plate is not None else 0
        if withheld:
            details = PassDetails(characters=details.characters)
        plates = [plate_of(row.plate_id), *(plate for plate, *_ in details.alternatives)]
        disclosed = Disclosed(
            record_id=pass_id,
            captured=row.first_at,
            plates=plates,
            read_ids=[member.read_id for member in members],
        )
        await disclose(self._connection, grant, "pass", [disclosed])
        reads = await Records(self._connection).released(grant, members)
        late = await self._connection.execute(_LATE, {"pass_id": pass_id})
        return Pass(
            pass_id=row.pass_id,
            first_at=row.first_at,
            last_at=row.last_at,
            plate=plate_of(row.plate_id),
            confidence=row.confidence,
            misread_risk=row.misread_risk,
            region=row.region,
            device_id=row.device_id,
            device_name=row.device_name or "",
            agency_ori=row.agency_ori,
            best_read_id=row.best_read_id,
            details=details,
            withheld=withheld,
            reads=tuple(reads),
            late=frozenset(late.scalars()) & {read.read_id for read in reads},
        )

    async def _row(self, grant: Grant, scope: Criteria, pass_id: UUID) -> Row[Any] | None:
        allowed = conditions.Conditions("s")
        # Places are in the reads; `_members` applies the area to them.
        allowed.add_place_and_time(msgspec.structs.replace(scope, area=None))
        allowed.add_plate(scope.pattern)
        allowed.add("r.agency_ori = ANY(:{p}agencies)", agencies=sorted(grant.agencies))
        query = f"SELECT r.* FROM {_PASSES} WHERE r.pass_id = :pass_id AND {allowed.sql}"  # noqa: S608
        found = await self._connection.execute(
            text(query), {"pass_id": pass_id, **allowed.parameters}
        )
        return found.first()

    async def _members(self, grant: Grant, scope: Criteria, pass_id: UUID) -> list[Row[Any]]:
        allowed = conditions.of_reads(scope, "s")
        allowed.add("r.agency_ori = ANY(:{p}agencies)", agencies=sorted(grant.agencies))
        halves = " UNION ALL ".join(
            f"SELECT {COLUMNS} FROM pass_reads m JOIN {table} r"  # noqa: S608 - constants
            " ON r.read_id = m.read_id AND r.captured_at = m.captured_at"
            f" WHERE m.pass_id = :pass_id AND {allowed.sql}"
            for table in ("reads", "kept_reads")
        )
        found = await self._connection.execute(
            text(f"{halves} ORDER BY captured_at, read_id"),
            {"pass_id": pass_id, **allowed.parameters},
        )
        return list(found)
