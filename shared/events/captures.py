"""Captures, and what else the events of captures and reads have in common."""

from datetime import date, datetime
from typing import Annotated, ClassVar, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from shared.core.types import Confidence, Latitude, Longitude, Ori, PlateText
from shared.events.base import AdministrativeEvent, Event, Sealing


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


class OtherCharacter(msgspec.Struct, frozen=True, array_like=True):
    """A character that the engine considered in a place of the plate, with its probability."""

    text: str
    probability: Confidence


class Character(msgspec.Struct, frozen=True, omit_defaults=True):
    """One character as read, with its probability if the engine gives one."""

    text: str
    confidence: Confidence | None = None
    alternatives: Annotated[list[OtherCharacter], Meta(max_length=4)] = []


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
    KEYED_BY: ClassVar[str] = "device_id"

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
    read_by: Literal["engine", "camera"] = "engine"  # camera: its reads came along
    signed: SignedCapture | None = None  # None: published before ingest signed


class CaptureBackfilled(CaptureReceived, frozen=True, kw_only=True, omit_defaults=True):
    """A frame that arrived too late to be live is safe. Recognition reads it beside the live ones, never before."""

    TOPIC: ClassVar[str] = "alpr.capture.backfilled"


class ReadContradicted(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A device sent contradictory reads of one moment and source id; all are stored (ADR-0026)."""

    TOPIC: ClassVar[str] = "alpr.read.contradicted"
    KEYED_BY: ClassVar[str] = "device_id"
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


class ReadCorrected(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A person found that a read has another plate or state than its picture shows; the read itself never changes."""

    TOPIC: ClassVar[str] = "alpr.read.corrected"
    KEYED_BY: ClassVar[str] = "read_id"
    SEALED: ClassVar[Sealing | None] = Sealing(
        group="sighting",
        open=frozenset(["actor", "correction_id", "captured_on"]),
        day="captured_on",
        read="read_id",
    )

    correction_id: UUID
    read_id: UUID
    captured_on: date  # UTC
    captured_at: datetime | None = None  # since hits show corrections
    plate_before: PlateText | None  # as recorded, or as the correction before said
    plate: PlateText | None  # None: the picture shows no legible plate
    region: str | None = None  # the issuer that the picture shows; None leaves it as it was
    reason: str


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
