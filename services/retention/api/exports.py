"""Routes of evidence exports: packages of held records for portable media (policy 468.5)."""

from base64 import b64encode
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks
from fastapi.responses import StreamingResponse

from services.retention.actions import exports
from services.retention.api.fields.evidence import ExportIn, WithdrawalIn
from services.retention.api.guard import HoldManageOfRecord, HoldReadForPurpose
from services.retention.api.views.exports import ExportOut
from services.retention.api.views.pages import page_out
from services.retention.service import Running
from services.retention.store.exports import Export, Exports
from shared.http.app import Work
from shared.http.models import After, IdempotencyKey, Limit, Page, key_of
from shared.http.openapi import in_bytes

router = APIRouter(prefix="/v1/evidence-exports", tags=["evidence"])


@router.post("", status_code=202)
async def request_evidence_export(
    body: ExportIn,
    grant: HoldManageOfRecord,
    key: IdempotencyKey,
    work: Work,
    retention: Running,
    after: BackgroundTasks,
) -> ExportOut:
    """Request a signed package of the hold's present records, for portable media."""
    rule = retention.runtime.policy.narrowness
    export = await exports.request(rule, work, grant, body.hold_id, key)
    after.add_task(retention.wake)
    return ExportOut.of(export, rule)


@router.get("")
async def list_evidence_exports(
    grant: HoldReadForPurpose,
    work: Work,
    retention: Running,
    hold_id: UUID | None = None,
    unbooked: bool | None = None,
    after: After | None = None,
    limit: Limit = 50,
) -> Page[ExportOut]:
    """List the exports of the caller's agency, newest first. `unbooked` selects those that await a booking."""
    rule = retention.runtime.policy.narrowness
    found = await Exports(work.connection).page(
        grant, limit=limit + 1, after=key_of(after, UUID), hold_id=hold_id, unbooked=unbooked
    )
    return page_out(found, limit, lambda one: ExportOut.of(one, rule), lambda one: one.export_id)


@router.get("/{export_id}")
async def get_evidence_export(
    export_id: UUID, grant: HoldReadForPurpose, work: Work, retention: Running
) -> ExportOut:
    """Return one export: its state and, once packaged, the package's digest."""
    export = await exports.export_of(work, grant, export_id)
    return ExportOut.of(export, retention.runtime.policy.narrowness)


@router.get(
    "/{export_id}/package",
    response_class=StreamingResponse,
    responses=in_bytes("The package", "application/zip"),
)
async def download_evidence_export(
    export_id: UUID, grant: HoldManageOfRecord, retention: Running
) -> StreamingResponse:
    """Return the signed package, to be written to a medium.

    The service verifies the package and records the download before it sends the last piece.
    """
    download = await exports.download(retention.runtime, grant, export_id)
    return StreamingResponse(
        download.pieces, media_type="application/zip", headers=_headers(download.export)
    )


@router.post("/{export_id}/withdrawal")
async def withdraw_evidence_export(
    export_id: UUID,
    body: WithdrawalIn,
    grant: HoldManageOfRecord,
    work: Work,
    retention: Running,
    after: BackgroundTasks,
) -> ExportOut:
    """Withdraw an export that has no booking. The service deletes the package; the export stays on file."""
    export = await exports.withdraw(work, grant, export_id, body.reason)
    after.add_task(retention.wake)
    return ExportOut.of(export, retention.runtime.policy.narrowness)


def _headers(export: Export) -> dict[str, str]:
    digest = b64encode(bytes.fromhex(export.sha256 or "")).decode()
    return {
        "Content-Length": str(export.size_bytes),
        "Content-Disposition": f'attachment; filename="evidence-{export.export_id}.zip"',
        "X-Content-SHA256": export.sha256 or "",
        "Repr-Digest": f"sha-256=:{digest}:",  # RFC 9530
    }
