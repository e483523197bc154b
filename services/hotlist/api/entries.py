"""Routes of single entries: each change makes a new version, in force at once, without a copy of the list."""

from uuid import UUID

from fastapi import APIRouter

from services.hotlist.actions import entries
from services.hotlist.api.fields import EntriesIn, EntryQuery, RemovalIn
from services.hotlist.api.guard import HotlistManage, HotlistManageOfRecord, HotlistReadForPurpose
from services.hotlist.api.views.entries import AddedEntriesOut, EntriesOut, RemovedEntryOut
from services.hotlist.service import Running
from shared.http.app import Work
from shared.http.models import key_of, resolved_regions

router = APIRouter(prefix="/v1/lists/{list_id}/entries", tags=["entries"])


@router.post("", status_code=201)
async def add_entries(
    list_id: UUID, body: EntriesIn, grant: HotlistManageOfRecord, hotlist: Running
) -> AddedEntriesOut:
    """Add entries to the version in force: all of them, or none if one has a fault."""
    given = [entry.as_text for entry in body.entries]
    async with hotlist.changing() as work:
        added = await entries.add(work, grant, list_id, given, hotlist.runtime.policy)
    return AddedEntriesOut(
        list_id=list_id,
        version=added.version,
        entry_ids=added.entry_ids,
        regions=resolved_regions(added.regions),
    )


@router.post("/{entry_id}/removal")
async def remove_entry(
    list_id: UUID, entry_id: UUID, body: RemovalIn, grant: HotlistManage, hotlist: Running
) -> RemovedEntryOut:
    """Remove one entry from force at once, e.g. a recovered vehicle."""
    async with hotlist.changing() as work:
        version = await entries.remove(work, grant, list_id, entry_id, body.reason)
    return RemovedEntryOut(list_id=list_id, version=version)


@router.post("/search")
async def search_entries(
    list_id: UUID, body: EntryQuery, grant: HotlistReadForPurpose, work: Work
) -> EntriesOut:
    """Search the entries of the version in force, by plate as listed or by record kind."""
    found = await entries.search(
        work,
        grant,
        list_id,
        plate=body.plate,
        record_kind=body.record_kind,
        after=key_of(body.after, UUID),
        limit=body.limit,
    )
    return EntriesOut.of_version(found.version, found.entries, body.limit)
