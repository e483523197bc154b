"""Hot lists and the hits that they raise."""

from datetime import date, datetime
from typing import ClassVar, Literal
from uuid import UUID

import msgspec

from shared.core.matching import Difference
from shared.core.types import Confidence, Ori, PlateText, Source, Tier
from shared.events.base import Actor, AdministrativeEvent, Event, Sealing


class DisplayedCaution(msgspec.Struct, frozen=True):
    """A caution shown with a hit."""

    code: str
    text: str


class DisplayedEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The fields of the list entry that a hit shows beside plate and state, as they were when the hit was raised."""

    plate_listed_as: str
    entering_ori: str
    reason: str | None = None
    entering_reference: str | None = None
    make: str | None = None
    model: str | None = None
    colour: str | None = None
    year: int | None = None  # of the vehicle
    caution: str | None = (
        None  # what officers should be careful of, in the words of the entering agency
    )
    valid_from: datetime | None = None
    expires_at: datetime | None = None
    listed_by: Actor | None = None  # the person who entered it singly; none for one of a file


class HotListActivated(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A version of a hot list came into force (also by rolling back to it)."""

    TOPIC: ClassVar[str] = "alpr.hotlist.activated"
    KEYED_BY: ClassVar[str] = "list_id"

    list_id: UUID
    list_name: str
    version: int
    entries: int
    source: Source
    change: Literal["activated", "rolled_back", "withdrawn"] = "activated"
    reason: str | None = None  # as the person stated it


class HotListChanged(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A list or a draft version was created, or an entry added or removed."""

    TOPIC: ClassVar[str] = "alpr.hotlist.changed"
    KEYED_BY: ClassVar[str] = "list_id"

    list_id: UUID
    change: str  # created, uploaded, entry_added, entry_removed, switched_off, ...
    details: dict[str, str] = {}


class HitRaised(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A read matched a hot list entry. Unverified until a person has verified it through CLETS."""

    TOPIC: ClassVar[str] = "alpr.hit.raised"
    KEYED_BY: ClassVar[str] = "hit_id"
    SEALED: ClassVar[Sealing | None] = Sealing(
        group="sighting",
        open=frozenset(
            ["hit_id", "list_id", "list_name", "list_version", "source", "record_kind", "tier"]
        ),
        day="captured_at",
        read="read_id",
    )

    hit_id: UUID
    read_id: UUID
    device_id: UUID
    agency_ori: Ori
    captured_at: datetime
    plate_read: PlateText
    plate_listed: PlateText
    confidence: Confidence
    list_id: UUID
    list_name: str
    list_version: int
    entry_id: UUID
    source: Source
    record_kind: str
    tier: Tier
    list_age_s: int
    differences: list[Difference] = []
    capture_id: UUID | None = None
    crop_key: str | None = None
    # Further fields that people see; None in events older than these fields.
    entry: DisplayedEntry | None = None
    region_listed: str | None = None
    plate_as_read: str | None = None
    region_read: str | None = None
    list_stale: bool | None = None
    late: bool | None = None  # the capture was old: shown in a list, never sent as an alert
    cautions: list[DisplayedCaution] | None = None


class HitVerified(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A person checked a hit with the entering agency."""

    TOPIC: ClassVar[str] = "alpr.hit.verified"
    KEYED_BY: ClassVar[str] = "hit_id"
    SEALED: ClassVar[Sealing | None] = Sealing(
        group="sighting",
        open=frozenset(["hit_id", "verified_by", "method", "reference", "outcome", "captured_on"]),
        day="captured_on",
        read="read_id",
    )

    hit_id: UUID
    read_id: UUID
    verified_by: Actor
    method: str  # CLETS
    reference: str
    outcome: str  # correct_read, wrong_state, misread, list_out_of_date, dismissed
    captured_on: date | None = None  # UTC; with it the audit log erases `read_id`
    note: str | None = None  # the person's note


class HitAcknowledged(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A person took an alert, or gave it back. It says nothing about whether the match is right."""

    TOPIC: ClassVar[str] = "alpr.hit.acknowledged"
    KEYED_BY: ClassVar[str] = "hit_id"

    hit_id: UUID
    acknowledged: bool  # False: given back


class AlertsUnchecked(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """An open alert stream continues while the service cannot check whether its viewer's account has ended."""

    TOPIC: ClassVar[str] = "alpr.alerts.unchecked"

    attempt_id: UUID  # of the access that opened the stream
    since: datetime  # when account changes were last known to be complete
    ends_at: datetime  # the stream ends then, unless they are again


class HitDisposed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A person entered the outcome of a hit."""

    TOPIC: ClassVar[str] = "alpr.hit.disposed"
    KEYED_BY: ClassVar[str] = "hit_id"
    SEALED: ClassVar[Sealing | None] = Sealing(
        group="sighting",
        open=frozenset(
            [
                "hit_id",
                "disposed_by",
                "result",
                "disposition",
                "enforcement",
                "unverified_reason",
                "captured_on",
            ]
        ),
        day="captured_on",
        read="read_id",
    )

    hit_id: UUID
    read_id: UUID
    disposed_by: Actor
    disposition: str  # in words; those of the result, unless the person gave others
    enforcement: bool
    result: str | None = None  # one of a closed list; None in events from before there was one
    unverified_reason: str | None = None  # required when enforcement came before verification
    captured_on: date | None = None  # UTC; with it the audit log erases `read_id`
