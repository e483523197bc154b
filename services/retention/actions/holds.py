"""Places, confirms and releases holds, and shows the records that they keep (policy 468.5)."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from services.retention.actions.searches import ReadsPage
from services.retention.domain.criteria import Criteria, check_hold, decode_cursor
from services.retention.domain.holding import (
    check_awaits,
    check_confirmation,
    check_disclosable,
    check_evidence_basis,
    check_exports_booked,
    check_in_force,
    check_released_by,
    is_wide,
)
from services.retention.domain.problem_codes import Code
from services.retention.store.exports import Exports
from services.retention.store.holds import Hold, Holds
from shared.access.grant import Grant
from shared.core.errors import Conflict, NotFound
from shared.core.ids import keyed_id
from shared.core.policy import Narrowness, Policy
from shared.core.problem_codes import Common
from shared.postgres.unit_of_work import UnitOfWork


@dataclass(frozen=True, kw_only=True)
class NewHold:
    """A hold to place."""

    basis: str
    case_number: str
    description: str
    criteria: Criteria


async def place(
    policy: Policy, work: UnitOfWork, grant: Grant, key: str | None, new: NewHold
) -> Hold:
    """Place a hold, which keeps matching records, present and future, until its release. Its owner is the caller.

    With the `key` of an earlier request of the caller it returns the hold that was placed then.

    Raises: InvalidInput for an unknown basis, or for criteria that are empty or contradict themselves; NotAuthorised
    for criteria beyond the declared purpose; Conflict if the hold with `key` is another one.
    """
    check_evidence_basis(new.basis, policy.retention.evidence_bases)
    check_hold(new.criteria)
    check_purpose(grant, new.criteria)
    hold = Hold(
        hold_id=keyed_id("hold", grant.actor.person_id, key),
        agency_ori=grant.principal.agency_ori,
        basis=new.basis,
        case_number=new.case_number,
        description=new.description,
        criteria=new.criteria,
        placed_by=grant.actor,
        placed_at=grant.now,
        owner=grant.actor,
        review_by=grant.now + timedelta(days=policy.retention.hold_review_days),
    )
    if not await Holds(work.connection).place(hold):
        known = await hold_of(work, grant, hold.hold_id)
        if new != NewHold(**{name: getattr(known, name) for name in NewHold.__dataclass_fields__}):
            raise Conflict(Common.KEY_REUSED)
        return known
    await work.emit(hold.changed(grant.actor, grant.now, "placed"))
    return hold


async def confirm(
    rule: Narrowness, work: UnitOfWork, grant: Grant, hold_id: UUID, reason: str
) -> Hold:
    """Confirm a wide hold, so that its records are shown; return the hold.

    Raises: NotFound; Conflict for a hold that awaits no confirmation; NotAuthorised for the person who placed it, or
    for a purpose that does not cover it or names another case.
    """
    hold = await hold_of(work, grant, hold_id, lock=True)
    check_purpose(grant, hold.criteria)
    wide = is_wide(hold.criteria, rule)
    check_awaits(wide=wide, confirmed_at=hold.confirmed_at, released_at=hold.released_at)
    check_confirmation(
        placed_by=hold.placed_by.person_id,
        confirmed_by=grant.actor.person_id,
        hold_case=hold.case_number,
        purpose_case=grant.purpose.record.case_number if grant.purpose else None,
    )
    await Holds(work.connection).confirm(hold_id, by=grant.actor, at=grant.now, reason=reason)
    await work.emit(hold.changed(grant.actor, grant.now, "confirmed", reason))
    return await hold_of(work, grant, hold_id)


async def release(work: UnitOfWork, grant: Grant, hold_id: UUID, reason: str) -> Hold:
    """Release a hold; return it. The next purge destroys the due records that no other hold keeps.

    Raises: NotFound; Conflict for a released hold, or while an export of it has no booked copy; NotAuthorised for the
    person who placed it, or for a purpose that does not cover it.
    """
    hold = await hold_of(work, grant, hold_id, lock=True)
    check_purpose(grant, hold.criteria)
    check_in_force(hold.released_at)
    check_released_by(hold.placed_by.person_id, grant.actor.person_id)
    check_exports_booked(await Exports(work.connection).unbooked(hold_id))
    holds = Holds(work.connection)
    await holds.release(hold_id, by=grant.actor, at=grant.now, reason=reason)
    await work.emit(hold.changed(grant.actor, grant.now, "released", reason))
    return await hold_of(work, grant, hold_id)


async def held_records(
    rule: Narrowness,
    work: UnitOfWork,
    grant: Grant,
    hold_id: UUID,
    *,
    after: str | None,
    limit: int,
) -> ReadsPage:
    """Return a page of the reads that a hold keeps now, and disclose them.

    The first page is a search, as is one that follows no read of the hold; further pages are part of it.

    Raises: NotFound; Conflict for a released hold, which keeps none; NotAuthorised while a wide hold awaits its
    confirmation; InvalidInput for an `after` of another list.
    """
    hold = await hold_of(work, grant, hold_id)
    check_in_force(hold.released_at)
    check_disclosable(wide=is_wide(hold.criteria, rule), confirmed_at=hold.confirmed_at)
    last = decode_cursor(after, hold.criteria) if after else None
    holds = Holds(work.connection)
    if last is None or not await holds.has_read(grant, hold, last):
        await holds.disclose_search(grant, hold.hold_id, hold.criteria)
    reads, more = await holds.records(grant, hold, limit=limit, after=last)
    return ReadsPage.of(reads, hold.criteria, more=more)


async def hold_of(work: UnitOfWork, grant: Grant, hold_id: UUID, *, lock: bool = False) -> Hold:
    """Return a hold of the caller's agency. Raises: NotFound."""
    hold = await Holds(work.connection).get(grant, hold_id, lock=lock)
    if hold is None:
        raise NotFound(Code.HOLD_UNKNOWN)
    return hold


def check_purpose(grant: Grant, criteria: Criteria) -> None:
    """Check that the declared purpose contains all that the hold's criteria cover. Raises: NotAuthorised."""
    if grant.purpose is not None:
        grant.purpose.check_contains(criteria.as_json())
