"""Exports of held records for portable media: request, download and withdrawal; a worker packages them (468.5)."""

from base64 import b64encode
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Header, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict

from services.retention.api.guard import HoldManageOfRecord, HoldReadForPurpose
from services.retention.api.holds import check_may_be_disclosed, check_purpose
from services.retention.domain.evidence import (
    State,
    check_download,
    check_request,
    check_withdrawal,
)
from services.retention.domain.holding import is_wide
from services.retention.domain.problem_codes import Code
from services.retention.service import Running
from services.retention.store.exports import Export, Exports
from services.retention.store.holds import Holds
from shared.access.disclosing import Disclosed, disclose
from shared.access.grant import Grant
from shared.core.errors import NotFound
from shared.core.ids import derive_id
from shared.core.policy import Narrowness
from shared.http.app import Work
from shared.http.models import After, Limit, Page, Person, Reason, RequestBody, key_of
from shared.http.openapi import binary
from shared.objects.delivery import opened, sealed
from shared.postgres.outbox import emit
from shared.service.api_runtime import ApiRuntime

router = APIRouter(prefix="/v1/evidence-exports", tags=["evidence"])

Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=8,
        max_length=100,
        pattern=r"^[!-~]+$",
        description="A random text of the caller for this request. A retry with the same key has no second effect.",
    ),
]
_ZIP: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The package",
        "content": binary("application/zip"),
    }
}


class ExportIn(RequestBody):
    """The hold whose records to export."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"hold_id": "0190a6a1-5555-4000-8000-000000000005"}]}
    )

    hold_id: UUID


class WithdrawalIn(RequestBody):
    """The reason of the withdrawal."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "Written to no medium; the case was dropped"}]}
    )

    reason: Reason


class ExportOut(BaseModel):
    """An export: the records under a hold as one signed package."""

    export_id: UUID
    hold_id: UUID
    case_number: str
    state: str
    """requested, ready, failed or withdrawn."""
    requested_by: Person | None
    requested_at: datetime
    fault: str | None = None
    """The fault of the last failed attempt at packaging."""
    built_at: datetime | None = None
    sha256: str | None = None
    """The package's SHA-256, hexadecimal. A copy on a medium must have the same."""
    size_bytes: int | None = None
    reads: int | None = None
    hits: int | None = None
    """Number of hot list hits of the reads; null also for a package from before they were counted."""
    captures: int | None = None
    images: int | None = None
    omitted: int | None = None
    """Number of images that were missing or changed; the package lists them in `omitted.csv`."""
    signed_by: str | None = None
    copies_booked: int = 0
    """Number of bookings in force."""
    withdrawn_by: Person | None = None
    withdrawn_at: datetime | None = None
    withdrawal_reason: str | None = None
    removed_at: datetime | None = None
    """The time at which the package was deleted, after the withdrawal or the release of the hold."""

    @classmethod
    def of(cls, export: Export, rule: Narrowness) -> "ExportOut":
        """Return the view of an export, without counts while its hold awaits confirmation (ADR-0028)."""
        people = ("requested_by", "withdrawn_by")
        plain = {name: getattr(export, name) for name in cls.model_fields if name not in people}
        if export.confirmed_at is None and is_wide(export.criteria, rule):
            plain |= dict.fromkeys(("reads", "hits", "captures", "images", "omitted"))
        return cls(
            **{**plain, "state": export.state.value},
            **{name: Person.of(getattr(export, name)) for name in people},
        )


@router.post("", status_code=202, summary="Export what a hold keeps")
async def request_export(
    body: ExportIn,
    grant: HoldManageOfRecord,
    key: Key,
    work: Work,
    request: Request,
    retention: Running,
    after: BackgroundTasks,
) -> ExportOut:
    """Request a signed package of the hold's present records, for portable media."""
    hold = await Holds(work.connection).get(grant, body.hold_id, lock=True)
    if hold is None:
        raise NotFound(Code.HOLD_UNKNOWN)
    check_purpose(grant, hold.criteria)
    check_may_be_disclosed(request, grant, hold.criteria, hold.confirmed_at)
    exports = Exports(work.connection)
    export_id = derive_id("evidence export", hold.hold_id, grant.actor.person_id, key)
    if (known := await exports.get(grant, export_id)) is not None:
        return ExportOut.of(known, _rule(retention))
    check_request(
        in_force=hold.released_at is None,
        keeps_any=await Holds(work.connection).has_any_record(grant, hold),
    )
    export = Export(
        export_id=export_id,
        hold_id=hold.hold_id,
        agency_ori=hold.agency_ori,
        state=State.REQUESTED,
        requested_by=grant.actor,
        requested_at=grant.now,
        purpose=grant.declared.record,
        case_number=hold.case_number,
        criteria=hold.criteria,
    )
    await exports.add(export)
    await work.emit(export.changed(grant.actor, grant.now, "requested"))
    after.add_task(retention.wake)
    return ExportOut.of(export, _rule(retention))


