"""The end of files: requests, documents and objects that were kept for their time (ADR-0120)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.core.types import Ori
from shared.events import ReleaseCriteria

BATCH = 100
ASKED_AGAIN_AFTER = timedelta(days=1)

# By the service's clock and by the database's: neither alone ends a file.
_IS_DUE = "{since} + make_interval(years => CAST(:years AS integer)) <= least(CAST(:now AS timestamptz), now())"

_LAPSED = text(
    f"""
    SELECT r.request_id, r.case_number, r.criteria FROM requests r
    JOIN ended_requests e ON e.request_id = r.request_id
    LEFT JOIN lapsed_requests l ON l.request_id = r.request_id
    WHERE {_IS_DUE.format(since="e.last_act_at")} AND (l.asked_at IS NULL OR l.asked_at <= :again)
    ORDER BY l.asked_at NULLS FIRST, r.filed_at LIMIT :limit FOR UPDATE OF r SKIP LOCKED
    """  # noqa: S608 - constants
)
_ASKED = text(
    "INSERT INTO lapsed_requests (request_id, asked_at) SELECT id, :now FROM unnest(CAST(:ids AS uuid[])) AS id"
    " ON CONFLICT (request_id) DO UPDATE SET asked_at = excluded.asked_at"
)
_ENDED = text(
    f"""
    SELECT r.request_id, r.agency_ori, r.status, r.document_id, p.sha256 AS package_sha256, e.last_act_at,
        (SELECT count(*) FROM decisions d WHERE d.request_id = r.request_id) AS decisions,
        (SELECT count(*) FROM receipts x WHERE x.request_id = r.request_id) AS receipts
    FROM requests r JOIN ended_requests e ON e.request_id = r.request_id
    LEFT JOIN packages p ON p.request_id = r.request_id
    WHERE r.request_id = :request_id AND {_IS_DUE.format(since="e.last_act_at")} FOR UPDATE OF r
    """  # noqa: S608 - constants
)
_DESTROY_FILE = text("SELECT destroy_file(:id, :years)")
_UNNAMED = text(
    f"""
    SELECT d.document_id, d.agency_ori, d.sha256, d.uploaded_at FROM documents d
    WHERE {_IS_DUE.format(since="d.uploaded_at")}
        AND NOT EXISTS (SELECT FROM requests r WHERE r.document_id = d.document_id)
    ORDER BY d.uploaded_at LIMIT :limit
    """  # noqa: S608 - constants
)
_DESTROY_DOCUMENT = text("SELECT destroy_document(:id, :years)")
_OBJECTS = text("SELECT object_key FROM doomed_objects ORDER BY object_key LIMIT :limit")
_IS_NAMED = text("SELECT EXISTS (SELECT FROM documents WHERE object_key = :key)")
_FORGET = text("DELETE FROM doomed_objects WHERE object_key = :key")


@dataclass(frozen=True)
class Lapsed:
    """A request whose file was kept for its time, as retention compares it with holds."""

    request_id: UUID
    case_number: str
    criteria: ReleaseCriteria


@dataclass(frozen=True)
class Ended:
    """What the log keeps of a file that is destroyed; no plate."""

    request_id: UUID
    agency_ori: Ori
    status: str
    document_id: UUID | None
    package_sha256: str | None
    last_act_at: datetime
    decisions: int
    receipts: int


@dataclass(frozen=True)
class UnnamedDocument:
    """What the log keeps of a document that is destroyed."""

    document_id: UUID
    agency_ori: Ori
    sha256: str
    uploaded_at: datetime


class FileEnds:
    """Finds and destroys what was kept for so many years."""

    def __init__(self, connection: AsyncConnection, years: int) -> None:
        self._connection = connection
        self._years = years

    async def lapsed(self, now: datetime) -> list[Lapsed]:
        """Return some requests whose file is due and that were not asked about for a day, locked, oldest first."""
        found = await self._connection.execute(
            _LAPSED,
            {"years": self._years, "now": now, "again": now - ASKED_AGAIN_AFTER, "limit": BATCH},
        )
        return [
            Lapsed(row.request_id, row.case_number, msgspec.convert(row.criteria, ReleaseCriteria))
            for row in found
        ]

    async def asked(self, request_ids: Sequence[UUID], now: datetime) -> None:
        """Record that retention was asked about these requests."""
        await self._connection.execute(_ASKED, {"ids": list(request_ids), "now": now})

    async def ended(self, request_id: UUID, now: datetime) -> Ended | None:
        """Return a request whose file is due, locked; None if it is not due, or destroyed."""
        found = await self._connection.execute(
            _ENDED, {"request_id": request_id, "years": self._years, "now": now}
        )
        row = found.mappings().one_or_none()
        return None if row is None else Ended(**row)

    async def destroy_file(self, request_id: UUID) -> bool:
        """Destroy a request with its decisions, receipts and package; False if it is kept, or gone.

        The transaction must emit the event.
        """
        return await self._destroy(_DESTROY_FILE, request_id)

    async def unnamed_documents(self, now: datetime) -> list[UnnamedDocument]:
        """Return some documents that are due and that no request names, oldest first."""
        found = await self._connection.execute(
            _UNNAMED, {"years": self._years, "now": now, "limit": BATCH}
        )
        return [UnnamedDocument(**row) for row in found.mappings()]

    async def destroy_document(self, document_id: UUID) -> bool:
        """Destroy a document; False if it is kept, or gone. The transaction must emit the event."""
        return await self._destroy(_DESTROY_DOCUMENT, document_id)

    async def _destroy(self, function: TextClause, destroyed: UUID) -> bool:
        values = {"id": destroyed, "years": self._years}
        return bool((await self._connection.execute(function, values)).scalar_one())


class DoomedObjects:
    """Objects whose rows are destroyed, until they are deleted."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def some(self) -> list[str]:
        """Return some keys of objects."""
        return list((await self._connection.execute(_OBJECTS, {"limit": BATCH})).scalars())

    async def is_named(self, object_key: str) -> bool:
        """Return whether a document on file has this object too. Lock the object first (`lock_object`)."""
        return bool((await self._connection.execute(_IS_NAMED, {"key": object_key})).scalar_one())

    async def forget(self, object_key: str) -> None:
        """Record that an object is deleted, or stays."""
        await self._connection.execute(_FORGET, {"key": object_key})
