"""Creates hot lists, and changes their switches and their limits of staleness."""

from uuid import UUID, uuid4

import msgspec
from msgspec import UNSET, UnsetType

from services.hotlist.domain.entries import check_switches
from services.hotlist.domain.problem_codes import Code
from services.hotlist.domain.rating import own_staleness_s
from services.hotlist.store.lists import HotList, Lists
from shared.access.grant import Grant
from shared.core.errors import NotAuthorised
from shared.core.policy import Policy
from shared.events import HotListChanged, Source
from shared.postgres.unit_of_work import UnitOfWork


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """Changes of a hot list; what is UNSET stays. The list's event names the others."""

    enabled: bool | UnsetType | None = UNSET
    """None changes nothing, as for `record_kinds_off`."""

    staleness_hours: int | UnsetType | None = UNSET
    """None: the policy's limit for the source."""

    record_kinds_off: list[str] | UnsetType | None = UNSET


async def create(
    work: UnitOfWork,
    grant: Grant,
    *,
    name: str,
    source: Source,
    staleness_hours: int | None,
    kinds_off: list[str],
    policy: Policy,
) -> HotList:
    """Create an empty hot list with no version in force.

    Raises: NotAuthorised for a source that the caller is not entitled to; InvalidInput for a limit above the
    policy's or an unknown record kind; Conflict if a list has this name.
    """
    if source not in grant.principal.sources:
        raise NotAuthorised(Code.SOURCE_NOT_ENTITLED, source=source)
    lists, list_id = Lists(work.connection), uuid4()
    await lists.create(
        grant,
        list_id,
        name=name,
        source=source,
        staleness_s=own_staleness_s(staleness_hours, source, policy.hotlists),
        kinds_off=check_switches(policy, kinds_off),
    )
    await work.emit(
        HotListChanged(
            occurred_at=grant.now,
            actor=grant.actor,
            list_id=list_id,
            change="created",
            details={"name": name, "source": source},
        )
    )
    return await lists.get(grant, list_id)


async def change(
    work: UnitOfWork, grant: Grant, list_id: UUID, changes: Changes, policy: Policy
) -> HotList:
    """Switch a list or its record kinds off or on, or set its staleness limit within the policy's; return the list.

    Raises: NotFound; InvalidInput for a limit above the policy's or an unknown record kind.
    """
    lists = Lists(work.connection)
    before = await lists.get(grant, list_id, lock=True)
    kinds_off = before.kinds_off
    if isinstance(changes.record_kinds_off, list):
        kinds_off = check_switches(policy, changes.record_kinds_off)
    staleness_s = before.staleness_s
    if changes.staleness_hours is not UNSET:
        staleness_s = own_staleness_s(changes.staleness_hours, before.source, policy.hotlists)
    enabled = changes.enabled if isinstance(changes.enabled, bool) else before.enabled
    await lists.configure(
        grant, before, enabled=enabled, staleness_s=staleness_s, kinds_off=kinds_off
    )
    await work.emit(_changed(grant, before, changes, enabled=enabled))
    return await lists.get(grant, list_id)


def _changed(grant: Grant, before: HotList, changes: Changes, *, enabled: bool) -> HotListChanged:
    """Return the event of a change, with each field that the caller gave."""
    named = "changed"
    if enabled != before.enabled:
        named = "switched_on" if enabled else "switched_off"
    given = sorted(msgspec.to_builtins(changes).items())
    return HotListChanged(
        occurred_at=grant.now,
        actor=grant.actor,
        list_id=before.list_id,
        change=named,
        details={name: str(value) for name, value in given},
    )
