"""Holds in answers."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from services.retention.domain.holding import is_wide
from services.retention.store.holds import Hold
from shared.core.policy import Narrowness
from shared.http.models import PersonOut


class HoldOut(BaseModel):
    """A hold, its criteria and its state."""

    hold_id: UUID
    basis: str
    case_number: str
    description: str
    criteria: dict[str, Any]
    in_force: bool
    placed_by: PersonOut | None
    placed_at: datetime
    owner: PersonOut | None
    """The person who is responsible for it."""
    review_by: datetime
    """The time by which a person reviews it; nothing releases it by itself."""
    reviewed_by: PersonOut | None = None
    """The person who extended it or took it over last."""
    reviewed_at: datetime | None = None
    review_reason: str | None = None
    released_by: PersonOut | None = None
    released_at: datetime | None = None
    release_reason: str | None = None
    wide: bool
    """Whether it covers more than a search may."""
    awaits_confirmation: bool
    """Whether its records stay hidden until a second person confirms it."""
    confirmed_by: PersonOut | None = None
    confirmed_at: datetime | None = None
    confirmation_reason: str | None = None

    @classmethod
    def of(cls, hold: Hold, rule: Narrowness) -> "HoldOut":
        """Return the view of a hold."""
        wide = is_wide(hold.criteria, rule)
        return cls(
            hold_id=hold.hold_id,
            basis=hold.basis,
            case_number=hold.case_number,
            description=hold.description,
            criteria=hold.criteria.as_json(),
            in_force=hold.released_at is None,
            placed_by=PersonOut.of(hold.placed_by),
            placed_at=hold.placed_at,
            owner=PersonOut.of(hold.owner),
            review_by=hold.review_by,
            reviewed_by=PersonOut.of(hold.reviewed_by),
            reviewed_at=hold.reviewed_at,
            review_reason=hold.review_reason,
            released_by=PersonOut.of(hold.released_by),
            released_at=hold.released_at,
            release_reason=hold.release_reason,
            wide=wide,
            awaits_confirmation=wide and hold.confirmed_at is None and hold.released_at is None,
            confirmed_by=PersonOut.of(hold.confirmed_by),
            confirmed_at=hold.confirmed_at,
            confirmation_reason=hold.confirmation_reason,
        )


class WaitingHoldsOut(BaseModel):
    """Counts and ages of holds and exports, without any detail of one."""

    in_force: int
    oldest_placed_at: datetime | None
    overdue: int
    """Number of holds past their date of review."""
    overdue_since: datetime | None
    unbooked: int
    """Number of exports without a copy booked into evidence."""
    oldest_requested_at: datetime | None
