"""Routes of a hot list's versions: upload, activation, rollback, withdrawal.

An upload sets bad lines aside, up to a share that the policy sets; the other lines make the version.
If a version loses much of the list, a person who did not upload it must put it in force (ADR-0034).
"""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from starlette.requests import ClientDisconnect

from services.hotlist.api.fields import RollbackIn, WithdrawalIn
from services.hotlist.api.lists import HotlistManage, HotlistManageForPurpose, HotlistRead, list_out
from services.hotlist.api.views import ListOut, SetAsideOut, VersionOut
from services.hotlist.domain.csv_import import MAX_SET_ASIDE, Fault, SetAside, Sheet
from services.hotlist.domain.entries import Checker, Entry, Kinds, kinds_of
from services.hotlist.domain.problem_codes import Code
from services.hotlist.domain.rating import shrinks
from services.hotlist.service import HotlistService, Running
from services.hotlist.store.entries import Entries
from services.hotlist.store.lists import Change, HotList, Lists, Version
from shared.access.grant import Grant
from shared.access.rule_refusals import record_refusal
from shared.core.errors import (
    Conflict,
    InvalidInput,
    Malformed,
    NotAuthorised,
    UnsupportedMedia,
    ValueRefused,
)
from shared.core.fields import MAX_INT, Moment
from shared.events import HotListActivated, HotListChanged
from shared.http.app import Work
from shared.http.models import After, Limit, Page, key_of, resolved_regions
from shared.postgres.unit_of_work import UnitOfWork

router = APIRouter(prefix="/lists/{list_id}", tags=["versions"])

Number = Annotated[int, Path(ge=1, le=MAX_INT)]

COPIED_AT_ONCE = 2000
SHOWN_AT_ONCE = 1000
"""The most set-aside lines of one disclosure, so that its event stays below Kafka's size limit."""

SET_ASIDE_COLUMNS = ("line", "column", "field", "fault", "content")
_FORMULA = ("=", "+", "-", "@")
CLOCKS_MAY_DIFFER = timedelta(minutes=5)
EXAMPLE = (
    "plate,state,record_kind,reason,entering_ori,entering_reference,make,model,colour,expires_at\r\n"
    "7ABC123,CA,stolen_vehicle,Reported stolen,CA0520100,26-001234,TOYT,Corolla,SIL,\r\n"
    '8XY?1*,CA,canvass,"Shooting, partial plate",CA0520100,26-001240,,,BLK,2026-07-01T00:00:00-07:00\r\n'
)
CSV_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "UTF-8, a header row, one record a line; plate and record_kind are required.",
        "content": {"text/csv": {"schema": {"type": "string"}, "example": EXAMPLE}},
    }
}


@router.post("/versions", status_code=201, openapi_extra=CSV_BODY)
async def upload_version(
    list_id: UUID,
    request: Request,
    grant: HotlistManage,
    hotlist: Running,
    as_of: Annotated[
        Moment | None, Query(description="When the source made the extract; default now.")
    ] = None,
    activate: Annotated[bool, Query(description="Put it in force at once.")] = False,
) -> VersionOut:
    """Upload a list as CSV. Sets bad lines aside; refuses the upload if they exceed the policy's share.

    Even with `activate`, a version that loses more of the list than the policy allows stays a draft with
    `needs_second_word`: a person who did not upload it must put it in force.
    """
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "text/csv":
        raise UnsupportedMedia(Code.SHEET_MEDIA_UNKNOWN)
    if as_of is not None and as_of > grant.now + CLOCKS_MAY_DIFFER:
        raise InvalidInput(Code.SHEET_AS_OF_AHEAD, field="as_of")
    async with hotlist.uploading(), hotlist.changing() as work:
        lists = Lists(work.connection)
        hot_list = await lists.get(grant, list_id)
        kinds = kinds_of(hotlist.runtime.policy, hot_list.kinds_off)
        checker = Checker(
            list_id,
            kinds,
            grant.principal.agency_ori,
            grant.now,
            department_state=hotlist.runtime.policy.department.state,
        )
        entries = Entries(work.connection)
        snapshot_id = await entries.begin_snapshot(grant, list_id, as_of or grant.now)
        sheet = await _receive(request, hotlist, checker, entries, snapshot_id)
        hot_list = await lists.get(grant, list_id, lock=True)
        skipped = json.dumps(dict(sheet.skipped))
        version = await lists.add_version(grant, list_id, snapshot_id, sheet.entries, skipped)
        last = await lists.last_entries(hot_list)
        waits = shrinks(last, sheet.entries, hotlist.runtime.policy.hotlists.shrink_share)
        await work.emit(
            HotListChanged(
                occurred_at=grant.now,
                actor=grant.actor,
                list_id=list_id,
                change="uploaded",
                details={
                    "version": str(version),
                    "entries": str(sheet.entries),
                    "skipped": skipped,
                    "set_aside": str(len(sheet.aside)),
                    "sha256": sheet.sha256,
                    **({"needs_second_word": f"{last} entries before"} if waits else {}),
                },
            )
        )
        if activate and not waits:
            await put_in_force(work, grant, hot_list, version, "activated")
        made = await lists.version(hot_list, version)
    shown = _version_out(made, kinds, waits and made.state == "draft")
    return shown.model_copy(update={"regions": resolved_regions(checker.regions)})