@router.get("", summary="Exports for evidence")
async def list_exports(
    grant: HoldReadForPurpose,
    work: Work,
    retention: Running,
    hold_id: UUID | None = None,
    unbooked: bool | None = None,
    after: After | None = None,
    limit: Limit = 50,
) -> Page[ExportOut]:
    """Exports of the caller's agency, newest first. `unbooked` selects those that await a booking."""
    found = await Exports(work.connection).page(
        grant, limit=limit + 1, after=key_of(after, UUID), hold_id=hold_id, unbooked=unbooked
    )
    more = found[limit - 1].export_id if len(found) > limit else None
    return Page.of([ExportOut.of(e, _rule(retention)) for e in found[:limit]], last=more)


@router.get("/{export_id}", summary="One export")
async def get_export(
    export_id: UUID, grant: HoldReadForPurpose, work: Work, retention: Running
) -> ExportOut:
    """One export: its state and, once packaged, the package's digest."""
    return ExportOut.of(await export_of(work, grant, export_id), _rule(retention))


@router.get(
    "/{export_id}/package",
    summary="The package, to be written to a medium",
    response_class=StreamingResponse,
    responses=_ZIP,
)
async def download_evidence(
    export_id: UUID, grant: HoldManageOfRecord, work: Work, request: Request, retention: Running
) -> StreamingResponse:
    """The signed package. The service verifies the package and records the download before it sends the last piece."""
    export = await export_of(work, grant, export_id)
    check_purpose(grant, export.criteria)
    check_may_be_disclosed(request, grant, export.criteria, export.confirmed_at)
    check_download(export.state, in_force=export.in_force, removed=export.removed_at is not None)
    runtime = retention.runtime
    pieces = await opened(runtime.objects.stream(export.object_key))
    holds = max(1, sum(n or 0 for n in (export.reads, export.captures, export.hits)))
    await disclose(work.connection, grant, "package", [Disclosed(record_id=export_id, holds=holds)])
    return StreamingResponse(
        sealed(pieces, export.digest, _receipt(runtime, grant, export)),
        media_type="application/zip",
        headers=_headers(export),
    )


@router.post("/{export_id}/withdrawal", summary="Withdraw an export")
async def withdraw_export(
    export_id: UUID,
    body: WithdrawalIn,
    grant: HoldManageOfRecord,
    work: Work,
    request: Request,
    retention: Running,
    after: BackgroundTasks,
) -> ExportOut:
    """Withdraw an export that has no booking. The service deletes the package; the export stays on file."""
    export = await export_of(work, grant, export_id, lock=True)
    check_purpose(grant, export.criteria)
    check_withdrawal(export.state, booked=export.copies_booked > 0)
    exports = Exports(work.connection)
    await exports.withdraw(export_id, by=grant.actor, at=grant.now, reason=body.reason)
    await work.emit(export.changed(grant.actor, grant.now, "withdrawn", reason=body.reason))
    after.add_task(retention.wake)
    return ExportOut.of(await export_of(work, grant, export_id), _rule(retention))


async def export_of(work: Work, grant: Grant, export_id: UUID, *, lock: bool = False) -> Export:
    """Return an export of the caller's agency. Raises: NotFound; with `lock`, Conflict while it is being packaged."""
    export = await Exports(work.connection).get(grant, export_id, lock=lock)
    if export is None:
        raise NotFound(Code.EXPORT_UNKNOWN)
    return export


def _rule(retention: Running) -> Narrowness:
    return retention.runtime.policy.narrowness


def _receipt(runtime: ApiRuntime, grant: Grant, export: Export) -> Callable[[], Awaitable[None]]:
    """Return the function that records a download."""

    async def receive() -> None:
        async with runtime.db.begin() as connection:
            now = runtime.clock.now()
            event = export.changed(grant.actor, now, "downloaded", sha256=export.sha256)
            await emit(connection, runtime.service, event)

    return receive


def _headers(export: Export) -> dict[str, str]:
    digest = b64encode(bytes.fromhex(export.sha256 or "")).decode()
    return {
        "Content-Length": str(export.size_bytes),
        "Content-Disposition": f'attachment; filename="evidence-{export.export_id}.zip"',
        "X-Content-SHA256": export.sha256 or "",
        "Repr-Digest": f"sha-256=:{digest}:",  # RFC 9530
    }
