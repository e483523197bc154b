"""Exports of held records as evidence, and the queue of their packages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.domain.criteria import Criteria
from services.retention.domain.evidence import State
from services.retention.domain.problem_codes import Code
from services.retention.store.locks import LOCK_NOT_AVAILABLE
from services.retention.store.packages import Built
from shared.access.disclosing import Disclosed, disclose
from shared.access.grant import Grant
from shared.core.errors import Conflict
from shared.events import Actor, EvidenceChanged, PurposeRecord
from shared.postgres.database import sqlstate

_COLUMNS = (
    "e.export_id, e.hold_id, e.agency_ori, e.state, e.requested_by, e.requested_at, e.purpose, e.attempts,"
    " e.fault, e.built_at, e.sha256, e.size_bytes, e.reads, e.hits, e.captures, e.images, e.omitted, e.signed_by,"
    " e.withdrawn_by, e.withdrawn_at, e.withdrawal_reason, e.removed_at,"
    " h.case_number, h.criteria, h.released_at IS NULL AS in_force, h.confirmed_at,"
    " (SELECT count(*) FROM evidence_bookings b WHERE b.export_id = e.export_id AND NOT EXISTS"
    " (SELECT FROM evidence_bookings c WHERE c.corrects = b.booking_id)) AS copies_booked"
)
FROM_EXPORTS = "FROM evidence_exports e JOIN holds h USING (hold_id)"
UNBOOKED = (
    "e.state IN ('requested', 'ready')"
    " AND NOT EXISTS (SELECT FROM evidence_bookings b WHERE b.export_id = e.export_id)"
)
_ADD = text(
    """
    INSERT INTO evidence_exports
        (export_id, hold_id, agency_ori, state, requested_by, requested_at, purpose, not_before)
    VALUES (:export_id, :hold_id, :agency_ori, 'requested', CAST(:requested_by AS jsonb), :requested_at,
            CAST(:purpose AS jsonb), :requested_at)
    ON CONFLICT DO NOTHING
    """
)
_LOCK = text("SELECT 1 FROM evidence_exports WHERE export_id = :export_id FOR UPDATE")
_GET = text(
    f"SELECT {_COLUMNS} {FROM_EXPORTS} WHERE e.export_id = :export_id AND e.agency_ori = ANY(:agencies)"
)
_STATE = text(
    "SELECT state FROM evidence_exports WHERE export_id = :export_id AND agency_ori = ANY(:agencies)"
)
_OF_HOLD = text(
    f"SELECT e.export_id {FROM_EXPORTS} WHERE e.hold_id = :hold_id AND {UNBOOKED}"
    " ORDER BY e.requested_at, e.export_id"
)
_WITHDRAW = text(
    "UPDATE evidence_exports SET state = 'withdrawn', withdrawn_by = CAST(:by AS jsonb),"
    " withdrawn_at = :at, withdrawal_reason = :reason WHERE export_id = :export_id"
)
_CLAIM = text(
    f"SELECT {_COLUMNS} {FROM_EXPORTS} WHERE e.state = 'requested' AND e.not_before <= :now"
    " ORDER BY e.not_before LIMIT 1 FOR UPDATE OF e SKIP LOCKED"
)
_BUILT = text(
    """
    UPDATE evidence_exports SET state = 'ready', fault = NULL, built_at = :at, sha256 = :sha256,
        size_bytes = :size_bytes, reads = :reads, hits = :hits, captures = :captures,
        images = :images, omitted = :omitted, signed_by = :signed_by
    WHERE export_id = :export_id
    """
)
_AGAIN = text(
    "UPDATE evidence_exports SET attempts = attempts + 1, not_before = :again, fault = :fault"
    " WHERE export_id = :export_id AND state = 'requested'"
)
_FAILED = text(
    "UPDATE evidence_exports SET state = 'failed', attempts = attempts + 1, fault = :fault"
    " WHERE export_id = :export_id AND state = 'requested'"
)
_WAITING = text("SELECT count(*) FROM evidence_exports WHERE state = 'requested'")
_TO_REMOVE = text(
    f"SELECT e.export_id {FROM_EXPORTS} WHERE e.removed_at IS NULL"
    " AND (e.state IN ('withdrawn', 'failed') OR h.released_at IS NOT NULL)"
    " ORDER BY e.export_id LIMIT :limit"
)
_NOT_REMOVED = text("SELECT export_id FROM evidence_exports WHERE removed_at IS NULL")
_REMOVED = text("UPDATE evidence_exports SET removed_at = :at WHERE export_id = ANY(:ids)")


@dataclass(frozen=True)
class Export:
    """One export: the records that a hold kept at the time, as one package."""

    export_id: UUID
    hold_id: UUID
    agency_ori: str
    state: State
    requested_by: Actor
    requested_at: datetime
    purpose: PurposeRecord
    case_number: str
    """Case number of the hold; the criteria are the hold's too."""
    criteria: Criteria
    in_force: bool = True
    """Whether the hold is in force."""
    confirmed_at: datetime | None = None
    """The time at which a second person confirmed the hold; None without a confirmation."""
    attempts: int = 0
    fault: str | None = None
    built_at: datetime | None = None
    sha256: str | None = None
    size_bytes: int | None = None
    reads: int | None = None
    hits: int | None = None
    """Hits that the package contains; None before it is built, and for packages built before hits were counted."""
    captures: int | None = None
    images: int | None = None
    omitted: int | None = None
    signed_by: str | None = None
    withdrawn_by: Actor | None = None
    withdrawn_at: datetime | None = None
    withdrawal_reason: str | None = None
    removed_at: datetime | None = None
    """The time at which this service deleted the package."""
    copies_booked: int = 0

    @property
    def digest(self) -> str:
        """The SHA-256 of the package, hexadecimal. Raises: Conflict if the export has no package."""
        if self.sha256 is None:
            raise Conflict(Code.EXPORT_WITHOUT_PACKAGE, status=self.state)
        return self.sha256

    def changed(self, by: Actor, at: datetime, change: Any, **details: Any) -> EvidenceChanged:
        """Return the event that announces a change of this export."""
        return EvidenceChanged(
            occurred_at=at,
            actor=by,
            export_id=self.export_id,
            hold_id=self.hold_id,
            change=change,
            case_number=self.case_number,
            details=details,
        )

    @classmethod
    def of(cls, row: Row[Any]) -> Self:
        """Return a row of `_COLUMNS` as an export."""
        plain = dict(row._mapping)
        kinds = {
            "requested_by": Actor,
            "withdrawn_by": Actor,
            "purpose": PurposeRecord,
            "criteria": Criteria,
        }
        for name, kind in kinds.items():
            if plain[name] is not None:
                plain[name] = msgspec.convert(plain[name], kind)
        return cls(**{**plain, "state": State(plain["state"])})

    @property
    def object_key(self) -> str:
        """Object key of the package."""
        return object_key(self.export_id)


