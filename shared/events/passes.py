"""Passes: the vote over the reads of one vehicle in successive frames of one camera."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

import msgspec

from shared.core.types import Confidence, Ori, PlateText
from shared.events.base import GroupedEvent
from shared.events.captures import Character, Place


class PassReading(msgspec.Struct, frozen=True):
    """Another plate that frames of a pass read."""

    plate: PlateText
    reads: int
    share: Confidence  # of all votes


class Dissent(msgspec.Struct, frozen=True):
    """A character of a pass's plate for which some frames read another character."""

    place: int  # counted from 0
    others: dict[str, Confidence]  # character, empty for none: share of all votes


class RecordedPass(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A vehicle that passed a camera, and the vote of its reads, of which there are two or more.

    `plate` is the plate of at least one read. The reads themselves stay unchanged.
    """

    pass_id: UUID
    first_seen_at: datetime
    last_seen_at: datetime
    plate: PlateText
    confidence: Confidence  # lowest agreement on a character
    characters: list[Character]  # of the plate, each with the agreement on it
    read_ids: list[UUID]  # by time of capture
    outvoted_read_ids: list[UUID] = []  # of these, the ones that read another plate
    best_read_id: UUID  # the surest read of the plate
    crop_key: str | None = None  # of the best read
    region: str | None = None  # ISO 3166-2 issuer, by vote; None = not determined, never guessed
    misread_risk: Confidence | None = None  # of the best read, raised by the votes against it
    alternatives: list[PassReading] = []
    dissent: list[Dissent] = []
    place: Place | None = None


class PassesRecorded(GroupedEvent, frozen=True, kw_only=True, omit_defaults=True):
    """Passes of one camera were voted on together (ADR-0097). Each is published once, when it has ended."""

    TOPIC: ClassVar[str] = "alpr.pass.recorded"
    VERSION: ClassVar[int] = 2
    KEYED_BY: ClassVar[str] = "device_id"
    RECORDS: ClassVar[str] = "passes"
    RECORD_ID: ClassVar[str] = "pass_id"
    MOST: ClassVar[int] = 50
    """As many as a relay may hold in memory, 500 events at a time."""

    device_id: UUID
    device_name: str
    agency_ori: Ori  # owner of the camera
    passes: list[RecordedPass]
