"""The route of exports of reads: what a search finds, as a file (policy 468.4(a), ADR-0058)."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from services.retention.actions.read_exports import ReadExport, begin
from services.retention.api.fields.records import ReadExportQuery
from services.retention.api.views.read_exports import (
    ReadExportEndOut,
    ReadExportOut,
    exported_reads,
)
from services.retention.domain.record_files import FileFormat, RecordFile, file_of
from services.retention.service import Running
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.errors import AlprError
from shared.core.permissions import Permission
from shared.http.app import members, recorded
from shared.http.openapi import in_bytes

router = APIRouter(prefix="/v1/reads/export", tags=["search"])

_FILE = in_bytes(
    "The file. Its last line or member says whether it is complete.",
    *(kind.media_type for kind in FileFormat),
)


@router.post("", response_class=StreamingResponse, responses=_FILE)
async def export_reads(
    body: ReadExportQuery,
    grant: Annotated[Grant, access(Permission.RECORD_EXPORT)],
    retention: Running,
    request: Request,
) -> StreamingResponse:
    """Return all matching reads of the caller's agency as a file, newest first.

    The declared purpose must contain what is exported. The service records and counts each piece of up to 1,000 reads
    as disclosed before it sends the piece, and reads the next piece when the client has received the last one.
    A file ends with `end`: `complete`, the number of `records`, and of an incomplete file the `problem` and `next`,
    with which another request continues. A file without `end` was cut off. In CSV it is the last line, `# end: …`.
    """
    region = body.parsed_region(retention.runtime.policy.department.state)
    asked = body.criteria(region)
    export = await begin(retention.search, grant, asked, after=body.after)
    about = ReadExportOut.of(export)
    headers = {
        "Content-Disposition": f'attachment; filename="reads-{grant.attempt_id}.{body.format}"',
        "X-ALPR-Attempt": str(grant.attempt_id),
        "X-ALPR-Policy": about.policy_digest,
        "X-Accel-Buffering": "no",  # a proxy that stores the file would ask for all of it at once
    }
    return StreamingResponse(
        _written(export, about, file_of(body.format), request),
        media_type=body.format.media_type,
        headers=headers,
    )


async def _written(
    export: ReadExport, about: ReadExportOut, file: RecordFile, request: Request
) -> AsyncIterator[bytes]:
    """Yield the file; a refusal between two pieces is recorded, and ends the file with its problem."""
    end = ReadExportEndOut()
    yield file.head(about.model_dump(mode="json"))
    try:
        async for page in export.pieces():
            yield file.piece(exported_reads(page))
            # The server writes a piece at once and waits for the client before the next message. This empty one
            # waits before the next piece is read.
            yield b""
            end = end.with_piece(page)
    except AlprError as exc:
        end = end.with_problem(members(await recorded(request, exc)))
    yield file.end(end.model_dump(mode="json", exclude_none=True))
