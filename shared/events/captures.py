"""Captures and reads: the hot path. Ids are derived, so a redelivery has no second effect."""

from datetime import date, datetime
from typing import Annotated, ClassVar, Literal
from uuid import UUID

import msgspec

from shared.core.types import Confidence, Latitude, Longitude, Ori, PlateText
from shared.events.base import Event, Sealing


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """The position of a camera; WGS 84 degrees, heading clockwise from north."""

    latitude: Latitude
    longitude: Longitude
    heading_deg: float | None = None


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """An image in the object store, and the digest that proves it unchanged."""

    object_key: str
    sha256: str  # lower-case hex
    media_type: str  # image/jpeg, image/png or image/webp
    size_bytes: int
    width_px: int
    height_px: int


class Box(msgspec.Struct, frozen=True):
    """Upright bounds in pixels of the upright frame; x right, y down."""

    x_px: int
    y_px: int
    width_px: int
    height_px: int


class Character(msgspec.Struct, frozen=True):
    """One character as read, with its probability if the engine gives one."""

    text: str
    confidence: Confidence | None = None


class Alternative(msgspec.Struct, frozen=True):
    """A plate that the engine considered, with its probability."""

    plate: PlateText
    probability: Confidence


class SignedCapture(msgspec.Struct, frozen=True):
    """A capture exactly as ingest signed it (ADR-0020); consumers trust no other data about it."""

    body: str  # a CaptureReceived as canonical JSON, without `signed`
    signature: str  # base64; Ed25519 by the certified key, over shared.events.signed_captures.message(body)
    certificate: str  # of usage `captures`, by a root


class CaptureReceived(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A frame is safe in the object store. Keyed by device, so a camera's frames stay in order."""

    TOPIC: ClassVar[str] = "alpr.capture.received"

    capture_id: UUID
    device_id: UUID
    device_name: str
    agency_ori: Ori
    captured_at: datetime
    received_at: datetime
    time_source: Literal["device", "server"]
    image: Image
    place: Place | None = None
    late: bool | None = (
        None  # arrived later than its device may buffer it; None: from before ingest judged this
    )
    signed: SignedCapture | None = None  # None: published before ingest signed

    @property
    def key(self) -> str:
        """The device."""
        return str(self.device_id)


class ReadRecorded(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A plate was read by the camera itself; published by ingest alone.

    Until ADR-0020 recognition published its reads as this, too (`source` "recognition"); in memory they
    still take this form, made of `ReadRecognised` and the signed capture.
    """

    TOPIC: ClassVar[str] = "alpr.read.recorded"

    read_id: UUID
    device_id: UUID
    device_name: str
    agency_ori: Ori  # owner of the camera, not of the hot list
    captured_at: datetime
    received_at: datetime
    source: Literal["edge", "recognition"]
    plate: PlateText
    plate_as_read: str
    confidence: (
        Confidence  # lowest per-character probability; the engine's whole where it has no other
    )
    model: str  # name@digest, so a disputed read can be re-run
    region: str | None = None  # ISO 3166-2 issuer; None = not determined, never guessed
    capture_id: UUID | None = None
    place: Place | None = None
    characters: list[Character] = []
    box: Box | None = None
    crop_key: str | None = None  # the plate's crop in the object store
    image_key: str | None = None  # the whole frame in the object store
    vehicle_make: str | None = None  # as the engine named it; None = not determined, never guessed
    vehicle_colour: str | None = None
    alternatives: list[Alternative] = []  # the most probable plates, at most 3, `plate` first
    misread_risk: Confidence | None = None  # 1 - probability that all of `plate` is right
    late: bool | None = None  # as of a capture

    @property
    def key(self) -> str:
        """The capture, or the device where there is none."""
        return str(self.capture_id or self.device_id)


class ReadRecognised(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A plate was read from a capture, by recognition.

    Only the signed capture has device, time, place and keys of images: recognition decodes hostile images, and
    consumers trust it for the text read only.
    """

    TOPIC: ClassVar[str] = "alpr.read.recognised"

    capture_id: UUID  # the signed capture's
    capture: SignedCapture
    number: Annotated[int, msgspec.Meta(ge=0, le=255)]  # of the plate within the capture, from 0
    read_id: UUID  # derived from capture and number
    plate: PlateText
    plate_as_read: str
    confidence: Confidence  # lowest per-character probability
    model: str  # name@digest, so a disputed read can be re-run
    region: str | None = None  # None = not determined, never guessed
    characters: list[Character] = []
    box: Box | None = None
    has_crop: bool = False  # its key follows from capture and read
    vehicle_make: str | None = None  # as the engine named it; None = not determined, never guessed
    vehicle_colour: str | None = None
    alternatives: list[Alternative] = []  # the most probable plates, at most 3, `plate` first
    misread_risk: Confidence | None = None  # 1 - probability that all of `plate` is right

    @property
    def key(self) -> str:
        """The capture."""
        return str(self.capture_id)


class ReadContradicted(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A device sent contradictory reads of one moment and source id; all are stored (ADR-0026)."""

    TOPIC: ClassVar[str] = "alpr.read.contradicted"
    SEALED: ClassVar[Sealing | None] = Sealing(
        group="sighting", open=frozenset(["count"]), day="captured_on"
    )
    MAX_NAMED: ClassVar[int] = 50
    """The most reads that one event names."""

    device_id: UUID
    captured_on: date  # UTC
    count: int  # reads that contradict another
    read_ids: list[UUID]  # of them; the first, where there are very many
    plates: list[PlateText]  # the plates of these reads

    @property
    def key(self) -> str:
        """The device."""
        return str(self.device_id)


class CaptureProcessed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Recognition processed a frame. Every acknowledged frame gets exactly one of these."""

    TOPIC: ClassVar[str] = "alpr.capture.processed"

    capture: CaptureReceived  # whole and as signed, so that the custodian needs no other source
    outcome: Literal["plates", "no_plate", "unreadable"]
    model: str
    duration_ms: float
    read_ids: list[UUID] = []
    reason: str | None = None  # why unreadable, e.g. "frame killed its worker"

    @property
    def key(self) -> str:
        """The capture."""
        return str(self.capture.capture_id)
