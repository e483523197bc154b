"""Stores how the source of a list writes its extracts, and shows how a sample would be read."""

import binascii
from base64 import b64decode
from collections import Counter
from dataclasses import dataclass
from uuid import UUID

import msgspec

from services.hotlist.domain.csv_import import SetAside, Sheet
from services.hotlist.domain.entries import Checker, Entry, kinds_of
from services.hotlist.domain.layouts import Layout, check_layout
from services.hotlist.domain.line_forms import form_of
from services.hotlist.domain.problem_codes import Code
from services.hotlist.store.lists import HotList, Lists
from shared.access.grant import Grant
from shared.core.errors import InvalidInput, NotFound
from shared.core.policy import Policy
from shared.events import HotListChanged
from shared.postgres.unit_of_work import UnitOfWork

MAX_SAMPLE_BYTES = 65_536
MAX_SAMPLE_LINES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """How the lines of a sample would be read."""

    entries: list[tuple[int, Entry]]
    """Each entry with its line."""

    set_aside: list[SetAside]
    skipped: Counter[str]


async def get_layout(work: UnitOfWork, grant: Grant, list_id: UUID) -> Layout:
    """Return the layout of a list's files. Raises: NotFound, also for a list whose files are our own CSV."""
    layout = (await Lists(work.connection).get(grant, list_id)).layout
    if layout is None:
        raise NotFound(Code.LAYOUT_UNKNOWN)
    return layout


async def set_layout(
    work: UnitOfWork, grant: Grant, list_id: UUID, layout: Layout | None, policy: Policy
) -> HotList:
    """Have each file of a list read by a layout from now on, None: as our own CSV; return the list.

    Raises: NotFound, also for a layout to remove that is not there; InvalidInput.
    """
    lists = Lists(work.connection)
    hot_list = await lists.get(grant, list_id, lock=True)
    if layout is not None:
        check_layout(layout, kinds_of(policy, []))
    elif hot_list.layout is None:
        raise NotFound(Code.LAYOUT_UNKNOWN)
    await lists.set_layout(grant, hot_list, layout)
    await work.emit(
        HotListChanged(
            occurred_at=grant.now,
            actor=grant.actor,
            list_id=list_id,
            change="layout_removed" if layout is None else "layout_set",
            details={} if layout is None else {"layout": msgspec.json.encode(layout).decode()},
        )
    )
    return await lists.get(grant, list_id)


async def preview(
    work: UnitOfWork, grant: Grant, list_id: UUID, layout: Layout, sample: str, policy: Policy
) -> Preview:
    """Return how the lines of a sample, in base64, would be read by a layout; stores nothing.

    Raises: NotFound; InvalidInput for the layout, the sample or its header; TooLarge.
    """
    hot_list = await Lists(work.connection).get(grant, list_id)
    check_layout(layout, kinds_of(policy, []))
    ori = grant.principal.agency_ori
    checker = Checker.of(policy, list_id, hot_list.kinds_off, default_ori=ori, now=grant.now)
    form = form_of(layout)
    sheet = Sheet(checker, form, max_bytes=MAX_SAMPLE_BYTES, max_rows=MAX_SAMPLE_LINES)
    try:
        found = sheet.feed(b64decode(sample, validate=True))
    except binascii.Error:
        raise InvalidInput(Code.SAMPLE_UNREADABLE, field="sample") from None
    found += sheet.finish()
    return Preview(entries=found, set_aside=sheet.aside, skipped=sheet.skipped)
