"""Routes of holds, which keep records from the purge for evidence, actions and other lawful demands (policy 468.5)."""

from uuid import UUID

from fastapi import APIRouter

from services.retention.actions import hold_reviews, holds
from services.retention.api.fields.records import (
    ConfirmationIn,
    HoldIn,
    ReleaseIn,
    ReviewIn,
    TakeoverIn,
)
from services.retention.api.guard import HoldManageOfRecord, HoldRead, HoldReadForPurpose
from services.retention.api.views.holds import HoldOut, WaitingHoldsOut
from services.retention.api.views.pages import page_out
from services.retention.api.views.searches import ReadsOut, reads_page
from services.retention.service import Running
from services.retention.store.holds import Holds
from shared.http.app import Work
from shared.http.models import After, Limit, OptionalKey, Page, key_of

router = APIRouter(prefix="/v1/holds", tags=["holds"])


@router.post("", status_code=201)
async def place_hold(
    body: HoldIn,
    grant: HoldManageOfRecord,
    work: Work,
    retention: Running,
    key: OptionalKey = None,
) -> HoldOut:
    """Place a hold. It keeps matching records, present and future, until its release.

    A hold that covers more than a search may keeps its records at once, and shows them after a second person confirms
    it.
    """
    policy = retention.runtime.policy
    hold = await holds.place(policy, work, grant, key, body.hold())
    return HoldOut.of(hold, policy.narrowness)


@router.get("")
async def list_holds(
    grant: HoldReadForPurpose,
    work: Work,
    retention: Running,
    in_force: bool | None = None,
    overdue: bool | None = None,
    after: After | None = None,
    limit: Limit = 50,
) -> Page[HoldOut]:
    """List the holds of the caller's agency, newest first. `overdue` selects those past their date of review."""
    rule = retention.runtime.policy.narrowness
    found = await Holds(work.connection).page(
        grant, limit=limit + 1, after=key_of(after, UUID), in_force=in_force, overdue=overdue
    )
    return page_out(found, limit, lambda hold: HoldOut.of(hold, rule), lambda hold: hold.hold_id)


@router.get("/waiting")
async def get_waiting_holds(grant: HoldRead, work: Work) -> WaitingHoldsOut:
    """Count the holds in force, those past their review, and the unbooked exports; needs no purpose."""
    waiting = await Holds(work.connection).waiting(grant)
    return WaitingHoldsOut.model_validate(waiting, from_attributes=True)


@router.get("/{hold_id}")
async def get_hold(
    hold_id: UUID, grant: HoldReadForPurpose, work: Work, retention: Running
) -> HoldOut:
    """Return one hold with its criteria, its people and its state."""
    hold = await holds.hold_of(work, grant, hold_id)
    return HoldOut.of(hold, retention.runtime.policy.narrowness)


@router.get("/{hold_id}/records")
async def list_held_records(
    hold_id: UUID,
    grant: HoldManageOfRecord,
    work: Work,
    retention: Running,
    after: After | None = None,
    limit: Limit = 100,
) -> ReadsOut:
    """List the reads that a hold keeps now, also those past the schedule. The log records each read shown.

    The service refuses this while a hold that covers more than a search awaits its confirmation, and once it is
    released.
    """
    rule = retention.runtime.policy.narrowness
    page = await holds.held_records(rule, work, grant, hold_id, after=after, limit=limit)
    return reads_page(page, grant, retention.runtime.links)


@router.post("/{hold_id}/confirmation")
async def confirm_hold(
    hold_id: UUID, body: ConfirmationIn, grant: HoldManageOfRecord, work: Work, retention: Running
) -> HoldOut:
    """Confirm a hold that covers more than a search may, so that its records are shown.

    The caller must be another person than the one who placed it, with a purpose that names the hold's case.
    """
    rule = retention.runtime.policy.narrowness
    return HoldOut.of(await holds.confirm(rule, work, grant, hold_id, body.reason), rule)


@router.post("/{hold_id}/review")
async def review_hold(
    hold_id: UUID, body: ReviewIn, grant: HoldManageOfRecord, work: Work, retention: Running
) -> HoldOut:
    """Record that a hold was reviewed and stays, and the time of its next review.

    A hold past its date is a finding of audit's. Nothing releases it by itself.
    """
    policy = retention.runtime.policy
    hold = await hold_reviews.extend(policy, work, grant, hold_id, body.review_by, body.reason)
    return HoldOut.of(hold, policy.narrowness)


@router.post("/{hold_id}/owner")
async def become_hold_owner(
    hold_id: UUID, body: TakeoverIn, grant: HoldManageOfRecord, work: Work, retention: Running
) -> HoldOut:
    """Become the owner of a hold, who is responsible for its review. Its date of review stays."""
    hold = await hold_reviews.become_owner(work, grant, hold_id, body.reason)
    return HoldOut.of(hold, retention.runtime.policy.narrowness)


@router.post("/{hold_id}/release")
async def release_hold(
    hold_id: UUID, body: ReleaseIn, grant: HoldManageOfRecord, work: Work, retention: Running
) -> HoldOut:
    """Release a hold, as another person than the one who placed it.

    The next purge destroys the records past the schedule that no other hold keeps. The service deletes the packages of
    the hold's exports. It refuses the release while an export has no booked copy: book a copy, or withdraw the export.
    """
    hold = await holds.release(work, grant, hold_id, body.reason)
    return HoldOut.of(hold, retention.runtime.policy.narrowness)
