"""Hot lists: what they are, their switches, and what they brought."""

from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Request

from services.hotlist.api.fields import ListChange, ListIn
from services.hotlist.api.views import ListOut, YieldOut
from services.hotlist.domain.entries import check_switches
from services.hotlist.domain.problem_codes import Code
from services.hotlist.domain.rating import staleness_limit_s
from services.hotlist.service import Running
from services.hotlist.store.lists import HotList, Lists
from services.hotlist.store.outcomes import Outcomes
from shared.access.grant import Grant
from shared.access.guard import access
from shared.access.rule_refusals import record_refusal
from shared.core.clock import Clock
from shared.core.errors import InvalidInput, NotAuthorised
from shared.core.fields import Moment
from shared.core.permissions import Permission
from shared.core.policy import HotLists as Rules
from shared.events import HotListChanged, Source
from shared.http.app import Work
from shared.http.models import Page

router = APIRouter(prefix="/lists", tags=["lists"])

HotlistRead = Annotated[Grant, access(Permission.HOTLIST_READ)]
HotlistReadForPurpose = Annotated[Grant, access(Permission.HOTLIST_READ, purpose_needed=True)]
HotlistManage = Annotated[Grant, access(Permission.HOTLIST_MANAGE)]
HotlistManageForPurpose = Annotated[Grant, access(Permission.HOTLIST_MANAGE, purpose_needed=True)]
"""`Plates`: routes that show entries or lines of a file."""


def list_out(hot_list: HotList, rules: Rules, clock: Clock) -> ListOut:
    """Return a list as the API shows it."""
    limit_s = staleness_limit_s(hot_list.source, hot_list.staleness_s, rules)
    as_of = hot_list.as_of
    return ListOut(
        list_id=hot_list.list_id,
        name=hot_list.name,
        agency_ori=hot_list.agency_ori,
        source=hot_list.source,
        enabled=hot_list.enabled,
        staleness_hours=limit_s // 3600,
        record_kinds_off=hot_list.kinds_off,
        active_version=hot_list.active_version,
        entries=hot_list.entries,
        as_of=as_of,
        activated_at=hot_list.activated_at,
        stale=as_of is not None and (clock.now() - as_of).total_seconds() > limit_s,
        created_at=hot_list.created_at,
        created_by=hot_list.created_by,
    )


def _staleness_s(hours: int | None, source: Source, rules: Rules) -> int | None:
    limit = rules.staleness_hours.get(source, 0)
    if hours is not None and hours > limit:
        raise InvalidInput(
            Code.LIST_STALENESS_TOO_LONG, field="staleness_hours", source=source, max_hours=limit
        )
    return None if hours is None else hours * 3600


@router.post("", status_code=201)
async def create_list(
    body: ListIn, grant: HotlistManage, work: Work, hotlist: Running, request: Request
) -> ListOut:
    """Create an empty hot list with no version in force."""
    policy = hotlist.runtime.policy
    if body.source not in grant.principal.sources:
        refusal = NotAuthorised(Code.SOURCE_NOT_ENTITLED, source=body.source)
        await record_refusal(request, grant, refusal.detail)
        raise refusal
    lists, list_id = Lists(work.connection), uuid4()
    await lists.create(
        grant,
        list_id,
        name=body.name,
        source=body.source,
        staleness_s=_staleness_s(body.staleness_hours, body.source, policy.hotlists),
        kinds_off=check_switches(policy, body.record_kinds_off),
    )
    await work.emit(
        HotListChanged(
            occurred_at=grant.now,
            actor=grant.actor,
            list_id=list_id,
            change="created",
            details={"name": body.name, "source": body.source},
        )
    )
    return list_out(await lists.get(grant, list_id), policy.hotlists, work.clock)


@router.get("")
async def list_lists(grant: HotlistRead, work: Work, hotlist: Running) -> Page[ListOut]:
    """List the hot lists whose source the caller is entitled to."""
    rules = hotlist.runtime.policy.hotlists
    found = await Lists(work.connection).all(grant)
    return Page.of([list_out(one, rules, work.clock) for one in found])


@router.get("/{list_id}")
async def get_list(list_id: UUID, grant: HotlistRead, work: Work, hotlist: Running) -> ListOut:
    """Return one hot list."""
    found = await Lists(work.connection).get(grant, list_id)
    return list_out(found, hotlist.runtime.policy.hotlists, work.clock)


@router.patch("/{list_id}")
async def change_list(
    list_id: UUID, body: ListChange, grant: HotlistManage, hotlist: Running
) -> ListOut:
    """Switch a list or its record kinds off or on, or set its staleness limit within the policy's."""
    policy = hotlist.runtime.policy
    async with hotlist.changing() as work:
        lists = Lists(work.connection)
        before = await lists.get(grant, list_id, lock=True)
        given = body.model_fields_set
        kinds_off = before.kinds_off
        if body.record_kinds_off is not None:
            kinds_off = check_switches(policy, body.record_kinds_off)
        staleness_s = before.staleness_s
        if "staleness_hours" in given:
            staleness_s = _staleness_s(body.staleness_hours, before.source, policy.hotlists)
        enabled = before.enabled if body.enabled is None else body.enabled
        await lists.configure(before, enabled=enabled, staleness_s=staleness_s, kinds_off=kinds_off)
        change = "changed"
        if enabled != before.enabled:
            change = "switched_on" if enabled else "switched_off"
        await work.emit(
            HotListChanged(
                occurred_at=grant.now,
                actor=grant.actor,
                list_id=list_id,
                change=change,
                details={name: str(getattr(body, name)) for name in sorted(given)},
            )
        )
        after = await lists.get(grant, list_id)
    return list_out(after, policy.hotlists, hotlist.runtime.clock)


@router.get("/{list_id}/yield")
async def get_yield(
    list_id: UUID, grant: HotlistRead, work: Work, since: Moment | None = None
) -> YieldOut:
    """Count a list's hits, their verification outcomes and enforcement."""
    await Lists(work.connection).get(grant, list_id)
    counts = await Outcomes(work.connection).counts(list_id, since)
    return YieldOut(
        list_id=list_id,
        since=since,
        hits=counts.hits,
        unverified=counts.unverified,
        verified=counts.verified,
        outcomes=counts.outcomes,
        by_tier=counts.by_tier,
        enforcement=counts.enforcement,
        correct_share=counts.correct_share,
    )
