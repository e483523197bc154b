"""Routes of hot lists: what they are, their switches, and what they brought."""

from uuid import UUID

from fastapi import APIRouter

from services.hotlist.actions import lists
from services.hotlist.api.fields import ListChangesIn, ListIn
from services.hotlist.api.guard import HotlistManage, HotlistRead
from services.hotlist.api.views.hits import OutcomesOut
from services.hotlist.api.views.lists import ListOut, YieldOut
from services.hotlist.service import Running
from services.hotlist.store.lists import Lists
from services.hotlist.store.outcomes import Outcomes
from shared.core.fields import Moment
from shared.http.app import Work
from shared.http.models import After, Limit, Page, key_of

router = APIRouter(prefix="/v1/lists", tags=["lists"])


@router.post("", status_code=201)
async def create_list(body: ListIn, grant: HotlistManage, work: Work, hotlist: Running) -> ListOut:
    """Create an empty hot list with no version in force."""
    policy = hotlist.runtime.policy
    created = await lists.create(
        work,
        grant,
        name=body.name,
        source=body.source,
        staleness_hours=body.staleness_hours,
        kinds_off=body.record_kinds_off,
        policy=policy,
    )
    return ListOut.of(created, policy.hotlists, work.clock.now())


@router.get("")
async def list_lists(
    grant: HotlistRead,
    work: Work,
    hotlist: Running,
    after: After | None = None,
    limit: Limit = 100,
) -> Page[ListOut]:
    """List the hot lists whose source the caller is entitled to, by name."""
    rules = hotlist.runtime.policy.hotlists
    found = await Lists(work.connection).page(grant, after=key_of(after, UUID), limit=limit)
    more = found[-1].list_id if len(found) == limit else None
    return Page.of([ListOut.of(one, rules, work.clock.now()) for one in found], last=more)


@router.get("/{list_id}")
async def get_list(list_id: UUID, grant: HotlistRead, work: Work, hotlist: Running) -> ListOut:
    """Return one hot list."""
    found = await Lists(work.connection).get(grant, list_id)
    return ListOut.of(found, hotlist.runtime.policy.hotlists, work.clock.now())


@router.patch("/{list_id}")
async def update_list(
    list_id: UUID, body: ListChangesIn, grant: HotlistManage, hotlist: Running
) -> ListOut:
    """Switch a list or its record kinds off or on, or set its staleness limit within the policy's."""
    policy = hotlist.runtime.policy
    changes = lists.Changes(**body.model_dump(exclude_unset=True))
    async with hotlist.changing() as work:
        changed = await lists.change(work, grant, list_id, changes, policy)
    return ListOut.of(changed, policy.hotlists, hotlist.runtime.clock.now())


@router.get("/{list_id}/yield")
async def get_yield(
    list_id: UUID, grant: HotlistRead, work: Work, since: Moment | None = None
) -> YieldOut:
    """Count a list's hits, their verification outcomes, what came of them, and enforcement."""
    await Lists(work.connection).get(grant, list_id)
    counts = await Outcomes(work.connection).counts(grant, since=since, list_id=list_id)
    return YieldOut(list_id=list_id, since=since, **OutcomesOut.model_validate(counts).model_dump())
