"""Passes: the vote over the reads of one vehicle in successive frames of one camera."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Self
from uuid import UUID

import msgspec

from shared.core.ids import derive_id
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
    MOST: ClassVar[int] = 50
    """As many as a relay may hold in memory, 500 events at a time."""

    device_id: UUID
    device_name: str
    agency_ori: Ori  # owner of the camera
    passes: list[RecordedPass]

    @property
    def key(self) -> str:
        """The device."""
        return str(self.device_id)

    @property
    def records(self) -> list[RecordedPass]:
        """The passes."""
        return self.passes

    def with_records(self, records: Sequence[RecordedPass]) -> Self:
        """Return the event with these of its own passes alone; equal passes give an equal id."""
        return msgspec.structs.replace(self, event_id=id_of(records), passes=list(records))


def id_of(passes: Sequence[RecordedPass]) -> UUID:
    """Return the id of an event of these passes."""
    return derive_id("passes", passes[0].pass_id, passes[-1].pass_id, len(passes))
