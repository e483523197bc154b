"""The requester's agency downloads an approved package before it expires, with a receipt."""

import mimetypes
from base64 import b64encode
from pathlib import PurePosixPath
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from services.release.actions import packages
from services.release.api.guard import check_agency, check_downloader, registered_agency
from services.release.store import Package
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.permissions import Permission
from shared.http.app import Work
from shared.http.openapi import in_bytes
from shared.service.api_runtime import runtime_of

router = APIRouter(prefix="/v1/requests", tags=["requester"])


@router.get(
    "/{request_id}/package",
    response_class=StreamingResponse,
    responses=in_bytes("The package", "application/zip"),
)
async def download_package(
    request_id: UUID,
    request: Request,
    grant: Annotated[Grant, access(Permission.RELEASE_DOWNLOAD)],
    work: Work,
) -> StreamingResponse:
    """The package of an approved request; 404 unless one's own agency asked for it.

    Refused if an approver created, invited or changed the account that downloads, or if the agency has since become
    one whose requests are restricted, unless two people approved this one on a document of legal authority.
    """
    agency = await registered_agency(work, grant)
    found = await packages.downloadable(work, grant, request_id, agency)
    check_agency(request, agency, found)
    check_downloader(request, grant, found)
    download = await packages.download(runtime_of(request), work, grant, found)
    return StreamingResponse(
        download.pieces,
        media_type=_media_type(download.package.package_key),
        headers=_headers(request_id, download.package),
    )


def _media_type(package_key: str) -> str:
    return mimetypes.guess_type(package_key)[0] or "application/octet-stream"


def _headers(request_id: UUID, package: Package) -> dict[str, str]:
    suffix = PurePosixPath(package.package_key).suffix
    digest = b64encode(bytes.fromhex(package.sha256)).decode()
    return {
        "Content-Length": str(package.size_bytes),
        "Content-Disposition": f'attachment; filename="release-{request_id}{suffix}"',
        "X-Content-SHA256": package.sha256,
        "Repr-Digest": f"sha-256=:{digest}:",  # RFC 9530
    }
