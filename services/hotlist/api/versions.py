"""Versions of a hot list: uploaded whole or not at all, put in force, rolled back, withdrawn."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from starlette.requests import ClientDisconnect

from services.hotlist.api.lists import Manage, Read, list_out
from services.hotlist.listing import Checker, Entry, Kinds, kinds_of
from services.hotlist.models.lists import ListOut, RollbackIn, VersionOut, WithdrawalIn
from services.hotlist.parts import Hotlist, Parts
from services.hotlist.sheet import MAX_FAULTS, Fault, Sheet, refuse
from services.hotlist.store.entries import Entries
from services.hotlist.store.lists import Change, HotList, Lists, Version
from shared.access import Grant
from shared.errors import Conflict, InvalidInput, Malformed, UnsupportedMedia
from shared.events import HotListActivated, HotListChanged
from shared.fields import MAX_INT, Moment
from shared.http import Work
from shared.models import Page, regions_taken
from shared.work import UnitOfWork

router = APIRouter(prefix="/lists/{list_id}", tags=["versions"])

COPIED_AT_ONCE = 2000
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
    grant: Manage,
    hotlist: Hotlist,
    as_of: Annotated[
        Moment | None, Query(description="When the source made the extract; default now.")
    ] = None,
    activate: Annotated[bool, Query(description="Put it in force at once.")] = False,
) -> VersionOut:
    """Upload a list as CSV. All of it becomes a version, or nothing does and each fault is named."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "text/csv":
        raise UnsupportedMedia("a hot list is uploaded as text/csv")
    if as_of is not None and as_of > grant.now + CLOCKS_MAY_DIFFER:
        raise InvalidInput("as_of lies in the future", field="as_of")
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
        count = sheet.rows - sum(sheet.skipped.values())
        skipped = json.dumps(dict(sheet.skipped))
        version = await lists.add_version(grant, list_id, snapshot_id, count, skipped)
        await work.emit(
            HotListChanged(
                occurred_at=grant.now,
                actor=grant.actor,
                list_id=list_id,
                change="uploaded",
                details={
                    "version": str(version),
                    "entries": str(count),
                    "skipped": skipped,
                    "sha256": sheet.sha256,
                },
            )
        )
        if activate:
            await put_in_force(work, grant, hot_list, version, "activated")
        made = await lists.version(hot_list, version)
    shown = _version_out(made, kinds)
    return shown.model_copy(update={"regions": regions_taken(checker.regions)})


async def _receive(
    request: Request, hotlist: Parts, checker: Checker, entries: Entries, snapshot_id: UUID
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
            # Once a fault is found nothing will be kept; reading goes on to name the others.
            if not sheet.faults:
                await entries.copy(snapshot_id, waiting)
            waiting = []
    waiting += sheet.finish()
    if waiting:
        await entries.copy(snapshot_id, waiting)
    if sheet.rows == sum(sheet.skipped.values()):
        # An empty file is a failed extract more often than an empty list.
        raise InvalidInput("no entry to list: to take all out of force, withdraw the list")
    doubled = await entries.doubled(snapshot_id, MAX_FAULTS)
    if doubled:
        raise refuse(
            [
                Fault(later, None, "plate", f"the same entry as line {first}")
                for first, later in doubled
            ]
        )
    await entries.finish_snapshot(snapshot_id, sheet.sha256, sheet.size_bytes)
    return sheet


async def _pieces(request: Request, stall_s: float) -> AsyncIterator[bytes]:
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(stall_s):
                piece = await anext(stream, None)
        except TimeoutError:
            raise Malformed(f"nothing arrived for {stall_s:g} s") from None
        except ClientDisconnect:
            raise Malformed("the upload ended before its end") from None
        if piece is None:
            return
        yield piece


@router.get("/versions")
async def show_versions(
    list_id: UUID, grant: Read, work: Work, hotlist: Hotlist
) -> Page[VersionOut]:
    """The latest hundred versions of a list, newest first."""
    lists = Lists(work.connection)
    hot_list = await lists.get(grant, list_id)
    kinds = kinds_of(hotlist.runtime.policy, hot_list.kinds_off)
    return Page.of([_version_out(v, kinds) for v in await lists.versions(hot_list)])


@router.post("/versions/{version}/activation")
async def activate_version(
    list_id: UUID,
    version: Annotated[int, Path(ge=1, le=MAX_INT)],
    grant: Manage,
    hotlist: Hotlist,
) -> ListOut:
    """Put a version in force in place of the present one; an older one is a roll-back."""
    async with hotlist.changing() as work:
        lists = Lists(work.connection)
        hot_list = await lists.get(grant, list_id, lock=True)
        older = hot_list.active_version is not None and version < hot_list.active_version
        await _put_kept_in_force(work, grant, hot_list, version, older, None)
        after = await lists.get(grant, list_id)
    return list_out(after, hotlist.runtime.policy.hotlists, hotlist.runtime.clock)


@router.post("/rollback")
async def roll_back_list(
    list_id: UUID, body: RollbackIn, grant: Manage, hotlist: Hotlist
) -> ListOut:
    """Go back to the version that was in force before, or to the one named."""
    async with hotlist.changing() as work:
        lists = Lists(work.connection)
        hot_list = await lists.get(grant, list_id, lock=True)
        version = body.version or await lists.before(hot_list)
        await _put_kept_in_force(work, grant, hot_list, version, True, body.reason)
        after = await lists.get(grant, list_id)
    return list_out(after, hotlist.runtime.policy.hotlists, hotlist.runtime.clock)


@router.post("/withdrawal")
async def withdraw_list(
    list_id: UUID, body: WithdrawalIn, grant: Manage, hotlist: Hotlist
) -> ListOut:
    """Take a list out of force; its versions stay, and one can be put in force again."""
    async with hotlist.changing() as work:
        lists = Lists(work.connection)
        hot_list = await lists.get(grant, list_id, lock=True)
        if hot_list.active_version is None:
            raise Conflict("no version is in force")
        await put_in_force(work, grant, hot_list, None, "withdrawn", body.reason)
        after = await lists.get(grant, list_id)
    return list_out(after, hotlist.runtime.policy.hotlists, hotlist.runtime.clock)


async def _put_kept_in_force(
    work: UnitOfWork, grant: Grant, hot_list: HotList, version: int, back: bool, reason: str | None
) -> None:
    found = await Lists(work.connection).version(hot_list, version)
    if found.state == "dropped":
        raise Conflict("the entries of this version are no longer kept", field="version")
    if found.state == "active":
        raise Conflict("this version is in force already", field="version")
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
    """Make `version` of a locked list (None: nothing) what counts, and announce it."""
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


def _version_out(version: Version, kinds: Kinds) -> VersionOut:
    return VersionOut(
        list_id=version.list_id,
        version=version.version,
        state=version.state,
        entries=version.entries,
        as_of=version.as_of,
        skipped=version.skipped,
        skipped_because=[kinds.off[kind] for kind in version.skipped if kind in kinds.off],
        sha256=version.sha256,
        created_at=version.created_at,
        created_by=version.created_by,
    )
