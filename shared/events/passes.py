"""Passes: the vote over the reads of one vehicle in successive frames of one camera."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

import msgspec

from shared.core.types import Confidence, Ori, PlateText
from shared.events.base import Event
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


class PassRecorded(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A vehicle passed a camera, and its reads, two or more, were voted on. Published once, when the pass closes.

    `plate` is the plate of at least one read. The reads themselves stay unchanged.
    """

    TOPIC: ClassVar[str] = "alpr.pass.recorded"

    pass_id: UUID
    device_id: UUID
    device_name: str
    agency_ori: Ori
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

    @property
    def key(self) -> str:
        """The device."""
        return str(self.device_id)
