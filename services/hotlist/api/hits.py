"""Routes of hits: their matches, verifications and dispositions."""

from datetime import timedelta
from typing import Annotated, Literal, get_args
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Query, Request

from services.hotlist.actions.crop_link import crop_link
from services.hotlist.api.fields import DispositionIn, VerificationIn
from services.hotlist.api.views import (
    HitsOut,
    HitWhole,
    WaitingHits,
    WaitingTier,
    hit_out,
    hit_whole,
)
from services.hotlist.domain.hits import Hit
from services.hotlist.domain.problem_codes import Code
from services.hotlist.store.hits import HitFilter, Hits
from services.hotlist.store.outcomes import Outcomes
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.errors import Conflict, InvalidInput
from shared.core.fields import Moment
from shared.core.permissions import Permission
from shared.events import HitDisposed, HitVerified, Tier
from shared.http.app import Work
from shared.http.models import After, Limit, key_of
from shared.postgres.unit_of_work import UnitOfWork
from shared.service.runtime import runtime_of

router = APIRouter(prefix="/hits", tags=["hits"])

HitRead = Annotated[Grant, access(Permission.HIT_READ)]
HitVerify = Annotated[Grant, access(Permission.HIT_VERIFY)]
HitDispose = Annotated[Grant, access(Permission.HIT_DISPOSE)]

MAX_DISPOSITIONS = 100


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
    late: Annotated[
        bool | None, Query(description="True: only late hits; false: none of them; left out: both.")
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
        late=late,
        before=key_of(after, int),
        limit=limit,
    )
    found = await hits.page(grant, wanted)
    more = found[-1].seq if len(found) == limit else None
    now, links = work.clock.now(), runtime_of(request).links
    items = [hit_out(hit, now, crop_link(hit, grant, links, now)) for hit in found]
    shown = HitsOut.of(items, last=more)
    shown.captured_since = None if grant.purpose else hits.fresh_since(grant)
    return shown


@router.get("/waiting")
async def list_waiting_hits(grant: HitRead, hits: Visible) -> WaitingHits:
    """Count the unverified hits by tier, with the time of the oldest; needs no purpose."""
    found = {one.tier: one for one in await hits.waiting(grant)}
    tiers = [WaitingTier.model_validate(found[tier]) for tier in get_args(Tier) if tier in found]
    return WaitingHits(
        count=sum(tier.count for tier in tiers),
        oldest_at=min((tier.oldest_at for tier in tiers), default=None),
        tiers=tiers,
    )


@router.get("/{hit_id}")
async def get_hit(
    request: Request, hit_id: UUID, grant: HitRead, work: Work, hits: Visible
) -> HitWhole:
    """Return one hit with its sightings, verification and dispositions; 404 if the caller may not see it.

    A hit captured before `captured_since` needs a declared purpose, whatever the request does with it.
    """
    return await _whole(request, work, hits, grant, await hits.get(grant, hit_id))


@router.post("/{hit_id}/verification", status_code=201)
async def verify_hit(
    request: Request,
    hit_id: UUID,
    body: VerificationIn,
    grant: HitVerify,
    work: Work,
    hits: Visible,
) -> HitWhole:
    """Record the result of checking a hit with the entering agency; once for each hit."""
    hit = await hits.get(grant, hit_id, lock=True)
    if hit.status != "unverified":
        raise Conflict(Code.HIT_VERIFIED)
    await Outcomes(work.connection).verify(
        grant,
        hit_id,
        method=body.method,
        reference=body.reference,
        outcome=body.outcome,
        note=body.note,
    )
    await work.emit(
        HitVerified(
            occurred_at=grant.now,
            hit_id=hit_id,
            read_id=_read_id(hit),
            verified_by=grant.actor,
            method=body.method,
            reference=body.reference,
            outcome=body.outcome,
            captured_on=hit.captured_on,
            note=body.note,
        )
    )
    verified = msgspec.structs.replace(hit, status="verified", outcome=body.outcome)
    return await _whole(request, work, hits, grant, verified)


@router.post("/{hit_id}/disposition", status_code=201)
async def dispose_hit(
    request: Request,
    hit_id: UUID,
    body: DispositionIn,
    grant: HitDispose,
    work: Work,
    hits: Visible,
) -> HitWhole:
    """Add a disposition to a hit; earlier ones stay."""
    hit = await hits.get(grant, hit_id, lock=True)
    if body.enforcement and hit.outcome != "correct_read" and not body.unverified_reason:
        raise InvalidInput(Code.HIT_ENFORCED_UNVERIFIED, field="unverified_reason")
    outcomes = Outcomes(work.connection)
    if len(await outcomes.dispositions(grant, hit_id)) >= MAX_DISPOSITIONS:
        raise Conflict(Code.HIT_DISPOSITIONS_FULL)
    await outcomes.dispose(
        grant,
        hit_id,
        disposition=body.disposition,
        enforcement=body.enforcement,
        unverified_reason=body.unverified_reason,
    )
    await work.emit(
        HitDisposed(
            occurred_at=grant.now,
            hit_id=hit_id,
            read_id=_read_id(hit),
            disposed_by=grant.actor,
            disposition=body.disposition,
            enforcement=body.enforcement,
            unverified_reason=body.unverified_reason,
            captured_on=hit.captured_on,
        )
    )
    return await _whole(request, work, hits, grant, hit)


def _read_id(hit: Hit) -> UUID:
    """Return the read of a hit. Raises: Conflict once it is destroyed: its plate can no longer be checked."""
    if hit.read_id is None:
        raise Conflict(Code.HIT_READ_DESTROYED)
    return hit.read_id


async def _whole(
    request: Request, work: UnitOfWork, hits: Hits, grant: Grant, hit: Hit
) -> HitWhole:
    """Return a hit with its verification, dispositions and sightings; `Hits` has recorded its disclosure."""
    outcomes = Outcomes(work.connection)
    hit_id = hit.hit_id
    now = work.clock.now()
    return hit_whole(
        hit,
        now,
        crop_link(hit, grant, runtime_of(request).links, now),
        verification=await outcomes.verification(grant, hit_id),
        dispositions=await outcomes.dispositions(grant, hit_id),
        sightings=await hits.sightings(grant, hit_id),
    )
