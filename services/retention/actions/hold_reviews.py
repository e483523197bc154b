"""Reviews of holds: extended with a reason, or taken over by another person (policy 468.5).

Nothing here ends a hold. A hold without a reason to stay is released, by another person than the one who placed it.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from services.retention.actions.holds import check_purpose, hold_of
from services.retention.domain.holding import check_in_force, check_review_date, check_takeover
from services.retention.store.holds import Hold, Holds
from shared.access.grant import Grant
from shared.core.policy import Policy
from shared.postgres.unit_of_work import UnitOfWork


async def extend(
    policy: Policy,
    work: UnitOfWork,
    grant: Grant,
    hold_id: UUID,
    review_by: datetime,
    reason: str,
) -> Hold:
    """Record that a hold was reviewed and stays, and when it is to be reviewed next; return the hold.

    Raises: NotFound; Conflict for a released hold; NotAuthorised for a purpose that does not cover it; InvalidInput for
    a date that is past, or later than the policy allows.
    """
    hold = await hold_of(work, grant, hold_id, lock=True)
    check_purpose(grant, hold.criteria)
    check_in_force(hold.released_at)
    check_review_date(review_by, grant.now, timedelta(days=policy.retention.hold_review_days))
    return await _reviewed(work, grant, replace(hold, review_by=review_by), "extended", reason)


async def become_owner(work: UnitOfWork, grant: Grant, hold_id: UUID, reason: str) -> Hold:
    """Make the caller the owner of a hold, whose date of review stays; return the hold.

    Raises: NotFound; Conflict for a released hold, or for its owner; NotAuthorised for a purpose that does not cover
    it.
    """
    hold = await hold_of(work, grant, hold_id, lock=True)
    check_purpose(grant, hold.criteria)
    check_in_force(hold.released_at)
    check_takeover(hold.owner.person_id, grant.actor.person_id)
    return await _reviewed(work, grant, replace(hold, owner=grant.actor), "taken_over", reason)


async def _reviewed(work: UnitOfWork, grant: Grant, hold: Hold, change: str, reason: str) -> Hold:
    await Holds(work.connection).reviewed(
        hold.hold_id,
        owner=hold.owner,
        review_by=hold.review_by,
        by=grant.actor,
        at=grant.now,
        reason=reason,
    )
    await work.emit(hold.changed(grant.actor, grant.now, change, reason))
    return await hold_of(work, grant, hold.hold_id)
