"""Posts of one device that came too late to be live, since its last live one: a sign that its clock is wrong."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Arrivals:
    """When live and late posts of one device arrived; a live one ends the stretch of late ones before it."""

    live_at: datetime | None = None
    """When the newest live one arrived."""

    late_since: datetime | None = None
    """When the first late one since then arrived."""

    late_until: datetime | None = None
    """When the last late one arrived."""

    late_posts: int = 0
    """Number of late ones in between."""

    def then(self, later: "Arrivals") -> "Arrivals":
        """Return these with later ones of the same device."""
        if later.live_at is not None:
            return later
        return Arrivals(
            live_at=self.live_at,
            late_since=self.late_since or later.late_since,
            late_until=later.late_until or self.late_until,
            late_posts=self.late_posts + later.late_posts,
        )


NO_ARRIVALS = Arrivals()


class NotesArrivals(Protocol):
    """Keeps what is said of arrivals."""

    def note_arrival(self, device_id: UUID, now: datetime, *, live: bool) -> None:
        """Record that a post of a device was accepted, and whether any of it was live."""


def a_live_one(now: datetime) -> Arrivals:
    """Return the arrival of a live post."""
    return Arrivals(live_at=now)


def a_late_one(now: datetime) -> Arrivals:
    """Return the arrival of a late post."""
    return Arrivals(late_since=now, late_until=now, late_posts=1)
