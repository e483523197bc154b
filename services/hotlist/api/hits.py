"""Hits: what was matched, what a person found out about it, and what came of it."""

from datetime import UTC, date, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request

from services.hotlist.models.hits import (
    DispositionIn,
    HitOut,
    HitWhole,
    VerificationIn,
)
from services.hotlist.shown import crop_link, hit_out, hit_whole
from services.hotlist.store.hits import HitFilter, Hits, Row
from services.hotlist.store.outcomes import Outcomes
from shared.access import Grant, Permission, access
from shared.errors import Conflict, InvalidInput
from shared.events import HitDisposed, HitVerified, Tier
from shared.fields import Moment
from shared.http import Work
from shared.models import After, Limit, Page, key_of
from shared.runtime import runtime_of
from shared.work import UnitOfWork

router = APIRouter(prefix="/hits", tags=["hits"])

Read = Annotated[Grant, access(Permission.HIT_READ)]
Verify = Annotated[Grant, access(Permission.HIT_VERIFY)]
Dispose = Annotated[Grant, access(Permission.HIT_DISPOSE)]

MAX_DISPOSITIONS = 100


@router.get("")
async def show_hits(
    request: Request,
    grant: Read,
    work: Work,
    since: Annotated[Moment | None, Query(description="Raised at or after.")] = None,
    tier: Tier | None = None,
    list_id: UUID | None = None,
    status: Literal["unverified", "verified"] | None = None,
    late: Annotated[
        bool | None, Query(description="Late ones alone, or none of them; both when left out.")
    ] = None,
    after: After | None = None,
    limit: Limit = 50,
) -> Page[HitOut]:
    """Hits, newest first, from lists whose source the caller is entitled to.

    Late hits, of reads that came long after their capture, are no alerts and never on the stream: they
    are here, with `late=true`.
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
    found = await Hits(work.connection).page(grant, wanted)
    more = found[-1]["seq"] if len(found) == limit else None
    now, links = work.clock.now(), runtime_of(request).links
    shown = [hit_out(row, now, crop_link(row, grant, links, now)) for row in found]
    return Page.of(shown, last=more)


@router.get("/{hit_id}")
async def show_hit(request: Request, hit_id: UUID, grant: Read, work: Work) -> HitWhole:
    """One hit with its sightings, verification and dispositions; 404 where not visible to the caller."""
    return await _whole(request, work, grant, await Hits(work.connection).get(grant, hit_id))


@router.post("/{hit_id}/verification", status_code=201)
async def verify_hit(
    request: Request, hit_id: UUID, body: VerificationIn, grant: Verify, work: Work
) -> HitWhole:
    """Record what checking a hit with the entering agency gave; once."""
    hit = await Hits(work.connection).get(grant, hit_id, lock=True)
    if hit["status"] != "unverified":
        raise Conflict("this hit has been verified")
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
            read_id=hit["read_id"],
            verified_by=grant.actor,
            method=body.method,
            reference=body.reference,
            outcome=body.outcome,
            captured_on=_captured_on(hit),
        )
    )
    verified = {**hit, "status": "verified", "outcome": body.outcome}
    return await _whole(request, work, grant, verified)


@router.post("/{hit_id}/disposition", status_code=201)
async def dispose_hit(
    request: Request, hit_id: UUID, body: DispositionIn, grant: Dispose, work: Work
) -> HitWhole:
    """Record what came of a hit. What was recorded before stays beside it."""
    hit = await Hits(work.connection).get(grant, hit_id, lock=True)
    if body.enforcement and hit["outcome"] != "correct_read" and not body.unverified_reason:
        raise InvalidInput(
            "enforcement on a hit that was not verified as a correct read is recorded only with a"
            " stated reason (policy 468.4(f))",
            field="unverified_reason",
        )
    outcomes = Outcomes(work.connection)
    if len(await outcomes.dispositions(grant, hit_id)) >= MAX_DISPOSITIONS:
        raise Conflict("this hit has as many dispositions as are kept")
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
            read_id=hit["read_id"],
            disposed_by=grant.actor,
            disposition=body.disposition,
            enforcement=body.enforcement,
            unverified_reason=body.unverified_reason,
            captured_on=_captured_on(hit),
        )
    )
    return await _whole(request, work, grant, hit)


def _captured_on(hit: Row) -> date:
    captured_at: datetime = hit["captured_at"]
    return captured_at.astimezone(UTC).date()


async def _whole(request: Request, work: UnitOfWork, grant: Grant, hit: Row) -> HitWhole:
    """Return a hit, whose release was recorded when it was read, with what belongs to it."""
    hits, outcomes = Hits(work.connection), Outcomes(work.connection)
    hit_id = hit["hit_id"]
    now = work.clock.now()
    return hit_whole(
        hit,
        now,
        crop_link(hit, grant, runtime_of(request).links, now),
        verification=await outcomes.verification(grant, hit_id),
        dispositions=await outcomes.dispositions(grant, hit_id),
        sightings=await hits.sightings(grant, hit_id),
    )
