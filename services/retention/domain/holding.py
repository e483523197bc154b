"""Who may place, confirm and release a hold, and when its records are shown (policy 468.5, ADR-0028).

A wide hold covers more than a search may: it keeps records at once, and shows them only after a confirmation.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from services.retention.domain.criteria import Criteria, breadth_of
from services.retention.domain.problem_codes import Code
from shared.core.errors import Conflict, InvalidInput, NotAuthorised
from shared.core.fields import EARLIEST, LATEST
from shared.core.matching import have_a_plate_in_common, skeleton
from shared.core.narrowness import too_wide
from shared.core.policy import Narrowness


def may_concern(hold: Criteria, asked: Criteria) -> bool:
    """Return whether a record could meet both criteria; True if it is unknown, as between an area and a camera."""
    return _windows_meet(hold, asked) and _devices_meet(hold, asked) and _plates_meet(hold, asked)


def is_same_case(one: str, other: str) -> bool:
    """Return whether two case numbers are the same, apart from case and spaces."""
    return _plain(one) == _plain(other)


def check_evidence_basis(basis: str, allowed: Collection[str]) -> None:
    """Raise InvalidInput unless the basis of a hold is one of the policy's evidence bases."""
    if basis not in allowed:
        raise InvalidInput(Code.HOLD_BASIS_UNKNOWN, field="basis", allowed=sorted(allowed))


def is_wide(criteria: Criteria, rule: Narrowness) -> bool:
    """Return whether criteria cover more than a search may."""
    return too_wide(breadth_of(criteria), rule) is not None


def check_disclosable(*, wide: bool, confirmed_at: datetime | None) -> None:
    """Raise NotAuthorised for an unconfirmed wide hold: its records are not shown, counted or packed."""
    if wide and confirmed_at is None:
        raise NotAuthorised(Code.HOLD_UNCONFIRMED)


def check_packed(*, wide: bool, confirmed_at: datetime | None) -> None:
    """Raise Conflict for an unconfirmed wide hold; exports from before this rule may still wait for a package."""
    if wide and confirmed_at is None:
        raise Conflict(Code.HOLD_UNCONFIRMED_PACKAGE)


def check_confirmation(
    *,
    placed_by: str,
    confirmed_by: str,
    hold_case: str,
    purpose_case: str | None,
) -> None:
    """Raise NotAuthorised unless a second person confirms, under a purpose with the hold's case number.

    Args:
        placed_by, confirmed_by: account ids.
        hold_case, purpose_case: case numbers, of the hold and of the confirming person's purpose.
    """
    if placed_by == confirmed_by:
        raise NotAuthorised(Code.HOLD_CONFIRMED_BY_PLACER)
    if purpose_case is None or not is_same_case(purpose_case, hold_case):
        raise NotAuthorised(Code.HOLD_CASE_NOT_NAMED)


def check_awaits(
    *, wide: bool, confirmed_at: datetime | None, released_at: datetime | None
) -> None:
    """Raise Conflict unless a hold awaits a confirmation."""
    check_in_force(released_at)
    if confirmed_at is not None:
        raise Conflict(Code.HOLD_CONFIRMED)
    if not wide:
        raise Conflict(Code.HOLD_NEEDS_NO_CONFIRMATION)


def check_in_force(released_at: datetime | None) -> None:
    """Raise Conflict if a hold was released before."""
    if released_at is not None:
        raise Conflict(Code.HOLD_RELEASED)


def check_released_by(placed_by: str, person_id: str) -> None:
    """Raise NotAuthorised if the person who placed a hold would also release it; both are account ids."""
    if placed_by == person_id:
        raise NotAuthorised(Code.HOLD_RELEASED_BY_PLACER)


def check_review_date(review_by: datetime, now: datetime, longest: timedelta) -> None:
    """Raise InvalidInput unless the next review of a hold is ahead, and within the policy's time."""
    if not now < review_by <= now + longest:
        raise InvalidInput(Code.HOLD_REVIEW_DATE, field="review_by", days=longest.days)


def check_takeover(owner: str, person_id: str) -> None:
    """Raise Conflict if the owner of a hold would take it over; both are account ids."""
    if owner == person_id:
        raise Conflict(Code.HOLD_OWNED)


def check_exports_booked(unbooked: Sequence[UUID]) -> None:
    """Raise Conflict if a hold with unbooked exports would be released.

    The release deletes the packages: the person who exported one would have an unbooked copy left.
    """
    if unbooked:
        raise Conflict(Code.HOLD_HAS_UNBOOKED_EXPORTS, export_ids=list(unbooked))


def _plain(case_number: str) -> str:
    return "".join(case_number.split()).casefold()


def _windows_meet(hold: Criteria, asked: Criteria) -> bool:
    begins = max(filter(None, [hold.captured_from, asked.captured_from]), default=EARLIEST)
    ends = min(filter(None, [hold.captured_to, asked.captured_to]), default=LATEST)
    return begins < ends


def _devices_meet(hold: Criteria, asked: Criteria) -> bool:
    if not hold.device_ids or not asked.device_ids:
        return True
    return not set(hold.device_ids).isdisjoint(asked.device_ids)


def _plates_meet(hold: Criteria, asked: Criteria) -> bool:
    one, other = hold.pattern, asked.pattern
    if one is None or other is None:
        return True
    if one.lookalike or other.lookalike:
        return have_a_plate_in_common(skeleton(one.text), skeleton(other.text))
    return have_a_plate_in_common(one.text, other.text)
