"""Stored hits: the match, its verification by a person, and its dispositions."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Literal
from uuid import UUID

import msgspec

from services.hotlist.domain.rating import Outcome, Result
from shared.core.matching import Difference
from shared.events import Actor, Box, DisplayedCaution, DisplayedEntry, Place, Source, Tier

Status = Literal["unverified", "verified"]

URGENT: Tier = "high"
"""The tier of hits that a person has to acknowledge in time."""

UNANSWERED = "unanswered"
"""The word of a hit's standing for an urgent hit that no person acknowledged in time."""

UNFINISHED = "unfinished"
"""The word for an urgent hit that a person acknowledged, and of which none recorded in time what came of it."""


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True):
    """A person has taken an alert; it says nothing about whether the match is right."""

    at: datetime
    by: Actor


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """A match of a read with an entry. The fields about the vehicle are None once its read is destroyed."""

    hit_id: UUID
    seq: int
    """Rises in the order in which hits were raised."""

    changed_seq: int | None
    """The number of its last change on the alert streams, in one order with `seq`; None without one."""

    standing: str
    """What changed since the hit was raised, in the words of `store/standings.py`, as the streams last had it."""

    status: Status
    outcome: Outcome | None
    """The verification's outcome; None while the hit is unverified."""

    result: Result | None
    """What came of it, by its latest disposition; None without one."""

    acknowledgements: list[Acknowledgement]
    """Who has taken it, in the order of their words."""

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

    is_corrected: bool
    """Whether a person saw in its picture another plate than the listed one, or that of another issuer."""

    plate_seen: str | None
    """The plate that the person saw, if `is_corrected`; None if the picture shows no legible one."""

    region_seen: str | None
    """Its issuer, if the person named another one than the record's."""

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

    @property
    def is_unanswered(self) -> bool:
        """Whether it is urgent, and no person has acknowledged, verified or disposed of it in time."""
        answered = self.acknowledgements or self.status == "verified" or self.result is not None
        return not answered and UNANSWERED in self.standing.split()

    @property
    def is_unfinished(self) -> bool:
        """Whether it is urgent and acknowledged, and no person has verified or disposed of it in time."""
        worked = self.status == "verified" or self.result is not None
        is_waiting = len(self.acknowledgements) > 0 and not worked
        return is_waiting and UNFINISHED in self.standing.split()

    def is_live(self, fresh_since: datetime) -> bool:
        """Return whether it is an alert that people may still take: not late, and captured since `fresh_since`."""
        return not self.late and self.captured_at is not None and self.captured_at >= fresh_since


class StreamedHit(msgspec.Struct, frozen=True, kw_only=True):
    """A hit as the stream has it: once as an alert, and again after each change of it."""

    position: int
    """Its place in the order of the stream: the `seq` of an alert, the `changed_seq` of a change."""

    is_change: bool
    hit: Hit


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

    result: Result
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
    """The number of hits with the same tier, status, outcome and result."""

    tier: Tier
    status: Status
    outcome: Outcome | None
    result: Result | None
    hits: int
    enforcement: int
    """How many of them led to enforcement."""


class Yield(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of hits, of what verifications found, and of what came of them."""

    hits: int
    unverified: int
    enforcement: int
    outcomes: dict[str, int]
    results: dict[str, int]
    by_tier: dict[str, int]

    @classmethod
    def of(cls, groups: Sequence[HitGroup]) -> "Yield":
        """Return the sums of groups."""
        outcomes, results, tiers = Counter[str](), Counter[str](), Counter[str]()
        for group in groups:
            tiers[group.tier] += group.hits
            if group.outcome is not None:
                outcomes[group.outcome] += group.hits
            if group.result is not None:
                results[group.result] += group.hits
        return cls(
            hits=sum(group.hits for group in groups),
            unverified=sum(group.hits for group in groups if group.status == "unverified"),
            enforcement=sum(group.enforcement for group in groups),
            outcomes=dict(outcomes),
            results=dict(results),
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
