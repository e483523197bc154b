"""Routes of single reads and captures, and of their images. The guard checks each access."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from services.retention.actions.images import Spooled, spool
from services.retention.api.guard import ImageReadOfRecord
from services.retention.api.views.records import CaptureOut, ReadOut, reads_out
from services.retention.domain.problem_codes import Code
from services.retention.store.records import Capture, Records
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.errors import NotFound
from shared.core.permissions import Permission
from shared.http.app import Work
from shared.http.openapi import in_bytes
from shared.service.api_runtime import runtime_of

router = APIRouter(prefix="/v1", tags=["records"])

ImageReadOfRecordPicture = Annotated[
    Grant, access(Permission.IMAGE_READ, scope_by_record=True, picture_of="read_id")
]
LinkToken = Annotated[
    str | None,
    Query(
        description="The token in a read's `crop_url`. The picture is then part of the access of that answer"
    ),
]
_IMAGES = in_bytes("The image", "image/jpeg", "image/png", "image/webp")


@router.get("/reads/{read_id}")
async def get_read(
    read_id: UUID, grant: ImageReadOfRecord, work: Work, request: Request
) -> ReadOut:
    """Return one read.

    The answer is the same 404 for an unknown id, another agency's read, and one outside the purpose.
    """
    read = await Records(work.connection).get(grant, read_id)
    if read is None:
        raise NotFound(Code.READ_UNKNOWN)
    [view] = reads_out([read], grant, runtime_of(request).links)
    return view


@router.get("/captures/{capture_id}")
async def get_capture(capture_id: UUID, grant: ImageReadOfRecord, work: Work) -> CaptureOut:
    """Return one capture.

    The answer is the same 404 for an unknown id, another agency's capture, and one outside the purpose.
    """
    capture = await Records(work.connection).capture(grant, capture_id)
    if capture is None:
        raise NotFound(Code.CAPTURE_UNKNOWN)
    return CaptureOut.of(capture)


@router.get(
    "/reads/{read_id}/crop",
    response_class=StreamingResponse,
    responses=_IMAGES,
)
async def get_crop(
    read_id: UUID,
    grant: ImageReadOfRecordPicture,
    work: Work,
    request: Request,
    link_token: LinkToken = None,
) -> StreamingResponse:
    """Return the plate's picture, cut out of its frame, as the character reader received it.

    Without a link's token the request is an access of its own.
    """
    objects = runtime_of(request).objects
    found = await Records(work.connection).crop(
        grant, read_id, lambda key: spool(objects, key, read_id)
    )
    if found is None:
        raise NotFound(Code.CROP_UNKNOWN)
    return _streamed(found)


@router.get(
    "/captures/{capture_id}/image",
    response_class=StreamingResponse,
    responses=_IMAGES,
)
async def get_image(
    capture_id: UUID, grant: ImageReadOfRecord, work: Work, request: Request
) -> StreamingResponse:
    """Return the whole frame as the camera sent it. The service checks its SHA-256 before it sends the first byte."""
    objects = runtime_of(request).objects

    async def fetch(capture: Capture) -> Spooled:
        return await spool(
            objects,
            capture.object_key,
            capture_id,
            sha256=capture.sha256,
            media_type=capture.media_type,
        )

    found = await Records(work.connection).frame(grant, capture_id, fetch)
    if found is None:
        raise NotFound(Code.CAPTURE_UNKNOWN)
    return _streamed(found)


def _streamed(found: Spooled) -> StreamingResponse:
    headers = {
        "Content-Length": str(found.size_bytes),
        "Cache-Control": "no-store",
        "X-Content-SHA256": found.sha256,
        "Content-Disposition": "inline",
    }
    return StreamingResponse(found.pieces(), media_type=found.media_type, headers=headers)
