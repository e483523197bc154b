"""Former versions of events. No service publishes them; the log and Kafka may still hold some (ADR-0030)."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from msgspec import Meta

from shared.core.types import Confidence, Ori, PlateText
from shared.events.base import AdministrativeEvent, Event
from shared.events.captures import Alternative, Box, Character, Place, SignedCapture
from shared.events.passes import Dissent, PassesRecorded, PassReading, RecordedPass
from shared.events.reads import ReadsRecognised, ReadsRecorded, RecognisedRead, RecordedRead
from shared.events.releases import ReleaseCriteria


class RefusalsCountedV1(Event, frozen=True, kw_only=True, omit_defaults=True):
    """`RefusalsCounted` when its `route` was called `door`."""

    TOPIC: ClassVar[str] = "alpr.refusals.counted"
    VERSION: ClassVar[int] = 1

    service: str
    client_address: str
    door: str
    count: int
    since: datetime
    until: datetime
    allowed: bool


class ReleaseRequestedV1(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """`ReleaseRequested` when it had only the requester's name, as `requester`."""

    TOPIC: ClassVar[str] = "alpr.release.requested"
    VERSION: ClassVar[int] = 1
    KEYED_BY: ClassVar[str] = "request_id"

    request_id: UUID
    agency_ori: Ori
    agency_name: str
    requester: str
    purpose: str
    purpose_kind: str | None = None
    case_number: str | None = None
    offence_type: str | None = None
    criteria: ReleaseCriteria | None = None


class ReadRecordedV1(Event, frozen=True, kw_only=True, omit_defaults=True):
    """`ReadsRecorded` when each read was an event of its own (ADR-0055).

    Until ADR-0020 recognition published its reads as this, too (`source` "recognition").
    """

    TOPIC: ClassVar[str] = "alpr.read.recorded"
    VERSION: ClassVar[int] = 1

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

    def present(self) -> ReadsRecorded:
        """Return a record of this read alone."""
        read = RecordedRead(
            read_id=self.read_id,
            captured_at=self.captured_at,
            plate=self.plate,
            plate_as_read=self.plate_as_read,
            confidence=self.confidence,
            engine=self.model,
            region=self.region,
            capture_id=self.capture_id,
            characters=self.characters,
            box=self.box,
            crop_key=self.crop_key,
            image_key=self.image_key,
            vehicle_make=self.vehicle_make,
            vehicle_colour=self.vehicle_colour,
            alternatives=self.alternatives,
            misread_risk=self.misread_risk,
            late=self.late,
        )
        return ReadsRecorded(
            event_id=self.event_id,
            occurred_at=self.occurred_at,
            device_id=self.device_id,
            device_name=self.device_name,
            agency_ori=self.agency_ori,
            received_at=self.received_at,
            source=self.source,
            place=self.place,
            reads=[read],
        )


class ReadRecognisedV1(Event, frozen=True, kw_only=True, omit_defaults=True):
    """`ReadsRecognised` when each read was an event of its own (ADR-0055)."""

    TOPIC: ClassVar[str] = "alpr.read.recognised"
    VERSION: ClassVar[int] = 1
    KEYED_BY: ClassVar[str] = "capture_id"

    capture_id: UUID  # the signed capture's
    capture: SignedCapture
    number: Annotated[int, Meta(ge=0, le=255)]  # of the plate within the capture, from 0
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

    def present(self) -> ReadsRecognised:
        """Return a record of this read alone."""
        read = RecognisedRead(
            read_id=self.read_id,
            number=self.number,
            plate=self.plate,
            plate_as_read=self.plate_as_read,
            confidence=self.confidence,
            region=self.region,
            characters=self.characters,
            box=self.box,
            has_crop=self.has_crop,
            vehicle_make=self.vehicle_make,
            vehicle_colour=self.vehicle_colour,
            alternatives=self.alternatives,
            misread_risk=self.misread_risk,
        )
        return ReadsRecognised(
            event_id=self.event_id,
            occurred_at=self.occurred_at,
            capture=self.capture,
            capture_id=self.capture_id,
            engine=self.model,
            reads=[read],
        )


class PassRecordedV1(Event, frozen=True, kw_only=True, omit_defaults=True):
    """`PassesRecorded` when each pass was an event of its own (ADR-0097)."""

    TOPIC: ClassVar[str] = "alpr.pass.recorded"
    VERSION: ClassVar[int] = 1
    KEYED_BY: ClassVar[str] = "device_id"

    pass_id: UUID
    device_id: UUID
    device_name: str
    agency_ori: Ori
    first_seen_at: datetime
    last_seen_at: datetime
    plate: PlateText
    confidence: Confidence
    characters: list[Character]
    read_ids: list[UUID]
    outvoted_read_ids: list[UUID] = []
    best_read_id: UUID
    crop_key: str | None = None
    region: str | None = None
    misread_risk: Confidence | None = None
    alternatives: list[PassReading] = []
    dissent: list[Dissent] = []
    place: Place | None = None

    def present(self) -> PassesRecorded:
        """Return an event of this pass alone."""
        own = {name: getattr(self, name) for name in RecordedPass.__struct_fields__}
        return PassesRecorded(
            event_id=self.event_id,
            occurred_at=self.occurred_at,
            device_id=self.device_id,
            device_name=self.device_name,
            agency_ori=self.agency_ori,
            passes=[RecordedPass(**own)],
        )


PAST: tuple[type[Event], ...] = (
    RefusalsCountedV1,
    ReleaseRequestedV1,
    ReadRecordedV1,
    ReadRecognisedV1,
    PassRecordedV1,
)
