"""Stored hits: the match, its verification by a person, and its dispositions."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Literal
from uuid import UUID

import msgspec

from services.hotlist.domain.rating import Outcome
from shared.core.matching import Difference
from shared.events import Actor, Box, DisplayedCaution, DisplayedEntry, Place, Source, Tier

Status = Literal["unverified", "verified"]


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """A match of a read with an entry. The fields about the vehicle are None once its read is destroyed."""

    hit_id: UUID
    seq: int
    """Rises in the order in which hits were raised."""

    status: Status
    outcome: Outcome | None
    """The verification's outcome; None while the hit is unverified."""

    tier: Tier
    record_kind: str
    agency_ori: str
    list_id: UUID
    list_name: str
    list_version: int
    list_age_s: int
    list_stale: bool
    source: Source
    entry_id: UUID | None
    entry: DisplayedEntry | None
    plate_listed: str | None
    region_listed: str | None
    plate_read: str | None
    plate_as_read: str | None
    region_read: str | None
    confidence: float
    differences: list[Difference]
    warnings: list[DisplayedCaution]
    read_id: UUID | None
    capture_id: UUID | None
    device_id: UUID | None
    device_name: str | None
    place: Place | None
    captured_at: datetime | None
    received_at: datetime | None
    raised_at: datetime
    late: bool
    first_at: datetime | None
    last_at: datetime | None
    sightings: int
    """How many reads of the pass matched."""

    box: Box | None
    """Where the plate is in the whole picture."""

    crop_key: str | None
    image_key: str | None
    purged_at: datetime | None
    outvoted_by: int | None
    """The number of frames of the vehicle that together read another plate; None if they do not."""

    is_listed: bool
    """Whether its entry is in force when a person sees the hit; True of one whose read is destroyed."""

    caution_in_force: str | None
    """The caution that its entry has in the list when a person sees the hit."""

    doubt: Outcome | None
    """What a person last found wrong with another hit of the same entry and the same plate as read."""

    doubted_at: datetime | None

    @property
    def captured_on(self) -> date | None:
        """The day of the capture, in UTC."""
        return None if self.captured_at is None else self.captured_at.astimezone(UTC).date()


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """A read of the pass that a hit represents."""

    read_id: UUID
    captured_at: datetime
    confidence: float
    plate_read: str
    tier: Tier


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """The result of checking a hit with the entering agency."""

    method: str
    reference: str
    outcome: Outcome
    note: str | None
    at: datetime
    by: Actor


class Disposition(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a hit."""

    disposition: str
    enforcement: bool
    unverified_reason: str | None
    at: datetime
    by: Actor


class UnverifiedTier(msgspec.Struct, frozen=True, kw_only=True):
    """The count and age of a tier's unverified hits."""

    tier: Tier
    count: int
    oldest_at: datetime
    """When the first of them was raised."""


class HitGroup(msgspec.Struct, frozen=True, kw_only=True):
    """The number of a list's hits with the same tier, status and outcome."""

    tier: Tier
    status: Status
    outcome: Outcome | None
    hits: int
    enforcement: int
    """How many of them led to enforcement."""


class ListYield(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of a list's hits and their outcomes."""

    hits: int
    unverified: int
    enforcement: int
    outcomes: dict[str, int]
    by_tier: dict[str, int]

    @classmethod
    def of(cls, groups: Sequence[HitGroup]) -> "ListYield":
        """Return the sums of groups."""
        outcomes, tiers = Counter[str](), Counter[str]()
        for group in groups:
            tiers[group.tier] += group.hits
            if group.outcome is not None:
                outcomes[group.outcome] += group.hits
        return cls(
            hits=sum(group.hits for group in groups),
            unverified=sum(group.hits for group in groups if group.status == "unverified"),
            enforcement=sum(group.enforcement for group in groups),
            outcomes=dict(outcomes),
            by_tier=dict(tiers),
        )

    @property
    def verified(self) -> int:
        """How many of the hits a person has verified."""
        return self.hits - self.unverified

    @property
    def correct_share(self) -> float | None:
        """Correct reads among verified hits; None while none is verified."""
        return self.outcomes.get("correct_read", 0) / self.verified if self.verified else None
