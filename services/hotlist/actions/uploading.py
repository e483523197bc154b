"""Receives a hot list as CSV and makes a version of it.

Sets bad lines aside, up to a share that the policy sets; the other lines make the version.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.hotlist.actions.activation import put_in_force
from services.hotlist.actions.listed_plates import record_version
from services.hotlist.domain.csv_import import MAX_SET_ASIDE, LineFault, Sheet
from services.hotlist.domain.entries import Checker, Entry, Kinds
from services.hotlist.domain.problem_codes import Code
from services.hotlist.domain.rating import shrinks
from services.hotlist.settings import Settings
from services.hotlist.store.entries import Entries
from services.hotlist.store.lists import Lists, Version
from shared.access.grant import Grant
from shared.core.errors import InvalidInput, Malformed, ValueRefused
from shared.core.policy import Policy
from shared.events import HotListChanged
from shared.postgres.unit_of_work import UnitOfWork

COPIED_AT_ONCE = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploaded:
    """The version that an upload made."""

    version: Version
    kinds: Kinds
    """The import switches that applied to the upload."""

    needs_second_word: bool
    """The version stayed a draft: a person who did not upload it must put it in force."""

    regions: Mapping[str, str]
    """Each short form of a state in the upload, with the region that it was read as."""


async def upload(
    work: UnitOfWork,
    grant: Grant,
    list_id: UUID,
    pieces: AsyncIterator[bytes],
    *,
    as_of: datetime,
    activate: bool,
    policy: Policy,
    settings: Settings,
    still: Callable[[], None],
) -> Uploaded:
    """Make a version of a CSV file as it arrives, and put it in force if `activate`.

    A version that loses more of the list than the policy allows stays a draft.

    Args:
        pieces: the file's bytes, cut anywhere.
        as_of: when the source made the extract.
        still: raises once the caller's account has ended, as it may while the file arrives.

    Raises: NotFound; InvalidInput naming faults; TooLarge; Malformed if no piece arrives for the setting's time;
    the errors of `pieces` and of `still`; with `activate`, those of `record_version`.
    """
    lists, entries = Lists(work.connection), Entries(work.connection)
    kinds_off = (await lists.get(grant, list_id)).kinds_off
    checker = Checker.of(
        policy, list_id, kinds_off, default_ori=grant.principal.agency_ori, now=grant.now
    )
    sheet = Sheet(
        checker,
        max_bytes=settings.hotlist_max_upload_bytes,
        max_rows=settings.hotlist_max_upload_rows,
    )
    snapshot_id = await entries.begin_snapshot(grant, list_id, as_of)
    prompt = arrivals(pieces, settings.hotlist_upload_stall_s)
    await _receive(prompt, sheet, entries, snapshot_id, policy.hotlists.bad_lines_share)
    hot_list = await lists.get(grant, list_id, lock=True)
    still()
    skipped = json.dumps(dict(sheet.skipped))
    version = await lists.add_version(grant, list_id, snapshot_id, sheet.entries, skipped)
    last, share = await lists.last_entries(hot_list), policy.hotlists.shrink_share
    waits = shrinks(last, sheet.entries, share)
    before = last if waits else None
    await work.emit(_uploaded(grant, list_id, version, sheet, skipped, before))
    if activate and not waits:
        await record_version(work, grant, hot_list, await lists.version(hot_list, version))
        await put_in_force(work, grant, hot_list, version, sheet.entries, "activated")
    made = await lists.version(hot_list, version)
    return Uploaded(
        version=made,
        kinds=checker.kinds,
        needs_second_word=made.needs_second_word(last, share),
        regions=checker.regions,
    )


async def arrivals(pieces: AsyncIterator[bytes], stall_s: float) -> AsyncIterator[bytes]:
    """Yield pieces as they arrive. Raises: Malformed if none arrives for `stall_s`; the errors of `pieces`."""
    while True:
        try:
            async with asyncio.timeout(stall_s):
                piece = await anext(pieces, None)
        except TimeoutError:
            raise Malformed(Code.SHEET_STALLED, stall_s=stall_s) from None
        if piece is None:
            return
        yield piece


async def _receive(
    pieces: AsyncIterator[bytes], sheet: Sheet, entries: Entries, snapshot_id: UUID, share: float
) -> None:
    """Copy the entries of a file into a snapshot, with bad lines up to `share` set aside.

    Raises: InvalidInput naming faults; TooLarge; the errors of `pieces`.
    """
    waiting: list[tuple[int, Entry]] = []
    async for piece in pieces:
        waiting += sheet.feed(piece)
        if len(waiting) >= COPIED_AT_ONCE:
            await entries.copy(snapshot_id, waiting)
            waiting = []
    waiting += sheet.finish()
    if waiting:
        await entries.copy(snapshot_id, waiting)
    await _set_doubled_aside(sheet, entries, snapshot_id, share)
    if not sheet.entries:
        # An empty file is a failed extract more often than an empty list.
        raise InvalidInput(Code.SHEET_WITHOUT_ENTRIES)
    await entries.finish_snapshot(snapshot_id, sheet.sha256, sheet.size_bytes, sheet.aside)


async def _set_doubled_aside(
    sheet: Sheet, entries: Entries, snapshot_id: UUID, share: float
) -> None:
    """Set aside lines whose entry an earlier line has. Raises: InvalidInput if too many lines are bad."""
    doubled = {
        later: LineFault.of(
            later, None, "plate", ValueRefused(Code.SHEET_LINE_DOUBLED, first_line=first)
        )
        for first, later in await entries.doubled(snapshot_id, MAX_SET_ASIDE + 1)
    }
    sheet.check_share(share, list(doubled.values()))
    if doubled:
        for line, entry in await entries.remove_doubled(snapshot_id):
            sheet.set_doubled_aside(doubled[line], entry)


def _uploaded(
    grant: Grant, list_id: UUID, version: int, sheet: Sheet, skipped: str, before: int | None
) -> HotListChanged:
    """Return the event of an upload; `before` is the former number of entries if it needs a second word."""
    return HotListChanged(
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
            **({} if before is None else {"needs_second_word": f"{before} entries before"}),
        },
    )
