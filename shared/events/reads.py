"""Reads of plates: one event for the reads that ingest or recognition publishes together (ADR-0055).

What the reads of a record have in common stands in it once, and an absent field costs no bytes.
"""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from shared.core.types import Confidence, Direction, Ori, PlateText
from shared.events.base import GroupedEvent
from shared.events.captures import Alternative, Box, Character, Place, SignedCapture


class Read(msgspec.Struct, frozen=True):
    """A read as services match and store it: its own fields and those that it shares with others of its record."""

    read_id: UUID
    device_id: UUID
    device_name: str
    agency_ori: Ori  # owner of the camera, not of the hot list
    captured_at: datetime
    received_at: datetime
    source: Literal["edge", "recognition"]
    plate: PlateText
    plate_as_read: str
    confidence: Confidence
    model: str  # name@digest of the engine, so a disputed read can be re-run
    region: str | None = None  # ISO 3166-2 issuer; None = not determined, never guessed
    capture_id: UUID | None = None
    place: Place | None = None
    characters: list[Character] = []
    box: Box | None = None
    crop_key: str | None = None  # the plate's crop in the object store
    image_key: str | None = None  # the whole frame in the object store
    vehicle_make: str | None = None  # as the engine named it; None = not determined, never guessed
    vehicle_colour: str | None = None
    alternatives: list[Alternative] = []  # the most probable plates, `plate` first
    misread_risk: Confidence | None = None  # 1 - probability that all of `plate` is right
    late: bool | None = (
        None  # arrived later than its device may buffer it; None: from before ingest judged this
    )
    vehicle_model: str | None = None
    direction: Direction | None = None
    speed_kmh: float | None = None
    lane: int | None = None  # as the camera counts


class Reading(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an engine read, and what else it saw of the vehicle; a field that it does not give is absent."""

    read_id: UUID
    plate: PlateText
    confidence: Confidence
    """As the engine gave it: the lowest of its characters, or the whole where it has no other."""

    plate_as_read: str | None = None  # None: as `plate`
    region: str | None = None  # ISO 3166-2 issuer
    calibrated_confidence: Confidence | None = None  # the probability that `plate` is right
    calibration_id: str | None = None  # what calibrated it
    characters: list[Character] = []
    alternatives: list[Alternative] = []  # the most probable plates, `plate` first
    misread_risk: Confidence | None = None  # 1 - probability that all of `plate` is right
    box: Box | None = None
    vehicle_make: str | None = None
    vehicle_model: str | None = None
    vehicle_colour: str | None = None


class RecordedRead(Reading, frozen=True, kw_only=True, omit_defaults=True):
    """One read that a camera made."""

    captured_at: datetime
    device_time: str | None = (
        None  # the time as the device sent it; None: as `captured_at` is written
    )
    engine: str = "edge"  # name@digest
    place: Place | None = None  # None: the record's
    direction: Direction | None = None  # as the camera sees it
    speed_kmh: Annotated[float, Meta(ge=0)] | None = None
    lane: Annotated[int, Meta(ge=0)] | None = None  # as the camera counts
    maker_id: str | None = None  # the camera's own id of the read
    maker_sequence: int | None = None  # the camera's own count of its reads
    capture_id: UUID | None = None
    crop_key: str | None = None
    crop_sha256: str | None = None  # lower-case hex
    image_key: str | None = None
    image_sha256: str | None = None
    late: bool | None = False  # as of `Read`


class RecognisedRead(Reading, frozen=True, kw_only=True, omit_defaults=True):
    """One plate that recognition read in a capture."""

    number: Annotated[int, Meta(ge=0, le=255)]  # of the plate within the capture, from 0
    has_crop: bool = False  # its key follows from capture and read


class EventOfReads(GroupedEvent, frozen=True, kw_only=True, omit_defaults=True):
    """An event about reads."""

    RECORDS: ClassVar[str] = "reads"
    RECORD_ID: ClassVar[str] = "read_id"

    reads: list[Any]


class ReadsRecorded(EventOfReads, frozen=True, kw_only=True, omit_defaults=True):
    """Cameras made these reads; published by ingest alone. Keyed by device, so its reads stay in order."""

    TOPIC: ClassVar[str] = "alpr.read.recorded"
    VERSION: ClassVar[int] = 2
    KEYED_BY: ClassVar[str] = "device_id"

    device_id: UUID
    device_name: str
    agency_ori: Ori  # owner of the camera, not of the hot list
    received_at: datetime
    transport: str = "http"  # how the reads came to ingest
    source: Literal["edge", "recognition"] = "edge"  # recognition: published before ADR-0020
    place: Place | None = None  # of the reads that have none of their own
    signature: str | None = None  # the device's, over the reads as it sent them
    reads: list[RecordedRead]

    def each(self) -> list[Read]:
        """Return the reads, each with what they have in common."""
        device_id, device_name, agency_ori = self.device_id, self.device_name, self.agency_ori
        received_at, source, place = self.received_at, self.source, self.place
        # By position: by name each read takes 1.4 us longer, in every consumer.
        return [
            Read(
                read.read_id,
                device_id,
                device_name,
                agency_ori,
                read.captured_at,
                received_at,
                source,
                read.plate,
                read.plate if read.plate_as_read is None else read.plate_as_read,
                read.confidence,
                read.engine,
                read.region,
                read.capture_id,
                read.place or place,
                read.characters,
                read.box,
                read.crop_key,
                read.image_key,
                read.vehicle_make,
                read.vehicle_colour,
                read.alternatives,
                read.misread_risk,
                read.late,
                read.vehicle_model,
                read.direction,
                read.speed_kmh,
                read.lane,
            )
            for read in self.reads
        ]


class ReadsBackfilled(ReadsRecorded, frozen=True, kw_only=True, omit_defaults=True):
    """Reads that arrived too late to be live. Consumers handle them beside the live ones, never before."""

    TOPIC: ClassVar[str] = "alpr.read.backfilled"
    VERSION: ClassVar[int] = 1


class ReadsRecognised(EventOfReads, frozen=True, kw_only=True, omit_defaults=True):
    """Recognition read these plates in one capture. Keyed by device, so its reads stay in order.

    Only the signed capture has device, time, place and keys of images: recognition decodes hostile images, and
    consumers trust it for the texts read only.
    """

    TOPIC: ClassVar[str] = "alpr.read.recognised"
    VERSION: ClassVar[int] = 2

    capture: SignedCapture
    capture_id: UUID  # the signed capture's
    device_id: UUID | None = None  # the signed capture's; None: of version 1
    engine: str  # name@digest, so a disputed read can be re-run
    reads: list[RecognisedRead]

    @property
    def key(self) -> str:
        """The device."""
        return str(self.device_id or self.capture_id)


class BackfillRecognised(ReadsRecognised, frozen=True, kw_only=True, omit_defaults=True):
    """Recognition read these plates in a capture of `CaptureBackfilled`."""

    TOPIC: ClassVar[str] = "alpr.backfill.recognised"
    VERSION: ClassVar[int] = 1