async def _receive(
    request: Request, hotlist: HotlistService, checker: Checker, entries: Entries, snapshot_id: UUID
) -> Sheet:
    """Read the body as it arrives into a snapshot. Raises: InvalidInput naming faults, TooLarge, Malformed."""
    settings = hotlist.settings
    sheet = Sheet(
        checker,
        max_bytes=settings.hotlist_max_upload_bytes,
        max_rows=settings.hotlist_max_upload_rows,
    )
    waiting: list[tuple[int, Entry]] = []
    async for piece in _pieces(request, settings.hotlist_upload_stall_s):
        waiting += sheet.feed(piece)
        if len(waiting) >= COPIED_AT_ONCE:
            await entries.copy(snapshot_id, waiting)
            waiting = []
    waiting += sheet.finish()
    if waiting:
        await entries.copy(snapshot_id, waiting)
    await _set_doubled_aside(sheet, entries, snapshot_id, hotlist)
    if not sheet.entries:
        # An empty file is a failed extract more often than an empty list.
        raise InvalidInput(Code.SHEET_WITHOUT_ENTRIES)
    await entries.finish_snapshot(snapshot_id, sheet.sha256, sheet.size_bytes, sheet.aside)
    return sheet


async def _set_doubled_aside(
    sheet: Sheet, entries: Entries, snapshot_id: UUID, hotlist: HotlistService
) -> None:
    """Set aside lines whose entry an earlier line has. Raises: InvalidInput if too many lines are bad."""
    share = hotlist.runtime.policy.hotlists.bad_lines_share
    doubled = {
        later: Fault.of(
            later, None, "plate", ValueRefused(Code.SHEET_LINE_DOUBLED, first_line=first)
        )
        for first, later in await entries.doubled(snapshot_id, MAX_SET_ASIDE + 1)
    }
    sheet.check_share(share, list(doubled.values()))
    if doubled:
        for line, entry in await entries.remove_doubled(snapshot_id):
            sheet.set_doubled_aside(doubled[line], entry)


async def _pieces(request: Request, stall_s: float) -> AsyncIterator[bytes]:
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(stall_s):
                piece = await anext(stream, None)
        except TimeoutError:
            raise Malformed(Code.SHEET_STALLED, stall_s=stall_s) from None
        except ClientDisconnect:
            raise Malformed(Code.SHEET_CUT_OFF) from None
        if piece is None:
            return
        yield piece


@router.get("/versions")
async def list_versions(
    list_id: UUID, grant: HotlistRead, work: Work, hotlist: Running
) -> Page[VersionOut]:
    """List the latest hundred versions of a list, newest first."""
    lists = Lists(work.connection)
    hot_list = await lists.get(grant, list_id)
    policy = hotlist.runtime.policy
    kinds = kinds_of(policy, hot_list.kinds_off)
    last = await lists.last_entries(hot_list)
    return Page.of(
        [
            _version_out(
                version,
                kinds,
                version.state in ("draft", "retired")
                and shrinks(last, version.entries, policy.hotlists.shrink_share),
            )
            for version in await lists.versions(hot_list)
        ]
    )


@router.get("/versions/{version}/set-aside")
async def list_set_aside(
    list_id: UUID,
    version: Number,
    grant: HotlistManageForPurpose,
    work: Work,
    after: After | None = None,
    limit: Limit = 100,
) -> Page[SetAsideOut]:
    """List the lines of the version's upload that did not become entries, each with its fault."""
    found = await _one_version(work, grant, list_id, version)
    lines = await Entries(work.connection).set_aside(
        grant, found, after=key_of(after, int) or 0, limit=limit
    )
    shown = [SetAsideOut.of(line) for line in lines]
    return Page.of(shown, last=shown[-1].line if len(shown) == limit else None)


