"""One hit per pass: reads of the same entry by the same camera, close in time, are one event.

A read that is surer than the hit of its pass begins a hit of its own (ADR-0098).
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.hotlist.domain.rating import TIERS
from shared.events import Tier

LONGEST_PASS = timedelta(minutes=30)
"""The longest span of one pass: a vehicle that stays before a camera raises a new hit every half hour."""


@dataclass(slots=True)
class Pass:
    """The span of captures that one hit represents."""

    hit_id: UUID
    first_at: datetime
    last_at: datetime
    tier: Tier
    sightings: int = 1
    late: bool = False
    """Whether its hit is late, so that no alert went out."""

    def away(self, at: datetime) -> timedelta:
        """Return how far `at` lies outside the span; zero within it."""
        return max(self.first_at - at, at - self.last_at, timedelta())

    def includes(self, at: datetime, window: timedelta) -> bool:
        """Return whether a capture at `at` belongs to this pass, before, within or after it."""
        span = max(self.last_at, at) - min(self.first_at, at)
        return self.away(at) <= window and span <= max(LONGEST_PASS, window)

    def warns_of(self, tier: Tier, *, late: bool) -> bool:
        """Return whether this pass's hit has warned people of a match with this tier, or of one that is only `late`."""
        return TIERS.index(self.tier) <= TIERS.index(tier) and (late or not self.late)

    def extend(self, at: datetime) -> None:
        """Add one capture to the span."""
        self.first_at = min(self.first_at, at)
        self.last_at = max(self.last_at, at)
        self.sightings += 1


class Passes:
    """The passes that a batch of reads may belong to, by entry and device."""

    def __init__(self, window_s: int) -> None:
        self._window = timedelta(seconds=window_s)
        self._known: dict[tuple[UUID, UUID], list[Pass]] = defaultdict(list)
        self._extended: dict[UUID, Pass] = {}

    @property
    def extended(self) -> Iterable[Pass]:
        """The passes that reads of this batch joined."""
        return self._extended.values()

    def add(self, entry_id: UUID, device_id: UUID, known: Pass) -> None:
        """Add a pass that later reads may join."""
        self._known[entry_id, device_id].append(known)

    def join(
        self, entry_id: UUID, device_id: UUID, at: datetime, tier: Tier, *, late: bool = False
    ) -> UUID | None:
        """Add a capture to the nearest pass that fits and return its hit, or None if a new pass begins.

        Vehicles upload reads in bulk and out of order (468.5), so a capture may precede the pass. A capture that is
        not `late` joins no late pass: the vehicle is there now, and no alert has gone out. A capture whose match has a
        more urgent `tier` than the pass's hit does not join it: that alert said less than is known now.
        """
        fitting = [
            known
            for known in self._known[entry_id, device_id]
            if known.includes(at, self._window) and known.warns_of(tier, late=late)
        ]
        if not fitting:
            return None
        nearest = min(fitting, key=lambda p: (p.away(at), p.first_at, p.hit_id))
        nearest.extend(at)
        self._extended[nearest.hit_id] = nearest
        return nearest.hit_id
