"""The requester's agency downloads an approved package before it expires, with a receipt."""

import mimetypes
from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from services.release.api.guard import registered_agency
from services.release.domain.problem_codes import Code
from services.release.domain.requests import check_download, check_recipient
from services.release.store import Package, Receipt, Requests
from shared.access.disclosing import Disclosed, disclose
from shared.access.grant import Grant
from shared.access.guard import access
from shared.access.rule_refusals import refusals_recorded
from shared.core.errors import NotFound
from shared.core.permissions import Permission
from shared.events import ReleaseReceived
from shared.http.app import Work
from shared.http.openapi import binary
from shared.objects.delivery import opened, sealed
from shared.postgres.outbox import emit
from shared.service.runtime import Runtime, runtime_of

router = APIRouter(prefix="/requests", tags=["requester"])

_ZIP: dict[int | str, dict[str, Any]] = {200: {"content": binary("application/zip")}}


@router.get("/{request_id}/package", response_class=StreamingResponse, responses=_ZIP)
async def download_package(
    request_id: UUID,
    request: Request,
    grant: Annotated[Grant, access(Permission.RELEASE_DOWNLOAD)],
    work: Work,
) -> StreamingResponse:
    """The package of an approved request; 404 unless one's own agency asked for it.

    Refused if an approver created, invited or changed the account that downloads.
    """
    runtime = runtime_of(request)
    agency = await registered_agency(request, work, grant)
    found = await Requests(work.connection).get(grant, request_id, agency=agency.ori)
    if found is None:
        raise NotFound(Code.REQUEST_UNKNOWN)
    check_download(found.status, found.expires_at, grant.now)
    own = runtime.people.provisioned(grant.principal.account_id)
    standing = replace(found.standing, account_by=own.by, provisioners_known=own.known)
    async with refusals_recorded(request, grant):
        check_recipient(standing, filed_it=found.filed_by.person_id == grant.principal.account_id)
    if found.package is None:
        raise NotFound(Code.PACKAGE_UNKNOWN)
    pieces = await opened(runtime.objects.stream(found.package.package_key))
    await disclose(work.connection, grant, "package", [Disclosed(record_id=request_id)])
    receipt = _receipt(runtime, grant, request_id, found.package)
    return StreamingResponse(
        sealed(pieces, found.package.sha256, receipt),
        media_type=_media_type(found.package.package_key),
        headers=_headers(request_id, found.package),
    )


def _receipt(
    runtime: Runtime, grant: Grant, request_id: UUID, package: Package
) -> Callable[[], Awaitable[None]]:
    """Return a function that stores the receipt and announces it."""

    async def receive() -> None:
        async with runtime.db.begin() as connection:
            event = ReleaseReceived(
                occurred_at=runtime.clock.now(),
                actor=grant.actor,
                request_id=request_id,
                sha256=package.sha256,
            )
            receipt = Receipt(
                receipt_id=uuid4(),
                received_by=event.actor,
                received_at=event.occurred_at,
                sha256=event.sha256,
            )
            await Requests(connection).receive(request_id, receipt)
            await emit(connection, runtime.service, event)

    return receive


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
