"""Documents of legal authority: the requesting agency uploads them, reviewers read them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse

from services.release.actions import documents
from services.release.api.guard import registered_agency
from services.release.api.views import DocumentOut
from services.release.domain.documents import MAGIC
from services.release.domain.problem_codes import Code
from services.release.service import Running
from shared.access.department import check_department
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.errors import InvalidInput
from shared.core.permissions import Permission
from shared.http.app import Work
from shared.http.openapi import file_body, in_bytes
from shared.limits.body_limit import whole_body

router = APIRouter(prefix="/v1/documents", tags=["documents"])

_UPLOAD = {
    "requestBody": file_body(
        "The document: PDF, PNG or JPEG. Its bytes determine its kind, so any `Content-Type` is accepted."
    )
}


async def _body(request: Request, release: Running) -> bytes:
    settings = release.settings
    content = await whole_body(
        request,
        most_bytes=settings.release_document_limit_bytes,
        within_s=settings.release_document_timeout_s,
    )
    if not content:
        raise InvalidInput(Code.DOCUMENT_EMPTY, field="body")
    return content


@router.post("", status_code=201, openapi_extra=_UPLOAD)
async def upload_document(
    grant: Annotated[Grant, access(Permission.RELEASE_REQUEST)],
    # Before `work`, so that no transaction stays open during the upload.
    content: Annotated[bytes, Depends(_body)],
    work: Work,
    release: Running,
) -> DocumentOut:
    """Upload a document of legal authority (PDF, PNG or JPEG as the body) to name in a request.

    What the same person uploads again within a day is the document of before.
    """
    await registered_agency(work, grant)
    document = await documents.upload(release.runtime, work, grant, content)
    return DocumentOut.model_validate(document, from_attributes=True)


@router.get(
    "/{document_id}",
    response_class=StreamingResponse,
    responses=in_bytes("The document", *MAGIC.values()),
)
async def download_document(
    document_id: UUID,
    request: Request,
    grant: Annotated[Grant, access(Permission.RELEASE_READ, purpose_needed=True)],
    work: Work,
    release: Running,
) -> StreamingResponse:
    """Return one document as it was uploaded."""
    check_department(request, grant)
    document, content = await documents.download(release.runtime, work, grant, document_id)
    headers = {"Content-Length": str(len(content)), "X-Content-SHA256": document.sha256}
    return StreamingResponse(iter((content,)), media_type=document.media_type, headers=headers)
