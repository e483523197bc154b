"""Lists the versions of a hot list, and the lines of an upload that did not become entries."""

import csv
import io
from dataclasses import dataclass
from uuid import UUID

from services.hotlist.actions.activation import check_not_in_force
from services.hotlist.domain.csv_import import SET_ASIDE_COLUMNS, SetAside
from services.hotlist.domain.entries import Kinds, kinds_of
from services.hotlist.store.entries import Difference, Entries
from services.hotlist.store.lists import Lists, Version
from shared.access.grant import Grant
from shared.core.policy import Policy
from shared.postgres.unit_of_work import UnitOfWork

LINES_AT_ONCE = 1000
"""The most set-aside lines of one disclosure, so that its event stays below Kafka's size limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedVersion:
    """A version of a list."""

    version: Version
    kinds: Kinds
    """The import switches of the list."""

    needs_second_word: bool
    """A person who did not upload it must put it in force."""


async def list_versions(
    work: UnitOfWork,
    grant: Grant,
    list_id: UUID,
    policy: Policy,
    *,
    before: int | None,
    limit: int,
) -> list[ListedVersion]:
    """Return versions of a list, newest first, from the one before `before` on. Raises: NotFound."""
    lists = Lists(work.connection)
    hot_list = await lists.get(grant, list_id)
    kinds, share = kinds_of(policy, hot_list.kinds_off), policy.hotlists.shrink_share
    last = await lists.last_entries(hot_list)
    return [
        ListedVersion(
            version=version, kinds=kinds, needs_second_word=version.needs_second_word(last, share)
        )
        for version in await lists.versions(hot_list, before=before, limit=limit)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What putting a version in force changes."""

    version: Version
    in_force: int | None
    """The version in force now."""

    difference: Difference
    needs_second_word: bool
    yours: bool
    """The caller made the version, gave its layout, or the credential of its feed."""

    older: bool
    """Its extract is older than the one in force."""


async def compare(
    work: UnitOfWork, grant: Grant, list_id: UUID, number: int, share: float
) -> Changes:
    """Count what putting a version in force changes, for a person who decides about it.

    Args:
        share: the share of its entries that a list may lose without a second word.

    Raises: NotFound; Conflict for a version that is in force or dropped.
    """
    lists = Lists(work.connection)
    hot_list = await lists.get(grant, list_id)
    version = await lists.version(hot_list, number)
    check_not_in_force(version)
    entries = Entries(work.connection)
    return Changes(
        version=version,
        in_force=hot_list.active_version,
        difference=await entries.difference(
            hot_list.in_force, (version.snapshot_id, version.version)
        ),
        needs_second_word=version.needs_second_word(await lists.last_entries(hot_list), share),
        yours=version.is_by(grant),
        older=hot_list.as_of is not None and version.as_of < hot_list.as_of,
    )


async def list_set_aside(
    work: UnitOfWork, grant: Grant, list_id: UUID, version: int, *, after: int, limit: int
) -> list[SetAside]:
    """Return the lines of a version's upload that were set aside, from line `after` on. Raises: NotFound."""
    return await Entries(work.connection).set_aside(
        grant, await _version(work, grant, list_id, version), after=after, limit=limit
    )


async def export_set_aside(work: UnitOfWork, grant: Grant, list_id: UUID, version: int) -> str:
    """Return all lines of a version's upload that were set aside as CSV. Raises: NotFound."""
    found = await _version(work, grant, list_id, version)
    entries = Entries(work.connection)
    sheet = io.StringIO()
    rows = csv.writer(sheet)
    rows.writerow(SET_ASIDE_COLUMNS)
    after = 0
    while lines := await entries.set_aside(grant, found, after=after, limit=LINES_AT_ONCE):
        rows.writerows(line.cells for line in lines)
        after = lines[-1].fault.line
        if len(lines) < LINES_AT_ONCE:
            break
    return sheet.getvalue()


async def _version(work: UnitOfWork, grant: Grant, list_id: UUID, version: int) -> Version:
    lists = Lists(work.connection)
    return await lists.version(await lists.get(grant, list_id), version)
