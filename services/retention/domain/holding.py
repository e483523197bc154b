"""Wide holds: they keep records at once, and their records are shown only after a confirmation (ADR-0028)."""

from datetime import datetime

from services.retention.domain.criteria import Criteria, breadth_of
from services.retention.domain.problem_codes import Code
from shared.core.errors import Conflict, NotAuthorised
from shared.core.narrowness import too_wide
from shared.core.policy import Narrowness


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
    if purpose_case is None or _same(purpose_case) != _same(hold_case):
        raise NotAuthorised(Code.HOLD_CASE_NOT_NAMED)


def check_awaits(
    *, wide: bool, confirmed_at: datetime | None, released_at: datetime | None
) -> None:
    """Raise Conflict unless a hold awaits a confirmation."""
    if released_at is not None:
        raise Conflict(Code.HOLD_RELEASED)
    if confirmed_at is not None:
        raise Conflict(Code.HOLD_CONFIRMED)
    if not wide:
        raise Conflict(Code.HOLD_NEEDS_NO_CONFIRMATION)


def _same(case_number: str) -> str:
    return "".join(case_number.split()).casefold()