@router.get(
    "/versions/{version}/set-aside.csv",
    response_class=Response,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def download_set_aside(
    list_id: UUID, version: Number, grant: HotlistManageForPurpose, work: Work
) -> Response:
    """Download all lines that were set aside as CSV: line, column, field, fault, content."""
    found = await _one_version(work, grant, list_id, version)
    entries = Entries(work.connection)
    sheet = io.StringIO()
    rows = csv.writer(sheet)
    rows.writerow(SET_ASIDE_COLUMNS)
    after = 0
    while lines := await entries.set_aside(grant, found, after=after, limit=SHOWN_AT_ONCE):
        rows.writerows(_set_aside_row(line) for line in lines)
        after = lines[-1].fault.line
        if len(lines) < SHOWN_AT_ONCE:
            break
    return Response(sheet.getvalue(), media_type="text/csv")


def _set_aside_row(line: SetAside) -> list[Any]:
    # A leading quote prevents a spreadsheet from reading the line as a formula.
    content = f"'{line.content}" if line.content.startswith(_FORMULA) else line.content
    fault = line.fault
    return [fault.line, fault.column, fault.field, fault.fault, content]


async def _one_version(work: UnitOfWork, grant: Grant, list_id: UUID, version: int) -> Version:
    lists = Lists(work.connection)
    return await lists.version(await lists.get(grant, list_id), version)


@router.post("/versions/{version}/activation")
async def activate_version(
    list_id: UUID, version: Number, request: Request, grant: HotlistManage, hotlist: Running
) -> ListOut:
    """Put a version in force in place of the present one; an older one is a rollback.

    Refuses the person who uploaded a version that loses more of the list than the policy allows.
    """
    async with hotlist.changing() as work:
        lists = Lists(work.connection)
        hot_list = await lists.get(grant, list_id, lock=True)
        older = hot_list.active_version is not None and version < hot_list.active_version
        await _second_word(request, hotlist, work, grant, hot_list, version)
        await _activate_stored(work, grant, hot_list, version, older, None)
        after = await lists.get(grant, list_id)
    return list_out(after, hotlist.runtime.policy.hotlists, hotlist.runtime.clock)


@router.post("/rollback")
async def roll_back_list(
    list_id: UUID, body: RollbackIn, request: Request, grant: HotlistManage, hotlist: Running
) -> ListOut:
    """Roll back to the version that was in force before, or to the named one."""
    async with hotlist.changing() as work:
        lists = Lists(work.connection)
        hot_list = await lists.get(grant, list_id, lock=True)
        version = body.version or await lists.before(hot_list)
        await _second_word(request, hotlist, work, grant, hot_list, version)
        await _activate_stored(work, grant, hot_list, version, True, body.reason)
        after = await lists.get(grant, list_id)
    return list_out(after, hotlist.runtime.policy.hotlists, hotlist.runtime.clock)


@router.post("/withdrawal")
async def withdraw_list(
    list_id: UUID, body: WithdrawalIn, grant: HotlistManage, hotlist: Running
) -> ListOut:
    """Withdraw a list from force; its versions stay and can be put in force again."""
    async with hotlist.changing() as work:
        lists = Lists(work.connection)
        hot_list = await lists.get(grant, list_id, lock=True)
        if hot_list.active_version is None:
            raise Conflict(Code.VERSION_NONE_IN_FORCE)
        await put_in_force(work, grant, hot_list, None, "withdrawn", body.reason)
        after = await lists.get(grant, list_id)
    return list_out(after, hotlist.runtime.policy.hotlists, hotlist.runtime.clock)


async def _second_word(
    request: Request,
    hotlist: HotlistService,
    work: UnitOfWork,
    grant: Grant,
    hot_list: HotList,
    version: int,
) -> None:
    """Refuse the uploader of a version that loses much of a locked list. Raises: NotAuthorised."""
    lists = Lists(work.connection)
    found = await lists.version(hot_list, version)
    last = await lists.last_entries(hot_list)
    share = hotlist.runtime.policy.hotlists.shrink_share
    if not shrinks(last, found.entries, share) or not found.is_by(grant):
        return
    refusal = NotAuthorised(
        Code.VERSION_NEEDS_SECOND_PERSON, entries_before=last, entries=found.entries, share=share
    )
    await record_refusal(request, grant, refusal.detail)
    raise refusal


async def _activate_stored(
    work: UnitOfWork, grant: Grant, hot_list: HotList, version: int, back: bool, reason: str | None
) -> None:
    found = await Lists(work.connection).version(hot_list, version)
    if found.state == "dropped":
        raise Conflict(Code.VERSION_DROPPED, field="version")
    if found.state == "active":
        raise Conflict(Code.VERSION_IN_FORCE, field="version")
    change: Change = "rolled_back" if back else "activated"
    await put_in_force(work, grant, hot_list, version, change, reason)


async def put_in_force(
    work: UnitOfWork,
    grant: Grant,
    hot_list: HotList,
    version: int | None,
    change: Change,
    reason: str | None = None,
) -> None:
    """Put `version` of a locked list in force (None withdraws the list) and emit the event."""
    lists = Lists(work.connection)
    await lists.put_in_force(grant, hot_list, version, change, reason)
    told = version or hot_list.active_version or 0
    count = (await lists.version(hot_list, version)).entries if version else 0
    await work.emit(
        HotListActivated(
            occurred_at=grant.now,
            actor=grant.actor,
            list_id=hot_list.list_id,
            list_name=hot_list.name,
            version=told,
            entries=count,
            source=hot_list.source,
            change=change,
        )
    )


def _version_out(version: Version, kinds: Kinds, needs_second_word: bool) -> VersionOut:
    return VersionOut(
        list_id=version.list_id,
        version=version.version,
        state=version.state,
        entries=version.entries,
        as_of=version.as_of,
        skipped=version.skipped,
        skipped_because=[str(kinds.off[kind]) for kind in version.skipped if kind in kinds.off],
        set_aside=version.set_aside,
        needs_second_word=needs_second_word,
        sha256=version.sha256,
        created_at=version.created_at,
        created_by=version.created_by,
    )
