"""Routes of single entries: each change makes a new version, in force at once, without a copy of the list."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from services.hotlist.api.fields import EntriesIn, EntryIn, EntrySearch
from services.hotlist.api.lists import HotlistManage, HotlistReadForPurpose
from services.hotlist.api.versions import put_in_force
from services.hotlist.api.views import EntriesAdded, EntriesOut, EntryOut, EntryRemoved
from services.hotlist.domain.entries import (
    MAX_PARTIALS,
    Checker,
    Entry,
    EntryFault,
    kinds_of,
    plate_of,
)
from services.hotlist.domain.problem_codes import Code
from services.hotlist.service import Running
from services.hotlist.store.entries import Entries
from services.hotlist.store.lists import HotList, Lists
from shared.access.grant import Grant
from shared.core.errors import Conflict, InvalidInput
from shared.events import HotListChanged
from shared.http.app import Work
from shared.http.models import cursor_of, key_of, resolved_regions
from shared.postgres.unit_of_work import UnitOfWork

router = APIRouter(prefix="/lists/{list_id}/entries", tags=["entries"])


@router.post("", status_code=201)
async def add_entries(
    list_id: UUID, body: EntriesIn, grant: HotlistManage, hotlist: Running
) -> EntriesAdded:
    """Add entries to the version in force: all of them, or none if one has a fault."""
    async with hotlist.changing() as work:
        hot_list = await Lists(work.connection).get(grant, list_id, lock=True)
        kinds = kinds_of(hotlist.runtime.policy, hot_list.kinds_off)
        checker = Checker(
            list_id,
            kinds,
            grant.principal.agency_ori,
            grant.now,
            department_state=hotlist.runtime.policy.department.state,
        )
        made = [_checked(checker, entry, n) for n, entry in enumerate(body.entries)]
        snapshot_id, version = await _next_version(work, grant, hot_list, len(made))
        entries = Entries(work.connection)
        await entries.add(grant, snapshot_id, version, made)
        if await entries.partials(snapshot_id, version) > MAX_PARTIALS:
            raise Conflict(Code.PARTIALS_TOO_MANY, max_partials=MAX_PARTIALS)
        await put_in_force(work, grant, hot_list, version, "activated")
        await work.emit(
            *(
                _changed(grant, hot_list, "entry_added", version, entry.entry_id, entry.record_kind)
                for entry in made
            )
        )
    ids = [entry.entry_id for entry in made]
    return EntriesAdded(
        list_id=list_id, version=version, entry_ids=ids, regions=resolved_regions(checker.regions)
    )


@router.delete("/{entry_id}")
async def remove_entry(
    list_id: UUID,
    entry_id: UUID,
    grant: HotlistManage,
    hotlist: Running,
    reason: Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] = None,
) -> EntryRemoved:
    """Remove one entry from force at once, e.g. a recovered vehicle."""
    async with hotlist.changing() as work:
        hot_list = await Lists(work.connection).get(grant, list_id, lock=True)
        snapshot_id, version = await _next_version(work, grant, hot_list, -1)
        await Entries(work.connection).remove(snapshot_id, version, entry_id)
        await put_in_force(work, grant, hot_list, version, "activated")
        await work.emit(_changed(grant, hot_list, "entry_removed", version, entry_id, reason))
    return EntryRemoved(list_id=list_id, version=version)


@router.post("/search")
async def search_entries(
    list_id: UUID, body: EntrySearch, grant: HotlistReadForPurpose, work: Work
) -> EntriesOut:
    """Search the entries of the version in force, by plate as listed or by record kind."""
    hot_list = await Lists(work.connection).get(grant, list_id)
    plate = None
    if body.plate is not None:
        try:
            plate, _ = plate_of(body.plate)
        except EntryFault as exc:
            raise exc.at("plate") from None
    found = await Entries(work.connection).search(
        grant,
        hot_list,
        plate=plate,
        record_kind=body.record_kind,
        after=key_of(body.after, UUID),
        limit=body.limit,
    )
    shown = [EntryOut.of(entry) for entry in found]
    more = shown[-1].entry_id if len(shown) == body.limit else None
    return EntriesOut(
        items=shown,
        next=None if more is None else cursor_of(more),
        version=hot_list.active_version,
    )


def _checked(checker: Checker, entry: EntryIn, number: int) -> Entry:
    given = entry.model_dump(exclude_none=True)
    fields = {
        name: text
        for name, value in given.items()
        if (text := value.strip() if isinstance(value, str) else value.isoformat())
    }
    try:
        return checker.check(fields)
    except EntryFault as exc:
        field = f"entries.{number}.{exc.field}"
        raise InvalidInput(
            Code.ENTRY_REFUSED, field=field, name=field, fault=exc.fault, because=exc.problem.code
        ) from None


async def _next_version(
    work: UnitOfWork, grant: Grant, hot_list: HotList, more: int
) -> tuple[UUID, int]:
    """Return the snapshot and number of a version that begins as what is in force."""
    lists, entries = Lists(work.connection), Entries(work.connection)
    if hot_list.snapshot_id is not None and hot_list.active_version is not None:
        snapshot_id, count = hot_list.snapshot_id, hot_list.entries + more
        version = await lists.add_version(grant, hot_list.list_id, snapshot_id, count)
        await entries.branch(snapshot_id, hot_list.active_version, version)
        return snapshot_id, version
    if await lists.versions(hot_list, limit=1):
        raise Conflict(Code.VERSION_NOT_ACTIVATED)
    snapshot_id = await entries.begin_snapshot(grant, hot_list.list_id, grant.now)
    return snapshot_id, await lists.add_version(grant, hot_list.list_id, snapshot_id, max(more, 0))


def _changed(
    grant: Grant, hot_list: HotList, change: str, version: int, entry_id: UUID, why: str | None
) -> HotListChanged:
    return HotListChanged(
        occurred_at=grant.now,
        actor=grant.actor,
        list_id=hot_list.list_id,
        change=change,
        details={
            "version": str(version),
            "entry_id": str(entry_id),
            **({"kind" if change == "entry_added" else "reason": why} if why else {}),
        },
    )
