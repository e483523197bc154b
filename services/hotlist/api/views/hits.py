"""Hits in answers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict

from services.hotlist.domain.hits import Disposition, Hit, Sighting, Verification
from services.hotlist.domain.rating import Outcome, Result
from shared.accounts.picture_links import LINK_TOKEN
from shared.events import DisplayedCaution, Source, Tier
from shared.http.models import BoxOut, Page, PersonOut

UNVERIFIED_NOTICE = (
    "Unverified. A machine match alone: verify through CLETS with the entering agency before"
    " enforcement action (policy 468.4(f))."
)


class DifferenceOut(BaseModel):
    """A position, from 0, where the read differs from the listing."""

    model_config = ConfigDict(from_attributes=True)

    position: int
    read: str
    listed: str


class CautionOut(BaseModel):
    """A warning to read before acting on a hit."""

    model_config = ConfigDict(from_attributes=True)

    code: str
    text: str


class ListedOut(BaseModel):
    """The list's description of the vehicle, and the agency that entered it."""

    model_config = ConfigDict(from_attributes=True)

    plate_listed_as: str
    reason: str | None
    entering_ori: str
    entering_reference: str | None
    make: str | None
    model: str | None
    colour: str | None
    year: int | None
    caution: str | None
    """What the entering agency tells officers to be careful of, in its words: to read before a stop."""

    valid_from: datetime | None
    expires_at: datetime | None
    listed_by: PersonOut | None
    """The person of this department who entered it singly; null for an entry of a file."""


class AcknowledgementOut(BaseModel):
    """A person who has taken an alert."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    by: PersonOut


class VerificationOut(BaseModel):
    """A verification as recorded."""

    model_config = ConfigDict(from_attributes=True)

    method: str
    reference: str
    outcome: Outcome
    note: str | None
    at: datetime
    by: PersonOut


class DispositionOut(BaseModel):
    """A disposition as recorded."""

    model_config = ConfigDict(from_attributes=True)

    result: Result
    disposition: str
    enforcement: bool
    unverified_reason: str | None
    at: datetime
    by: PersonOut


class SightingOut(BaseModel):
    """A read of the pass that a hit represents."""

    model_config = ConfigDict(from_attributes=True)

    read_id: UUID
    captured_at: datetime
    confidence: float
    plate_read: str
    tier: Tier


class TwinOut(BaseModel):
    """Another hit of the same vehicle: a read of this hit matched another entry, too."""

    model_config = ConfigDict(from_attributes=True)

    hit_id: UUID
    list_name: str
    record_kind: str
    tier: Tier
    status: Literal["unverified", "verified"]
    outcome: Outcome | None


class HitOut(BaseModel):
    """A hit, as in `GET /v1/hits` and on the alert stream."""

    hit_id: UUID
    seq: int
    """Rises in the order in which hits were raised; the `id` on the alert stream."""

    changed_seq: int | None
    """The `id` of its last `change` on the alert stream, in one order with `seq`; null without one."""

    status: Literal["unverified", "verified"]
    notice: str | None
    """The notice to show with an unverified hit (468.4(f)); null once verified."""

    outcome: Outcome | None
    result: Result | None
    """What came of it, by its latest disposition."""

    acknowledgements: list[AcknowledgementOut]
    """Who has taken it. It stays unverified: this says nothing about whether the match is right."""

    unanswered: bool
    """It is urgent, and no person acknowledged, verified or disposed of it in time (`HOTLIST_ANSWER_WITHIN_S`)."""

    unfinished: bool
    """It is urgent and acknowledged, and no person verified or disposed of it in time (`HOTLIST_FINISH_WITHIN_S`)."""

    tier: Tier
    record_kind: str
    agency_ori: str
    list_id: UUID
    list_name: str
    list_version: int
    list_age_s: int
    """The age of the listing when the hit was raised."""

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
    """Null, like all fields about the vehicle, once the read is destroyed."""

    capture_id: UUID | None
    device_id: UUID | None
    device_name: str | None
    place: dict[str, float] | None
    captured_at: datetime | None
    received_at: datetime | None
    raised_at: datetime
    age_s: int | None
    """The age of the capture when the service sends this."""

    late: bool
    """The capture was old when the hit was raised, e.g. uploaded after an outage: no alert went out."""

    first_at: datetime | None
    last_at: datetime | None
    sightings: int
    box: BoxOut | None
    """Where the plate is in the whole picture; null if the camera did not say."""

    crop_url: str | None
    """A path below this service's address, like `image_url`; null without such a picture. Valid for this viewer, for
    ten minutes: the picture is part of the access of this answer or stream."""

    image_url: str | None
    """Fetching it is an access of its own."""
    purged_at: datetime | None
    """When the read's data were destroyed under the retention schedule."""


class WholeHitOut(HitOut):
    """A hit with its verification, dispositions and sightings."""

    twins: list[TwinOut]
    """Other hits of its reads, each with a verification of its own: another agency may have entered the plate."""

    verification: VerificationOut | None
    dispositions: list[DispositionOut]
    sightings_seen: list[SightingOut]


class HitsOut(Page[HitOut]):
    """One page of hits, and the capture time from which it shows them."""

    captured_since: datetime | None = None
    """Without a declared purpose: hits captured before this time need one. Null with a purpose."""


