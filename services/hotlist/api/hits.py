"""Routes of hits: their matches, acknowledgements, verifications and dispositions."""

from datetime import timedelta
from typing import Annotated, Literal, get_args
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request

from services.hotlist.actions import outcomes
from services.hotlist.actions.crop_link import crop_link
from services.hotlist.api.fields import AcknowledgementIn, DispositionIn, VerificationIn
from services.hotlist.api.guard import AlertReceive, HitRead
from services.hotlist.api.views.hits import (
    HitOut,
    HitsOut,
    OutcomesOut,
    WaitingHitsOut,
    WaitingTierOut,
    WholeHitOut,
    hit_out,
    hit_whole,
)
from services.hotlist.domain.hits import Hit
from services.hotlist.domain.rating import Outcome, Result
from services.hotlist.store.hits import HitFilter, Hits
from services.hotlist.store.outcomes import Outcomes
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.fields import Moment
from shared.core.permissions import Permission
from shared.events import Tier
from shared.http.app import Work
from shared.http.models import After, Limit, key_of
from shared.postgres.unit_of_work import UnitOfWork
from shared.service.api_runtime import runtime_of

router = APIRouter(prefix="/v1/hits", tags=["hits"])

HitVerify = Annotated[Grant, access(Permission.HIT_VERIFY)]
HitDispose = Annotated[Grant, access(Permission.HIT_DISPOSE)]


def visible_hits(work: Work, request: Request) -> Hits:
    """Return the store of hits, with the policy's limit for hits without a purpose."""
    hours = runtime_of(request).policy.limits.hits_without_purpose_h
    return Hits(work.connection, timedelta(hours=hours))


Visible = Annotated[Hits, Depends(visible_hits, scope="function")]


@router.get("")
async def list_hits(
    request: Request,
    grant: HitRead,
    work: Work,
    hits: Visible,
    since: Annotated[Moment | None, Query(description="Raised at or after.")] = None,
    tier: Tier | None = None,
    list_id: UUID | None = None,
    status: Literal["unverified", "verified"] | None = None,
    outcome: Annotated[Outcome | None, Query(description="What a verification found.")] = None,
    result: Annotated[
        Result | None, Query(description="What came of it, by its latest disposition.")
    ] = None,
    late: Annotated[
        bool | None, Query(description="True: only late hits. False: no late hits. Left out: both.")
    ] = None,
    listed_by: Annotated[
        Literal["me"] | None,
        Query(description="Hits of entries that the caller has entered singly."),
    ] = None,
    after: After | None = None,
    limit: Limit = 50,
) -> HitsOut:
    """List hits, newest first, from lists whose source the caller is entitled to.

    Without a declared purpose, only hits captured after `captured_since` (policy 468.4(b)).

    Late hits, of reads that arrived long after their capture, raise no alert and never appear on the stream;
    list them here with `late=true`.
    """
    wanted = HitFilter(
        since=since,
        tier=tier,
        list_id=list_id,
        status=status,
        outcome=outcome,
        result=result,
        late=late,
        listed_by=grant.actor.person_id if listed_by else None,
        before=key_of(after, int),
        limit=limit,
    )
    found = await hits.page(grant, wanted)
    more = found[-1].seq if len(found) == limit else None
    now, links = work.clock.now(), runtime_of(request).links
    items = [hit_out(hit, now, crop_link(hit, grant, links, now)) for hit in found]
    page = HitsOut.of(items, last=more)
    page.captured_since = None if grant.purpose else hits.fresh_since(grant)
    return page


@router.get("/waiting")
async def get_waiting_hits(grant: HitRead, hits: Visible) -> WaitingHitsOut:
    """Count the unverified hits by tier, and the unanswered ones, with the time of the oldest; needs no purpose."""
    found = {one.tier: one for one in await hits.waiting(grant)}
    tiers = [WaitingTierOut.model_validate(found[tier]) for tier in get_args(Tier) if tier in found]
    unanswered, unanswered_since = await hits.unanswered(grant)
    return WaitingHitsOut(
        count=sum(tier.count for tier in tiers),
        oldest_at=min((tier.oldest_at for tier in tiers), default=None),
        tiers=tiers,
        unanswered=unanswered,
        unanswered_since=unanswered_since,
        listed_by_me=await hits.listed_by_caller(grant),
    )


@router.get("/outcomes")
async def get_outcomes(
    grant: HitRead,
    work: Work,
    days: Annotated[int, Query(ge=1, le=400, description="Raised in so many days.")] = 30,
) -> OutcomesOut:
    """Count hits, what their verifications found, and what came of them; needs no purpose."""
    since = grant.now - timedelta(days=days)
    return OutcomesOut.model_validate(await Outcomes(work.connection).counts(grant, since=since))


@router.get("/{hit_id}")
async def get_hit(
    request: Request, hit_id: UUID, grant: HitRead, work: Work, hits: Visible
) -> WholeHitOut:
    """Return one hit with its sightings, verification and dispositions; 404 if the caller may not see it.

    A hit captured before `captured_since` needs a declared purpose, whatever the request does with it.
    """
    return await _whole(request, work, hits, grant, await hits.get(grant, hit_id))


@router.post("/{hit_id}/acknowledgement")
async def acknowledge_hit(
    request: Request,
    hit_id: UUID,
    body: AcknowledgementIn,
    grant: AlertReceive,
    work: Work,
    hits: Visible,
) -> HitOut:
    """Take an alert, or give it back; open pages of alerts show it at once, and a repetition changes nothing.

    The hit stays unverified: the caller says that they go, not that the match is right.
    """
    hit = await outcomes.acknowledge(work, hits, grant, hit_id, acknowledged=body.acknowledged)
    now = work.clock.now()
    return hit_out(hit, now, crop_link(hit, grant, runtime_of(request).links, now))


@router.post("/{hit_id}/verification")
async def verify_hit(
    request: Request,
    hit_id: UUID,
    body: VerificationIn,
    grant: HitVerify,
    work: Work,
    hits: Visible,
) -> WholeHitOut:
    """Record the result of checking a hit with the entering agency; once for each hit."""
    hit = await outcomes.verify(
        work,
        hits,
        grant,
        hit_id,
        method=body.method,
        reference=body.reference,
        outcome=body.outcome,
        note=body.note,
    )
    return await _whole(request, work, hits, grant, hit)


@router.post("/{hit_id}/disposition")
async def dispose_hit(
    request: Request,
    hit_id: UUID,
    body: DispositionIn,
    grant: HitDispose,
    work: Work,
    hits: Visible,
) -> WholeHitOut:
    """Add a disposition to a hit; earlier ones stay, and the same person's last one anew changes nothing."""
    hit = await outcomes.dispose(
        work,
        hits,
        grant,
        hit_id,
        result=body.result,
        disposition=body.disposition,
        enforcement=body.enforcement,
        unverified_reason=body.unverified_reason,
    )
    return await _whole(request, work, hits, grant, hit)


async def _whole(
    request: Request, work: UnitOfWork, hits: Hits, grant: Grant, hit: Hit
) -> WholeHitOut:
    """Return a hit with its verification, dispositions and sightings; `Hits` has recorded its disclosure."""
    stored, hit_id = Outcomes(work.connection), hit.hit_id
    now = work.clock.now()
    return hit_whole(
        hit,
        now,
        crop_link(hit, grant, runtime_of(request).links, now),
        twins=await hits.twins(grant, hit_id),
        verification=await stored.verification(grant, hit_id),
        dispositions=await stored.dispositions(grant, hit_id),
        sightings=await hits.sightings(grant, hit_id),
    )
