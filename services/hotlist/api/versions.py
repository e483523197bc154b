"""Routes of a hot list's versions: upload, activation, rollback, withdrawal."""

from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response

from services.hotlist.actions import activation, versions
from services.hotlist.actions.uploading import Extract, upload
from services.hotlist.api.fields import (
    ActivationIn,
    RollbackIn,
    WithdrawalIn,
    body_of,
    check_media,
)
from services.hotlist.api.guard import (
    HotlistManage,
    HotlistManageForPurpose,
    HotlistManageOfRecord,
    HotlistRead,
)
from services.hotlist.api.views.lists import ListOut
from services.hotlist.api.views.versions import ChangesOut, SetAsideOut, VersionOut
from services.hotlist.domain.csv_import import check_extract_time
from services.hotlist.service import Running
from shared.access.rechecks import check_account
from shared.core.fields import MAX_INT, Moment
from shared.http.app import Work
from shared.http.models import After, Limit, Page, key_of
from shared.http.openapi import file_body

router = APIRouter(prefix="/v1/lists/{list_id}", tags=["versions"])

Number = Annotated[int, Path(ge=1, le=MAX_INT)]

Replaces = Annotated[
    int | None,
    Query(
        ge=0,
        le=MAX_INT,
        description="The version in force when the caller looked at the changes (`in_force`), 0 for none; each added or"
        " ended entry makes a version, too.",
    ),
]

EXAMPLE = (
    "plate,state,record_kind,reason,entering_ori,entering_reference,make,model,colour,year,caution,expires_at\r\n"
    "7ABC123,CA,stolen_vehicle,Reported stolen,CA0520100,26-001234,TOYT,Corolla,SIL,2019,Driver said to be armed,\r\n"
    '8XY?1*,CA,canvass,"Shooting, partial plate",CA0520100,26-001240,,,BLK,,,2026-07-01T00:00:00-07:00\r\n'
)
CSV_BODY: dict[str, Any] = {
    "requestBody": file_body(
        "CSV in UTF-8, a header row, one record a line; plate and record_kind are required. For a list with a layout:"
        " a file as its layout says. `text/csv` is accepted too.",
        example=EXAMPLE,
    )
}


@router.post("/versions", status_code=201, openapi_extra=CSV_BODY)
async def upload_version(
    list_id: UUID,
    request: Request,
    grant: HotlistManageOfRecord,
    hotlist: Running,
    as_of: Annotated[
        Moment | None, Query(description="When the source made the extract; default now.")
    ] = None,
    activate: Annotated[bool, Query(description="Put it in force at once.")] = False,
) -> VersionOut:
    """Upload the file of a list. Sets bad lines aside; refuses the upload if they exceed the policy's share.

    With `activate`, refuses an extract older than the one in force: upload it without, and put it in force with a
    reason. Even with `activate`, a version that loses more of the list than the policy allows stays a draft with
    `needs_second_word`: a person who did not upload it must put it in force.
    """
    check_media(request)
    check_extract_time(as_of, grant.now)
    async with hotlist.uploading(), hotlist.changing() as work:
        uploaded = await upload(
            work,
            grant,
            list_id,
            body_of(request),
            Extract(as_of=as_of or grant.now, activate=activate),
            policy=hotlist.runtime.policy,
            settings=hotlist.settings,
            still=partial(check_account, hotlist.runtime, grant),
        )
    return VersionOut.of_uploaded(uploaded)


@router.get("/versions")
async def list_versions(
    list_id: UUID,
    grant: HotlistRead,
    work: Work,
    hotlist: Running,
    after: After | None = None,
    limit: Limit = 100,
) -> Page[VersionOut]:
    """List the versions of a list, newest first."""
    found = await versions.list_versions(
        work, grant, list_id, hotlist.runtime.policy, before=key_of(after, int), limit=limit
    )
    items = [
        VersionOut.of(one.version, one.kinds, needs_second_word=one.needs_second_word)
        for one in found
    ]
    return Page.of(items, last=items[-1].version if len(items) == limit else None)


@router.get("/versions/{version}/changes")
async def get_changes(
    list_id: UUID, version: Number, grant: HotlistManage, work: Work, hotlist: Running
) -> ChangesOut:
    """Count what putting a version in force changes: entries that it adds, and entries that it removes."""
    share = hotlist.runtime.policy.hotlists.shrink_share
    return ChangesOut.of(await versions.compare(work, grant, list_id, version, share))


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
    lines = await versions.list_set_aside(
        work, grant, list_id, version, after=key_of(after, int) or 0, limit=limit
    )
    items = [SetAsideOut.of(line) for line in lines]
    return Page.of(items, last=items[-1].line if len(items) == limit else None)


@router.get(
    "/versions/{version}/set-aside.csv",
    response_class=Response,
    responses={
        200: {
            "description": "The lines that were set aside",
            "content": {"text/csv": {"schema": {"type": "string"}}},
        }
    },
)
async def download_set_aside(
    list_id: UUID, version: Number, grant: HotlistManageForPurpose, work: Work
) -> Response:
    """Download all lines that were set aside as CSV: line, column, field, fault, content."""
    sheet = await versions.export_set_aside(work, grant, list_id, version)
    return Response(sheet, media_type="text/csv")


@router.post("/versions/{version}/activation")
async def activate_version(
    list_id: UUID,
    version: Number,
    grant: HotlistManageOfRecord,
    hotlist: Running,
    replaces: Replaces = None,
    body: ActivationIn | None = None,
) -> ListOut:
    """Put a version in force in place of the present one; an older one is a rollback.

    An extract older than the one in force needs a reason. Refuses the person who uploaded a version that loses more of
    the list than the policy allows, who gave its layout or the credential of its feed, and, if `replaces` names another
    version than the one in force, everyone: the list has changed since the caller looked at it.
    """
    reason = None if body is None else body.reason
    policy = hotlist.runtime.policy
    share = policy.hotlists.shrink_share
    async with hotlist.changing() as work:
        changed = await activation.activate(
            work, grant, list_id, version, share, replaces=replaces, reason=reason
        )
    return ListOut.of(changed, policy.hotlists, hotlist.runtime.clock.now())


@router.post("/rollback")
async def roll_back_list(
    list_id: UUID, body: RollbackIn, grant: HotlistManageOfRecord, hotlist: Running
) -> ListOut:
    """Roll back to the version that was in force before, or to the named one; an older extract needs a reason."""
    policy = hotlist.runtime.policy
    share = policy.hotlists.shrink_share
    async with hotlist.changing() as work:
        changed = await activation.roll_back(work, grant, list_id, body.version, body.reason, share)
    return ListOut.of(changed, policy.hotlists, hotlist.runtime.clock.now())


@router.post("/withdrawal")
async def withdraw_list(
    list_id: UUID, body: WithdrawalIn, grant: HotlistManage, hotlist: Running
) -> ListOut:
    """Withdraw a list from force; its versions stay and can be put in force again."""
    async with hotlist.changing() as work:
        changed = await activation.withdraw(work, grant, list_id, body.reason)
    rules, now = hotlist.runtime.policy.hotlists, hotlist.runtime.clock.now()
    return ListOut.of(changed, rules, now)
