"""Hits, and what people found and did, as the API takes and gives them."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.hotlist.api.fields import line
from services.hotlist.domain.rating import Outcome
from shared.events import Source, Tier
from shared.http.models import Page, Person, Reason, RequestBody

UNVERIFIED_NOTICE = (
    "Unverified. A machine match alone: verify through CLETS with the entering agency before"
    " enforcement action (policy 468.4(f))."
)


class DifferenceOut(BaseModel):
    """A position, from 0, where what was read differs from what is listed."""

    model_config = ConfigDict(from_attributes=True)

    position: int
    read: str
    listed: str


class CautionOut(BaseModel):
    """Something to know before acting on a hit."""

    model_config = ConfigDict(from_attributes=True)

    code: str
    text: str


class ListedOut(BaseModel):
    """What the list says of the vehicle, and who entered it."""

    model_config = ConfigDict(from_attributes=True)

    plate_listed_as: str
    reason: str | None
    entering_ori: str
    entering_reference: str | None
    make: str | None
    model: str | None
    colour: str | None
    valid_from: datetime | None
    expires_at: datetime | None


class VerificationIn(RequestBody):
    """What checking a hit with the entering agency gave."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"method": "CLETS", "reference": "T26-88123", "outcome": "correct_read"}]
        }
    )

    method: Literal["CLETS"]
    reference: Annotated[str, line(100)]
    outcome: Outcome
    note: Annotated[str, line(1000)] | None = None


class VerificationOut(BaseModel):
    """A verification as recorded."""

    model_config = ConfigDict(from_attributes=True)

    method: str
    reference: str
    outcome: Outcome
    note: str | None
    at: datetime
    by: Person


class DispositionIn(RequestBody):
    """What came of a hit. Enforcement on a hit not verified as correct needs a stated reason."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"disposition": "vehicle recovered", "enforcement": True}]}
    )

    disposition: Annotated[str, line(200)]
    enforcement: bool
    unverified_reason: Reason | None = None


class DispositionOut(BaseModel):
    """A disposition as recorded."""

    model_config = ConfigDict(from_attributes=True)

    disposition: str
    enforcement: bool
    unverified_reason: str | None
    at: datetime
    by: Person


class SightingOut(BaseModel):
    """A read of the pass that a hit stands for."""

    model_config = ConfigDict(from_attributes=True)

    read_id: UUID
    captured_at: datetime
    confidence: float
    plate_read: str
    tier: Tier


class HitOut(BaseModel):
    """A hit, as in `GET /v1/hits` and on the alert stream."""

    hit_id: UUID
    seq: int
    """Rises in the order in which hits were raised; the `id` on the alert stream."""

    status: Literal["unverified", "verified"]
    notice: str | None
    """Said wherever an unverified hit is shown (468.4(f))."""

    outcome: Outcome | None
    tier: Tier
    record_kind: str
    agency_ori: str
    list_id: UUID
    list_name: str
    list_version: int
    list_age_s: int
    """How old the listing was when the hit was raised."""

    list_stale: bool
    source: Source
    entry_id: UUID | None
    entry: ListedOut | None
    plate_listed: str | None
    region_listed: str | None
    plate_read: str | None
    plate_as_read: str | None
    region_read: str | None
    confidence: float
    differences: list[DifferenceOut]
    warnings: list[CautionOut]
    read_id: UUID | None
    """Null, as all else that tells of the vehicle, once the read is destroyed."""

    capture_id: UUID | None
    device_id: UUID | None
    device_name: str | None
    place: dict[str, float] | None
    captured_at: datetime | None
    received_at: datetime | None
    raised_at: datetime
    age_s: int | None
    """How long ago the vehicle was there, as this is sent."""

    late: bool
    """The capture was old when the hit was raised, e.g. uploaded after an outage: no alert went out."""

    first_at: datetime | None
    last_at: datetime | None
    sightings: int
    crop_url: str | None
    """Below this service's address, as is the next; null where there is no such picture. Good for who is shown
    the hit, for ten minutes: the picture is part of the access that this answer, or stream, is."""

    image_url: str | None
    """Fetching it is an access of its own."""
    purged_at: datetime | None
    """When the read's data were destroyed under the retention schedule."""


class HitWhole(HitOut):
    """A hit with all that happened to it."""

    verification: VerificationOut | None
    dispositions: list[DispositionOut]
    sightings_seen: list[SightingOut]


class HitsOut(Page[HitOut]):
    """One page of hits, and from when on they are shown."""

    captured_since: datetime | None = None
    """Where no purpose was declared: hits captured before this are shown for a purpose alone."""


class WaitingTier(BaseModel):
    """Hits of one tier that nobody has verified."""

    model_config = ConfigDict(from_attributes=True)

    tier: Tier
    count: int
    oldest_at: datetime
    """When the first of them was raised."""


class WaitingHits(BaseModel):
    """What waits for a verification: counts and ages, no hit."""

    count: int
    oldest_at: datetime | None
    tiers: list[WaitingTier]
