"""What people record about a hit: that they take it, its verification with the entering agency, its dispositions."""

from uuid import UUID

import msgspec

from services.hotlist.domain.hits import Acknowledgement, Disposition, Hit
from services.hotlist.domain.problem_codes import Code
from services.hotlist.domain.rating import Outcome, Result, contradicts
from services.hotlist.store.hits import Hits
from services.hotlist.store.outcomes import Outcomes
from services.hotlist.store.standings import Standings
from shared.access.grant import Grant
from shared.core.errors import Conflict, InvalidInput
from shared.events import HitAcknowledged, HitDisposed, HitVerified
from shared.postgres.unit_of_work import UnitOfWork

MAX_DISPOSITIONS = 100
"""The most dispositions of one hit."""


async def acknowledge(
    work: UnitOfWork, hits: Hits, grant: Grant, hit_id: UUID, *, acknowledged: bool
) -> Hit:
    """Record that the caller takes an alert, or gives it back; return the hit, as unverified as before.

    A repetition changes nothing and emits no event. Raises: NotFound; Conflict for a hit that is no alert any more.
    """
    hit = await hits.alert(grant, hit_id)
    others = [one for one in hit.acknowledgements if one.by.person_id != grant.actor.person_id]
    if acknowledged is (len(others) < len(hit.acknowledgements)):
        return hit
    outcomes = Outcomes(work.connection)
    if acknowledged:
        await outcomes.acknowledge(grant, hit_id)
        others.append(Acknowledgement(at=grant.now, by=grant.actor))
    else:
        await outcomes.give_back(grant, hit_id)
    await Standings(work.connection).announce()
    await work.emit(
        HitAcknowledged(
            occurred_at=grant.now, actor=grant.actor, hit_id=hit_id, acknowledged=acknowledged
        )
    )
    return msgspec.structs.replace(hit, acknowledgements=others)


async def verify(
    work: UnitOfWork,
    hits: Hits,
    grant: Grant,
    hit_id: UUID,
    *,
    method: str,
    reference: str,
    outcome: Outcome,
    note: str | None,
) -> Hit:
    """Record the result of checking a hit with the entering agency; return the hit as it then is.

    Raises: NotFound; NotAuthorised for an older hit without a purpose; Conflict if it is verified or its read
    is destroyed.
    """
    hit = await hits.get(grant, hit_id, lock=True)
    if hit.status != "unverified":
        raise Conflict(Code.HIT_VERIFIED)
    await Outcomes(work.connection).verify(
        grant,
        hit_id,
        method=method,
        reference=reference,
        outcome=outcome,
        note=note,
    )
    await work.emit(
        HitVerified(
            occurred_at=grant.now,
            hit_id=hit_id,
            read_id=_read_id(hit),
            verified_by=grant.actor,
            method=method,
            reference=reference,
            outcome=outcome,
            captured_on=hit.captured_on,
            note=note,
        )
    )
    await Standings(work.connection).announce()
    return msgspec.structs.replace(hit, status="verified", outcome=outcome)


async def dispose(
    work: UnitOfWork,
    hits: Hits,
    grant: Grant,
    hit_id: UUID,
    *,
    result: Result,
    disposition: str | None,
    enforcement: bool,
    unverified_reason: str | None,
) -> Hit:
    """Add a disposition to a hit, whose earlier ones stay; return the hit. The caller's last one anew changes nothing.

    Raises: NotFound; NotAuthorised for an older hit without a purpose; InvalidInput for a result that needs words or
    contradicts `enforcement`, and for enforcement without a reason on a hit that is not verified as correct; Conflict
    if it has `MAX_DISPOSITIONS` or its read is destroyed.
    """
    if result == "other" and disposition is None:
        raise InvalidInput(Code.HIT_RESULT_WITHOUT_WORDS, field="disposition")
    if contradicts(result, enforcement=enforcement):
        raise InvalidInput(
            Code.HIT_RESULT_CONTRADICTED,
            field="enforcement",
            result=result.replace("_", " "),
            enforcement="no" if enforcement else "yes",
        )
    words = disposition or result.replace("_", " ")
    hit = await hits.get(grant, hit_id, lock=True)
    if enforcement and hit.outcome != "correct_read" and not unverified_reason:
        raise InvalidInput(Code.HIT_ENFORCED_UNVERIFIED, field="unverified_reason")
    outcomes, read_id = Outcomes(work.connection), _read_id(hit)
    earlier = await outcomes.dispositions(grant, hit_id)
    said = result, words, enforcement, unverified_reason, grant.actor.person_id
    if earlier and _said(earlier[-1]) == said:
        return hit
    if len(earlier) >= MAX_DISPOSITIONS:
        raise Conflict(Code.HIT_DISPOSITIONS_FULL)
    await outcomes.dispose(
        grant,
        hit_id,
        result=result,
        disposition=words,
        enforcement=enforcement,
        unverified_reason=unverified_reason,
    )
    await work.emit(
        HitDisposed(
            occurred_at=grant.now,
            hit_id=hit_id,
            read_id=read_id,
            disposed_by=grant.actor,
            result=result,
            disposition=words,
            enforcement=enforcement,
            unverified_reason=unverified_reason,
            captured_on=hit.captured_on,
        )
    )
    await Standings(work.connection).announce()
    return msgspec.structs.replace(hit, result=result)


def _said(one: Disposition) -> tuple[Result, str, bool, str | None, str]:
    """Return what a disposition says, and of which person, so that one that is sent twice is seen."""
    return one.result, one.disposition, one.enforcement, one.unverified_reason, one.by.person_id


def _read_id(hit: Hit) -> UUID:
    """Return the read of a hit. Raises: Conflict once it is destroyed: its plate can no longer be checked."""
    if hit.read_id is None:
        raise Conflict(Code.HIT_READ_DESTROYED)
    return hit.read_id
