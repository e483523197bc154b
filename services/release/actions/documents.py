"""Stores documents of legal authority."""

from hashlib import sha256
from uuid import uuid4

from services.release.domain.documents import media_type_of
from services.release.store import Document, Documents
from shared.access.grant import Grant
from shared.postgres.unit_of_work import UnitOfWork
from shared.service.api_runtime import ApiRuntime


async def upload(runtime: ApiRuntime, work: UnitOfWork, grant: Grant, content: bytes) -> Document:
    """Store a document of the caller's agency. Raises: UnsupportedMedia, Unavailable."""
    media_type = media_type_of(content)
    digest = sha256(content).hexdigest()
    document = Document(
        document_id=uuid4(),
        agency_ori=grant.principal.agency_ori,
        media_type=media_type,
        size_bytes=len(content),
        sha256=digest,
        object_key=f"release/documents/{digest}",
        uploaded_by=grant.actor,
        uploaded_at=grant.now,
    )
    await runtime.objects.put(document.object_key, content)
    await Documents(work.connection).add(document)
    return document
