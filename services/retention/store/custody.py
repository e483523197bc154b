"""What became of packages and their booked copies. An act never changes; a further act corrects it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.domain.custody import Act
from shared.access.disclosing import Disclosed, disclose
from shared.access.grant import Grant
from shared.events import Actor

_COLUMNS = (
    "act_id, export_id, booking_id, kind, corrects, party_name, party_organisation, sha256,"
    " order_reference, note, acted_at, recorded_by, recorded_at"
)
_ADD = text(
    f"""
    INSERT INTO custody_acts ({_COLUMNS})
    VALUES (:act_id, :export_id, :booking_id, :kind, :corrects, :party_name, :party_organisation, :sha256,
        :order_reference, :note, :acted_at, CAST(:recorded_by AS jsonb), :recorded_at)
    """  # noqa: S608 - constants
)
_OF_EXPORT = text(
    f"SELECT {', '.join(f'a.{name}' for name in _COLUMNS.split(', '))},"  # noqa: S608 - constants
    " c.act_id AS corrected_by, e.sha256 AS package_sha256 FROM custody_acts a"
    " JOIN evidence_exports e USING (export_id)"
    " LEFT JOIN custody_acts c ON c.corrects = a.act_id"
    " WHERE a.export_id = :export_id AND e.agency_ori = ANY(:agencies)"
    " AND (CAST(:after AS uuid) IS NULL OR a.seq > (SELECT seq FROM custody_acts"
    " WHERE act_id = :after AND export_id = :export_id))"
    " ORDER BY a.seq LIMIT :limit"
)


@dataclass(frozen=True, kw_only=True)
class CustodyAct:
    """An act with a package or with a booked copy of it."""

    act_id: UUID
    export_id: UUID
    booking_id: UUID | None
    """The booking of the copy; None for a download of the package."""
    kind: Act
    corrects: UUID | None = None
    party_name: str | None = None
    """The person who received the copy, or brought it back."""
    party_organisation: str | None = None
    """That person's agency or court."""
    sha256: str | None = None
    """SHA-256 of the copy, read back from its medium."""
    order_reference: str | None = None
    """The order by which the copy was destroyed."""
    note: str | None = None
    acted_at: datetime
    recorded_by: Actor
    recorded_at: datetime
    corrected_by: UUID | None = None
    package_sha256: str | None = None

    @property
    def matches(self) -> bool | None:
        """Whether the copy that was read back equals the package; None for an act that read no copy."""
        return None if self.sha256 is None else self.sha256 == self.package_sha256

    @classmethod
    def of(cls, row: Row[Any]) -> Self:
        """Return a row of `_OF_EXPORT` as an act."""
        plain = dict(row._mapping)
        by = msgspec.convert(plain["recorded_by"], Actor)
        return cls(**{**plain, "kind": Act(plain["kind"]), "recorded_by": by})


class Custody:
    """Acts of custody of the grant's agency."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, act: CustodyAct) -> None:
        """Write an act; for one of a copy the caller has locked its export."""
        values = {name: getattr(act, name) for name in _COLUMNS.replace(",", "").split()}
        values["recorded_by"] = msgspec.json.encode(act.recorded_by).decode()
        await self._connection.execute(_ADD, {**values, "kind": act.kind.value})

    async def of_export(
        self, grant: Grant, export_id: UUID, *, after: UUID | None = None, limit: int | None = None
    ) -> Sequence[CustodyAct]:
        """Return the acts of an export as they were recorded, corrected ones included.

        Begins after the one named `after`; without `limit`, returns all. Discloses them.
        """
        values = {
            "export_id": export_id,
            "agencies": sorted(grant.agencies),
            "after": after,
            "limit": limit,
        }
        acts = [CustodyAct.of(row) for row in await self._connection.execute(_OF_EXPORT, values)]
        disclosed = [Disclosed(record_id=act.act_id) for act in acts]
        await disclose(self._connection, grant, "custody_act", disclosed)
        return acts
