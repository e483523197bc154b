"""Documents of legal authority: their metadata; the object store has the bytes."""

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.access.disclosing import Disclosed, disclose
from shared.access.grant import Grant
from shared.core.types import Ori
from shared.events import Actor


@dataclass(frozen=True)
class Document:
    """One uploaded document."""

    document_id: UUID
    agency_ori: Ori
    media_type: str
    size_bytes: int
    sha256: str
    object_key: str
    uploaded_by: Actor
    uploaded_at: datetime


_LOCK_OBJECT = text(
    "SELECT pg_advisory_xact_lock(hashtext('release-object'), hashtext(current_schema() || :key))"
)


class Documents:
    """The documents that agencies uploaded, which stay as long as the requests that name them."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def lock_object(self, object_key: str) -> None:
        """Lock an object until the transaction ends: one that is uploaded again is not deleted meanwhile."""
        await self._connection.execute(_LOCK_OBJECT, {"key": object_key})

    async def add(self, document: Document) -> None:
        """Insert `document`."""
        row = asdict(document) | {"uploaded_by": msgspec.json.encode(document.uploaded_by).decode()}
        await self._connection.execute(
            text(
                "INSERT INTO documents (document_id, agency_ori, media_type, size_bytes, sha256,"
                " object_key, uploaded_by, uploaded_at) VALUES (:document_id, :agency_ori,"
                " :media_type, :size_bytes, :sha256, :object_key, CAST(:uploaded_by AS jsonb),"
                " :uploaded_at)"
            ),
            row,
        )

    async def same(self, document: Document, *, since: datetime) -> Document | None:
        """Return what the same person uploaded in the same bytes after `since`; None if there is nothing."""
        return await self._one(
            "object_key = :key AND agency_ori = :ori AND uploaded_by ->> 'person_id' = :person"
            " AND uploaded_at > :since",
            key=document.object_key,
            ori=document.agency_ori,
            person=document.uploaded_by.person_id,
            since=since,
        )

    async def of_agency(self, document_id: UUID, ori: Ori) -> Document | None:
        """Return a document if that agency uploaded it."""
        found = await self._one("document_id = :id", id=document_id)
        return found if found is not None and found.agency_ori == ori else None

    async def read(self, grant: Grant, document_id: UUID) -> Document | None:
        """Return a document, or None, and record its disclosure."""
        found = await self._one("document_id = :id", id=document_id)
        if found is not None:
            disclosed = Disclosed(record_id=document_id)
            await disclose(self._connection, grant, "release_document", [disclosed])
        return found

    async def _one(self, conditions: str, **values: object) -> Document | None:
        query = f"SELECT * FROM documents WHERE {conditions} ORDER BY uploaded_at LIMIT 1"  # noqa: S608
        found = await self._connection.execute(text(query), values)
        row = found.mappings().first()
        if row is None:
            return None
        return Document(**{**row, "uploaded_by": msgspec.convert(row["uploaded_by"], Actor)})