class WaitingTierOut(BaseModel):
    """The unverified hits of one tier."""

    model_config = ConfigDict(from_attributes=True)

    tier: Tier
    count: int
    oldest_at: datetime
    """When the first of them was raised."""


class WaitingHitsOut(BaseModel):
    """Counts and ages of unverified hits; shows no hit."""

    count: int
    oldest_at: datetime | None
    tiers: list[WaitingTierOut]
    unanswered: int
    """How many urgent hits of the last hours no person acknowledged, verified or disposed of in time."""

    unanswered_since: datetime | None
    """When the first of these was raised."""

    listed_by_me: int
    """How many of all these are of entries that the caller has entered."""


class OutcomesOut(BaseModel):
    """Counts of hits, of what verifications found, and of what came of them; shows no hit."""

    model_config = ConfigDict(from_attributes=True)

    hits: int
    unverified: int
    verified: int
    outcomes: dict[str, int]
    results: dict[str, int]
    """By the latest disposition of each hit that has one."""

    by_tier: dict[str, int]
    enforcement: int
    correct_share: float | None
    """Correct reads among verified hits; null while none is verified."""


def hit_fields(hit: Hit, now: datetime, link: str | None) -> dict[str, Any]:
    """Return a hit's fields, with links to its pictures in place of their keys in the object store."""
    fields = msgspec.structs.asdict(hit)
    outvoted_by, is_listed = fields.pop("outvoted_by"), fields.pop("is_listed")
    caution, _ = fields.pop("caution_in_force"), fields.pop("standing")
    doubt, doubted_at = fields.pop("doubt"), fields.pop("doubted_at")
    for name in ("is_corrected", "plate_seen", "region_seen"):
        del fields[name]
    crop_key, image_key = fields.pop("crop_key"), fields.pop("image_key")
    base = f"/v1/hits/{hit.hit_id}"
    captured_at = hit.captured_at
    return {
        **fields,
        "warnings": [
            *_recautioned(hit, caution),
            *_corrected(hit),
            *_ended(is_listed),
            *_doubted(doubt, doubted_at),
            *hit.warnings,
            *_outvoted(outvoted_by),
        ],
        "unanswered": hit.is_unanswered,
        "unfinished": hit.is_unfinished,
        "place": msgspec.to_builtins(hit.place),
        "notice": UNVERIFIED_NOTICE if hit.status == "unverified" else None,
        "age_s": captured_at and max(0, int((now - captured_at).total_seconds())),
        "crop_url": f"{base}/crop?{LINK_TOKEN}={link}" if crop_key and link else None,
        "image_url": f"{base}/image" if image_key else None,
    }


def _recautioned(hit: Hit, caution: str | None) -> list[DisplayedCaution]:
    """Return the caution of the entry in force, if it is not the one with which the hit was raised."""
    if hit.entry is None or caution is None or caution == hit.entry.caution:
        return []
    return [DisplayedCaution("caution_since", f"The entering agency now says: {caution}")]


def _corrected(hit: Hit) -> list[DisplayedCaution]:
    """Return the caution for a read in whose picture a person saw another plate than the listed one."""
    if not hit.is_corrected:
        return []
    if hit.plate_seen is None:
        seen = "no legible plate"
    elif hit.plate_seen != hit.plate_listed:
        seen = f"another plate: {hit.plate_seen}"
    else:
        seen = f"the same number of another issuer: {hit.region_seen}"
    return [DisplayedCaution("read_corrected", f"A person compared the picture, and saw {seen}")]


def _ended(is_listed: bool) -> list[DisplayedCaution]:
    """Return the caution for an entry that has left its list since, as that of a recovered vehicle does."""
    if is_listed:
        return []
    detail = "The list has this entry no more: the vehicle may have been recovered"
    return [DisplayedCaution("entry_ended", detail)]


def _doubted(outcome: Outcome | None, at: datetime | None) -> list[DisplayedCaution]:
    """Return the caution for a plate that a person checked before for this entry, and found to be another matter."""
    if outcome is None or at is None:
        return []
    found = outcome.replace("_", " ")
    detail = f"A hit of this plate and entry was checked on {at:%d %B %Y}, and found: {found}"
    return [DisplayedCaution("doubted_before", detail)]


def _outvoted(reads: int | None) -> list[DisplayedCaution]:
    """Return the caution for a read that the other frames of its vehicle contradict, if they do."""
    if reads is None:
        return []
    detail = f"The {reads} frames of this vehicle, taken together, read another plate"
    return [DisplayedCaution("outvoted", detail)]


def hit_out(hit: Hit, now: datetime, link: str | None) -> HitOut:
    """Return a hit as lists of hits and alerts show it, with the viewer's `crop_link`."""
    return HitOut.model_validate(hit_fields(hit, now, link))


def hit_whole(
    hit: Hit,
    now: datetime,
    link: str | None,
    *,
    twins: Sequence[Hit],
    verification: Verification | None,
    dispositions: Sequence[Disposition],
    sightings: Sequence[Sighting],
) -> WholeHitOut:
    """Return a hit with its verification, dispositions and sightings."""
    return WholeHitOut.model_validate(
        {
            **hit_fields(hit, now, link),
            "twins": [TwinOut.model_validate(one) for one in twins],
            "verification": verification and VerificationOut.model_validate(verification),
            "dispositions": [DispositionOut.model_validate(one) for one in dispositions],
            "sightings_seen": [SightingOut.model_validate(one) for one in sightings],
        }
    )
