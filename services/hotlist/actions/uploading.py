"""Receives the file of a hot list and makes a version of it.

Sets bad lines aside, up to a share that the policy sets; the other lines make the version.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.hotlist.actions.activation import put_in_force
from services.hotlist.actions.listed_plates import record_version
from services.hotlist.domain.csv_import import MAX_SET_ASIDE, LineFault, Sheet
from services.hotlist.domain.entries import Checker, Entry, Kinds
from services.hotlist.domain.feeds import Feed
from services.hotlist.domain.line_forms import form_of
from services.hotlist.domain.problem_codes import Code
from services.hotlist.domain.rating import check_not_older, shrinks
from services.hotlist.settings import Settings
from services.hotlist.store.entries import Entries
from services.hotlist.store.lists import HotList, Lists, Version
from shared.access.grant import Grant
from shared.core.errors import Conflict, InvalidInput, Malformed, ValueRefused
from shared.core.policy import Policy
from shared.events import HotListChanged
from shared.postgres.unit_of_work import UnitOfWork

COPIED_AT_ONCE = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """What the sender says of a file."""

    as_of: datetime
    """When the source made it."""

    activate: bool
    """Whether to put it in force."""

    sha256: str | None = None
    """The hex digest that the file must have; None if the sender gives none."""

    feed: Feed | None = None
    """The feed that delivers it, which only refreshes a list that is in force; None for a person."""


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
    extract: Extract,
    *,
    policy: Policy,
    settings: Settings,
    still: Callable[[], None] | None = None,
) -> Uploaded:
    """Make a version of a file as it arrives, by the layout of its list, and put it in force if `extract` says so.

    A version that loses more of the list than the policy allows stays a draft; so does a feed's, while no version of
    the list is in force.

    Args:
        pieces: the file's bytes, cut anywhere.
        still: raises once the account of a person has ended, as it may while the file arrives.

    Raises: NotFound; InvalidInput naming faults; TooLarge; Malformed if too few bytes arrive for the settings, or
    others than the digest says; Conflict if the layout of the list changed meanwhile, or an extract to be put in force
    is older than the one in force; the errors of `pieces` and of `still`; and, to put it in force, those of
    `record_version`.
    """
    lists, entries = Lists(work.connection), Entries(work.connection)
    before = await lists.get(grant, list_id)
    if extract.activate:
        check_not_older(extract.as_of, before.as_of)
    checker = Checker.of(
        policy, list_id, before.kinds_off, default_ori=grant.principal.agency_ori, now=grant.now
    )
    sheet = Sheet(
        checker,
        form_of(before.layout),
        max_bytes=settings.hotlist_max_upload_bytes,
        max_rows=settings.hotlist_max_upload_rows,
    )
    snapshot_id = await entries.begin_snapshot(grant, list_id, extract.as_of)
    prompt = arrivals(pieces, settings.hotlist_upload_stall_s, settings.hotlist_upload_bytes_per_s)
    bad_share = policy.hotlists.bad_lines_share
    await _receive(prompt, extract.sha256, sheet, entries, snapshot_id, bad_share)
    hot_list = await lists.get(grant, list_id, lock=True)
    if still is not None:
        still()
    if hot_list.layout != before.layout:
        raise Conflict(Code.SHEET_LAYOUT_CHANGED)
    skipped = json.dumps(dict(sheet.skipped))
    version = await lists.add_version(
        grant, list_id, snapshot_id, sheet.entries, skipped, _also_by(hot_list, extract)
    )
    last, share = await lists.last_entries(hot_list), policy.hotlists.shrink_share
    waits = shrinks(last, sheet.entries, share)
    await work.emit(_uploaded(grant, list_id, version, sheet, skipped, last if waits else None))
    refreshes = extract.feed is None or hot_list.active_version is not None
    if extract.activate and not waits and refreshes:
        check_not_older(extract.as_of, hot_list.as_of)
        await record_version(work, grant, hot_list, await lists.version(hot_list, version))
        await put_in_force(work, grant, hot_list, version, sheet.entries, "activated")
    made = await lists.version(hot_list, version)
    return Uploaded(
        version=made,
        kinds=checker.kinds,
        needs_second_word=made.needs_second_word(last, share),
        regions=checker.regions,
    )


def _also_by(hot_list: HotList, extract: Extract) -> list[str]:
    """Return the accounts of the people who decided, beside the sender, what a version is made of."""
    found = [] if extract.feed is None else [extract.feed.issued_by_id]
    if hot_list.layout is not None and hot_list.layout_set_by_id is not None:
        found.append(hot_list.layout_set_by_id)
    return found


async def arrivals(
    pieces: AsyncIterator[bytes], stall_s: float, bytes_per_s: float
) -> AsyncIterator[bytes]:
    """Yield pieces as they arrive.

    Raises: Malformed if none arrives for `stall_s`, or, in all the time that this has waited after a first `stall_s`,
    fewer than `bytes_per_s`; the errors of `pieces`.
    """
    waited_s, received = 0.0, 0
    while True:
        began_s = time.monotonic()
        try:
            async with asyncio.timeout(stall_s):
                piece = await anext(pieces, None)
        except TimeoutError:
            raise Malformed(Code.SHEET_STALLED, stall_s=stall_s) from None
        if piece is None:
            return
        waited_s += time.monotonic() - began_s
        received += len(piece)
        if received < (waited_s - stall_s) * bytes_per_s:
            raise Malformed(Code.SHEET_TOO_SLOW, bytes_per_s=bytes_per_s)
        yield piece


async def _receive(
    pieces: AsyncIterator[bytes],
    sha256: str | None,
    sheet: Sheet,
    entries: Entries,
    snapshot_id: UUID,
    share: float,
) -> None:
    """Copy the entries of a file into a snapshot, with bad lines up to `share` set aside.

    Raises: Malformed for other bytes than `sha256` says; InvalidInput naming faults; TooLarge; the errors of `pieces`.
    """
    waiting: list[tuple[int, Entry]] = []
    async for piece in pieces:
        waiting += sheet.feed(piece)
        if len(waiting) >= COPIED_AT_ONCE:
            await entries.copy(snapshot_id, waiting)
            waiting = []
    if sha256 not in (None, sheet.sha256):
        raise Malformed(Code.SHEET_DIGEST_DIFFERS)
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