def object_key(export_id: UUID) -> str:
    """Return the object key of an export's package. Every attempt uses the same key, so none leaves an orphan."""
    return f"evidence/{export_id}.zip"


class Exports:
    """The exports of the grant's agency."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, export: Export) -> bool:
        """Add an export to the queue; False if it exists already."""
        parameters = {
            "export_id": export.export_id,
            "hold_id": export.hold_id,
            "agency_ori": export.agency_ori,
            "requested_by": _json(export.requested_by),
            "requested_at": export.requested_at,
            "purpose": _json(export.purpose),
        }
        return (await self._connection.execute(_ADD, parameters)).rowcount == 1

    async def get(self, grant: Grant, export_id: UUID, *, lock: bool = False) -> Export | None:
        """Return one export and disclose it; with `lock`, other writers wait until the transaction ends.

        Raises: Conflict, with `lock`, while a worker builds its package, which may take long.
        """
        if lock:
            await self._lock(export_id)
        parameters = {"export_id": export_id, "agencies": sorted(grant.agencies)}
        rows = await self._connection.execute(_GET, parameters)
        exports = await self._released(grant, rows.all())
        return exports[0] if exports else None

    async def state(self, grant: Grant, export_id: UUID) -> State | None:
        """Return the state of one export, which discloses no record: a caller may lock the export afterwards.

        A disclosure locks the caller's count of records until the transaction ends, so it follows the export's lock.
        """
        parameters = {"export_id": export_id, "agencies": sorted(grant.agencies)}
        state = (await self._connection.execute(_STATE, parameters)).scalar()
        return None if state is None else State(state)

    async def _lock(self, export_id: UUID) -> None:
        """Lock an export; the caller's next query sees every committed change to it and its bookings."""
        await self._connection.execute(text("SET LOCAL lock_timeout = '2s'"))
        try:
            await self._connection.execute(_LOCK, {"export_id": export_id})
        except DBAPIError as exc:
            if sqlstate(exc) == LOCK_NOT_AVAILABLE:
                raise Conflict(Code.EXPORT_BUSY) from None
            raise

    async def page(
        self,
        grant: Grant,
        *,
        limit: int,
        after: UUID | None,
        hold_id: UUID | None,
        unbooked: bool | None,
    ) -> list[Export]:
        """Return a page of exports, newest first, starting behind `after`, and disclose them."""
        query = (
            f"SELECT {_COLUMNS} {FROM_EXPORTS} WHERE e.agency_ori = ANY(:agencies)"  # noqa: S608 - constants
            " AND (CAST(:hold_id AS uuid) IS NULL OR e.hold_id = :hold_id)"
            f" AND (CAST(:unbooked AS boolean) IS NULL OR ({UNBOOKED}) = :unbooked)"
            " AND (CAST(:after AS uuid) IS NULL OR (e.requested_at, e.export_id) <"
            " (SELECT requested_at, export_id FROM evidence_exports WHERE export_id = :after))"
            " ORDER BY e.requested_at DESC, e.export_id DESC LIMIT :limit"
        )
        rows = await self._connection.execute(
            text(query),
            {
                "agencies": sorted(grant.agencies),
                "hold_id": hold_id,
                "unbooked": unbooked,
                "after": after,
                "limit": limit,
            },
        )
        return await self._released(grant, rows.all())

    async def _released(self, grant: Grant, rows: Sequence[Row[Any]]) -> list[Export]:
        """Return rows of `_COLUMNS` as exports and disclose them."""
        exports = [Export.of(row) for row in rows]
        disclosed = [
            Disclosed(
                record_id=export.export_id,
                plates=filter(None, [export.criteria.plate]),
                read_ids=export.criteria.read_ids,
            )
            for export in exports
        ]
        await disclose(self._connection, grant, "evidence_export", disclosed)
        return exports

    async def unbooked(self, hold_id: UUID) -> Sequence[UUID]:
        """Return a hold's requested and ready exports without a booking."""
        return (await self._connection.execute(_OF_HOLD, {"hold_id": hold_id})).scalars().all()

    async def withdraw(self, export_id: UUID, *, by: Actor, at: datetime, reason: str) -> None:
        """Withdraw an export; its package is deleted later."""
        await self._connection.execute(
            _WITHDRAW, {"export_id": export_id, "by": _json(by), "at": at, "reason": reason}
        )


