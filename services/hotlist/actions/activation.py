"""Puts versions of a hot list in force, and withdraws lists from force.

If a version loses much of the list, a person who did not upload it must put it in force (ADR-0034).
"""

from uuid import UUID

from services.hotlist.actions.listed_plates import record_version
from services.hotlist.domain.problem_codes import Code
from services.hotlist.domain.rating import check_not_older
from services.hotlist.store.lists import Change, HotList, Lists, Version
from shared.access.grant import Grant
from shared.core.errors import Conflict, NotAuthorised
from shared.events import HotListActivated
from shared.postgres.unit_of_work import UnitOfWork


async def activate(
    work: UnitOfWork,
    grant: Grant,
    list_id: UUID,
    version: int,
    share: float,
    *,
    replaces: int | None = None,
    reason: str | None = None,
) -> HotList:
    """Put a version in force in place of the present one, as a rollback if it is older; return the list.

    Args:
        share: the share of its entries that a list may lose without a second word.
        replaces: the version that the caller saw in force, 0 for none; None for a caller who did not look.
        reason: why an extract older than the one in force is to replace it.

    Raises: NotFound; Conflict if the version is in force or dropped, another than `replaces` is in force, or its
    extract is older than the one in force and there is no reason; NotAuthorised for the uploader of a version that
    needs a second word, or as `record_version`.
    """
    lists = Lists(work.connection)
    hot_list = await lists.get(grant, list_id, lock=True)
    if replaces is not None and replaces != (hot_list.active_version or 0):
        raise Conflict(Code.VERSION_REPLACED_SINCE, field="replaces")
    older = hot_list.active_version is not None and version < hot_list.active_version
    change: Change = "rolled_back" if older else "activated"
    found = await lists.version(hot_list, version)
    await _check_second_word(work, grant, hot_list, found, share)
    await _activate_stored(work, grant, hot_list, found, change, reason)
    return await lists.get(grant, list_id)


async def roll_back(
    work: UnitOfWork,
    grant: Grant,
    list_id: UUID,
    wanted: int | None,
    reason: str | None,
    share: float,
) -> HotList:
    """Roll a list back to the `wanted` version, or to the one in force before the present one; return the list.

    Args:
        share: the share of its entries that a list may lose without a second word.

    Raises: NotFound; Conflict if the version is in force or dropped, none was in force before, or its extract is
    older than the one in force and there is no reason; NotAuthorised for the uploader of a version that needs a
    second word, or as `record_version`.
    """
    lists = Lists(work.connection)
    hot_list = await lists.get(grant, list_id, lock=True)
    found = await lists.version(hot_list, wanted or await lists.before(hot_list))
    await _check_second_word(work, grant, hot_list, found, share)
    await _activate_stored(work, grant, hot_list, found, "rolled_back", reason)
    return await lists.get(grant, list_id)


async def withdraw(work: UnitOfWork, grant: Grant, list_id: UUID, reason: str) -> HotList:
    """Withdraw a list from force and return it; its versions stay and can be put in force again.

    Raises: NotFound; Conflict if no version is in force.
    """
    lists = Lists(work.connection)
    hot_list = await lists.get(grant, list_id, lock=True)
    if hot_list.active_version is None:
        raise Conflict(Code.VERSION_NONE_IN_FORCE)
    await put_in_force(work, grant, hot_list, None, 0, "withdrawn", reason)
    return await lists.get(grant, list_id)


async def put_in_force(
    work: UnitOfWork,
    grant: Grant,
    hot_list: HotList,
    version: int | None,
    entries: int,
    change: Change,
    reason: str | None = None,
) -> None:
    """Put `version` of a locked list in force, with so many entries, and emit the event; None withdraws the list."""
    await Lists(work.connection).put_in_force(grant, hot_list, version, change, reason)
    await work.emit(
        HotListActivated(
            occurred_at=grant.now,
            actor=grant.actor,
            list_id=hot_list.list_id,
            list_name=hot_list.name,
            version=version or hot_list.active_version or 0,
            entries=entries,
            source=hot_list.source,
            change=change,
            reason=reason,
        )
    )


def check_not_in_force(version: Version) -> None:
    """Raise Conflict for a version that is in force or dropped."""
    if version.state == "dropped":
        raise Conflict(Code.VERSION_DROPPED, field="version")
    if version.state == "active":
        raise Conflict(Code.VERSION_IN_FORCE, field="version")


async def _check_second_word(
    work: UnitOfWork, grant: Grant, hot_list: HotList, version: Version, share: float
) -> None:
    """Refuse the uploader of a version that loses much of a locked list. Raises: NotAuthorised."""
    last = await Lists(work.connection).last_entries(hot_list)
    if not version.needs_second_word(last, share) or not version.is_by(grant):
        return
    raise NotAuthorised(
        Code.VERSION_NEEDS_SECOND_PERSON, entries_before=last, entries=version.entries, share=share
    )


async def _activate_stored(
    work: UnitOfWork,
    grant: Grant,
    hot_list: HotList,
    version: Version,
    change: Change,
    reason: str | None = None,
) -> None:
    """Put a version of a locked list in force.

    Raises: Conflict if it is in force or dropped, or of an older extract without a reason; as `record_version`.
    """
    check_not_in_force(version)
    check_not_older(version.as_of, hot_list.as_of, reason)
    await record_version(work, grant, hot_list, version)
    await put_in_force(work, grant, hot_list, version.version, version.entries, change, reason)
