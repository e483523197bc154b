"""Stores documents of legal authority, and returns them as they were uploaded."""

from datetime import timedelta
from hashlib import sha256
from uuid import UUID, uuid4

from services.release.domain.documents import media_type_of
from services.release.domain.problem_codes import Code
from services.release.store import Document, Documents
from shared.access.grant import Grant
from shared.core.errors import NotFound, Unavailable
from shared.core.problem_codes import Common
from shared.objects.store import fetched, in_time
from shared.postgres.unit_of_work import UnitOfWork
from shared.service.api_runtime import ApiRuntime

REPEATED_WITHIN = timedelta(days=1)
"""A document that a person uploads again so soon is the one of before: a form that was sent twice, say. A later one has
a time of its own, from which its years count."""
STORED_WITHIN_S = 20.0
FETCHED_WITHIN_S = 5.0
"""The longest waits for the object store to take a document, and to send more of one: the request holds a connection to
Postgres meanwhile, which filing and deciding need, too."""


async def upload(runtime: ApiRuntime, work: UnitOfWork, grant: Grant, content: bytes) -> Document:
    """Store a document of the caller's agency; return the one of before if the caller uploaded it within the last day.

    Raises: UnsupportedMedia; Unavailable, also if the object store does not take it in time.
    """
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
    documents = Documents(work.connection)
    async with in_time(STORED_WITHIN_S, Unavailable(Common.OBJECT_NOT_STORED)):
        await documents.lock_object(document.object_key)
        await runtime.objects.put(document.object_key, content)
    known = await documents.same(document, since=grant.now - REPEATED_WITHIN)
    if known is not None:
        return known
    await documents.add(document)
    return document


async def download(
    runtime: ApiRuntime, work: UnitOfWork, grant: Grant, document_id: UUID
) -> tuple[Document, bytes]:
    """Return a document and its content, as it was uploaded.

    Raises: NotFound for an unknown document, or content that is not what was uploaded; Unavailable, also if the object
    store does not send it in time.
    """
    document = await Documents(work.connection).read(grant, document_id)
    if document is None:
        raise NotFound(Code.DOCUMENT_UNKNOWN)
    content = await fetched(runtime.objects, document.object_key, FETCHED_WITHIN_S)
    if sha256(content).hexdigest() != document.sha256:
        raise NotFound(Code.DOCUMENT_CHANGED)
    return document, content