class ExportQueue:
    """The queues of evidence packages to build and to delete."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def claim(self, now: datetime) -> Export | None:
        """Return the next export to build; other workers skip it until the transaction ends."""
        row = (await self._connection.execute(_CLAIM, {"now": now})).first()
        return None if row is None else Export.of(row)

    async def built(self, export_id: UUID, package: Built, at: datetime) -> None:
        """Record that the package is built."""
        parameters = {
            name: getattr(package, name)
            for name in (
                "sha256",
                "size_bytes",
                "reads",
                "hits",
                "captures",
                "images",
                "omitted",
                "signed_by",
            )
        }
        await self._connection.execute(_BUILT, {"export_id": export_id, "at": at, **parameters})

    async def again(self, export_id: UUID, *, again: datetime, fault: str) -> None:
        """Record the fault of a failed attempt and the time of the next."""
        await self._connection.execute(
            _AGAIN, {"export_id": export_id, "again": again, "fault": fault[:500]}
        )

    async def failed(self, export_id: UUID, *, fault: str) -> bool:
        """Record that building failed for good; False if the export is not waiting for its package."""
        result = await self._connection.execute(
            _FAILED, {"export_id": export_id, "fault": fault[:500]}
        )
        return result.rowcount == 1

    async def waiting(self) -> int:
        """Return the number of packages that wait to be built."""
        return int((await self._connection.execute(_WAITING)).scalar_one())

    async def to_remove(self, limit: int) -> Sequence[UUID]:
        """Return exports whose packages are due for deletion. Locks none: a deletion may be repeated."""
        return (await self._connection.execute(_TO_REMOVE, {"limit": limit})).scalars().all()

    async def not_removed(self) -> set[str]:
        """Return the object keys of the packages that were not deleted, those that are yet to be built included."""
        found = (await self._connection.execute(_NOT_REMOVED)).scalars()
        return {object_key(export_id) for export_id in found}

    async def removed(self, ids: Sequence[UUID], at: datetime) -> None:
        """Record that the packages of these exports are deleted."""
        await self._connection.execute(_REMOVED, {"ids": list(ids), "at": at})


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
