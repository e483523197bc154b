"""Adds, removes and finds single entries; each change makes a version, in force at once, without a copy of the list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from services.hotlist.actions.activation import put_in_force
from services.hotlist.actions.listed_plates import record_listed
from services.hotlist.domain.entries import (
    MAX_PARTIALS,
    Checker,
    Entry,
    EntryFault,
    ListedEntry,
    plate_of,
)
from services.hotlist.domain.problem_codes import Code
from services.hotlist.store.entries import Entries
from services.hotlist.store.lists import HotList, Lists
from shared.access.grant import Grant
from shared.core.errors import Conflict, InvalidInput
from shared.core.policy import Policy
from shared.events import HotListChanged
from shared.postgres.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """The version in force with the new entries."""

    version: int
    entry_ids: list[UUID]
    regions: Mapping[str, str]
    """Each short form of a state, with the region that it was read as."""


async def add(
    work: UnitOfWork,
    grant: Grant,
    list_id: UUID,
    given: Sequence[Mapping[str, str]],
    policy: Policy,
) -> Added:
    """Add entries to the version in force: all of them, or none if one has a fault.

    Args:
        given: the fields of each entry, stripped, empty ones left out.

    Raises: NotFound; InvalidInput naming the field at fault; Conflict if one is listed, if the list has too many
    partial plates, or if the list has versions and none in force; as `record_listed`.
    """
    hot_list = await Lists(work.connection).get(grant, list_id, lock=True)
    checker = Checker.of(
        policy, list_id, hot_list.kinds_off, default_ori=grant.principal.agency_ori, now=grant.now
    )
    made = [_checked(checker, fields, number) for number, fields in enumerate(given)]
    snapshot_id, version, count = await _next_version(work, grant, hot_list, len(made))
    entries = Entries(work.connection)
    await entries.add(grant, snapshot_id, version, made)
    if await entries.partials(snapshot_id, version) > MAX_PARTIALS:
        raise Conflict(Code.PARTIALS_TOO_MANY, max_partials=MAX_PARTIALS)
    await record_listed(work, grant, hot_list, version, {entry.plate for entry in made})
    await put_in_force(work, grant, hot_list, version, count, "activated")
    await work.emit(
        *(
            _changed(grant, hot_list, "entry_added", version, entry.entry_id, entry.record_kind)
            for entry in made
        )
    )
    ids = [entry.entry_id for entry in made]
    return Added(version=version, entry_ids=ids, regions=checker.regions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Entries of the version in force."""

    version: int | None
    entries: Sequence[ListedEntry]


async def search(
    work: UnitOfWork,
    grant: Grant,
    list_id: UUID,
    *,
    plate: str | None,
    record_kind: str | None,
    after: UUID | None,
    limit: int,
) -> Found:
    """Return entries of the version in force, by id: those with this plate, as listed, and this record kind.

    Raises: NotFound; InvalidInput for a text that is no plate.
    """
    hot_list = await Lists(work.connection).get(grant, list_id)
    entries = await Entries(work.connection).search(
        grant,
        hot_list,
        plate=None if plate is None else _plate(plate),
        record_kind=record_kind,
        after=after,
        limit=limit,
    )
    return Found(version=hot_list.active_version, entries=entries)


async def remove(
    work: UnitOfWork, grant: Grant, list_id: UUID, entry_id: UUID, reason: str | None
) -> int:
    """Remove one entry from force at once, e.g. a recovered vehicle; return the new version.

    Raises: NotFound; Conflict if the list has versions and none in force.
    """
    hot_list = await Lists(work.connection).get(grant, list_id, lock=True)
    snapshot_id, version, count = await _next_version(work, grant, hot_list, -1)
    await Entries(work.connection).remove(snapshot_id, version, entry_id)
    await put_in_force(work, grant, hot_list, version, count, "activated")
    await work.emit(_changed(grant, hot_list, "entry_removed", version, entry_id, reason))
    return version


def _plate(text: str) -> str:
    """Return a plate in its normal form. Raises: InvalidInput."""
    try:
        return plate_of(text)[0]
    except EntryFault as exc:
        raise exc.at("plate") from None


def _checked(checker: Checker, fields: Mapping[str, str], number: int) -> Entry:
    """Return an entry of a request. Raises: InvalidInput naming its number and field."""
    try:
        return checker.check(fields)
    except EntryFault as exc:
        field = f"entries.{number}.{exc.field}"
        raise InvalidInput(Code.ENTRY_REFUSED, field=field, name=field, because=exc) from None


class _Next(NamedTuple):
    """A new version: its snapshot, number and number of entries."""

    snapshot_id: UUID
    version: int
    entries: int


async def _next_version(work: UnitOfWork, grant: Grant, hot_list: HotList, more: int) -> _Next:
    """Create a version with the entries in force, counted as `more` than these.

    Raises: Conflict if the list has versions and none in force.
    """
    lists, entries = Lists(work.connection), Entries(work.connection)
    if hot_list.in_force is not None:
        snapshot_id, base = hot_list.in_force
        count = hot_list.entries + more
        version = await lists.add_version(grant, hot_list.list_id, snapshot_id, count)
        await entries.branch(snapshot_id, base, version)
        return _Next(snapshot_id, version, count)
    if await lists.versions(hot_list, limit=1):
        raise Conflict(Code.VERSION_NOT_ACTIVATED)
    snapshot_id = await entries.begin_snapshot(grant, hot_list.list_id, grant.now)
    count = max(more, 0)
    version = await lists.add_version(grant, hot_list.list_id, snapshot_id, count)
    return _Next(snapshot_id, version, count)


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
