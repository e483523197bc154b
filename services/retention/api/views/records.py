"""Reads and captures in answers."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict

from services.retention.domain.corrections import Correction
from services.retention.domain.details import Vehicle, characters_of
from services.retention.store.records import Capture, HitFlag, Read
from shared.access.grant import Grant
from shared.accounts.picture_links import LINK_TOKEN, PictureLinks
from shared.core.permissions import Permission
from shared.core.types import Direction
from shared.http.models import BoxOut, PersonOut


class PlaceOut(BaseModel):
    """The place of the camera: WGS 84 degrees, the heading clockwise from north."""

    latitude: float
    longitude: float
    heading_deg: float | None = None


class ConsideredOut(BaseModel):
    """A character that the reader considers possible in a place of the plate, with its probability from 0 to 1."""

    text: str
    probability: float


class CharacterOut(BaseModel):
    """One character of a read, with its probability from 0 to 1."""

    text: str
    confidence: float | None = None
    alternatives: list[ConsideredOut] = []
    """The most probable characters in its place, four at the most; empty if the reader considers no other. The
    department's own engine puts the character itself first."""


class AlternativeOut(BaseModel):
    """Another plate that the reader considers possible in the same frame."""

    plate: str
    probability: float


class VehicleOut(BaseModel):
    """The vehicle as the camera or the engine described it; null where it did not."""

    make: str | None = None
    model: str | None = None
    colour: str | None = None
    direction: Direction | None = None
    """As the camera sees the vehicle."""
    speed_kmh: float | None = None
    lane: int | None = None
    """As the camera counts its lanes."""

    @classmethod
    def of(cls, vehicle: Vehicle) -> "VehicleOut":
        """Return the view of a vehicle."""
        return cls(**msgspec.structs.asdict(vehicle))


class HitOut(BaseModel):
    """A machine match of this read with a hot list. It is unverified while `verification` is null."""

    hit_id: UUID
    record_kind: str
    tier: str
    source: str
    verification: str | None = None
    disposition: str | None = None


class CorrectionOut(BaseModel):
    """A person's statement that a read was recorded wrong. It never changes; a further one takes its place."""

    correction_id: UUID
    plate: str | None
    """The plate that the picture shows; null if it shows no legible one."""
    region: str | None = None
    """The issuer that the picture shows, ISO 3166-2; null if it is that of the record."""
    reason: str
    corrected_by: PersonOut
    corrected_at: datetime

    @classmethod
    def of(cls, correction: Correction) -> "CorrectionOut":
        """Return the view of a correction."""
        return cls(
            correction_id=correction.correction_id,
            plate=correction.seen.plate,
            region=correction.seen.region,
            reason=correction.reason,
            corrected_by=PersonOut.model_validate(correction.corrected_by),
            corrected_at=correction.corrected_at,
        )


class ReadOut(BaseModel):
    """One read of a plate, as it was recorded; it never changes."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "read_id": "0190a6a1-1111-8000-8000-000000000001",
                    "capture_id": "0190a6a1-2222-8000-8000-000000000002",
                    "plate": "7ABC123",
                    "plate_as_read": "7ABC123",
                    "region": "US-CA",
                    "confidence": 0.97,
                    "characters": [
                        {
                            "text": "7",
                            "confidence": 0.99,
                            "alternatives": [
                                {"text": "7", "probability": 0.99},
                                {"text": "1", "probability": 0.01},
                            ],
                        }
                    ],
                    "captured_at": "2026-06-01T12:00:00Z",
                    "received_at": "2026-06-01T12:00:01Z",
                    "late": False,
                    "device_id": "0190a6a1-3333-8000-8000-000000000003",
                    "device_name": "Solano St at Third",
                    "place": {"latitude": 39.9277, "longitude": -122.1792},
                    "source": "recognition",
                    "model": "plates@1f2e3d",
                    "has_crop": True,
                    "has_image": True,
                    "hits": [],
                }
            ]
        }
    )

    read_id: UUID
    capture_id: UUID | None = None
    plate: str
    plate_as_read: str
    region: str | None = None
    confidence: float
    characters: list[CharacterOut] = []
    captured_at: datetime
    received_at: datetime
    late: bool | None = None
    """Whether it arrived later than its device may keep it back, so that only the device vouches for its time. Null
    for a read from before this was recorded."""
    device_id: UUID
    device_name: str
    place: PlaceOut | None = None
    source: str
    model: str
    box: BoxOut | None = None
    has_crop: bool
    has_image: bool
    crop_url: str | None = None
    """A link to the plate's picture as part of this answer. It works for the caller, for ten minutes."""
    alternatives: list[AlternativeOut] = []
    misread_risk: float | None = None
    """The probability of a wrong character, 0 to 1; null if the reader gives none."""
    vehicle: VehicleOut | None = None
    pass_id: UUID | None = None
    """The read's pass; null while it has none."""
    pass_agrees: bool | None = None
    """Whether the pass has the same plate. If false, check the pass before you act on this read."""
    hits: list[HitOut] = []
    corrections: list[CorrectionOut] = []
    """What people saw in the picture instead, oldest first; the last one is in force."""

    @classmethod
    def of(cls, read: Read, *, crop_url: str | None = None) -> "ReadOut":
        """Return the view of a read."""
        box = read.details.box_px
        return cls(
            read_id=read.read_id,
            capture_id=read.capture_id,
            plate=read.plate,
            plate_as_read=read.plate_as_read,
            region=read.region,
            confidence=read.confidence,
            characters=[
                CharacterOut(
                    text=text,
                    confidence=sure,
                    alternatives=[ConsideredOut(text=t, probability=p) for t, p in others],
                )
                for text, sure, others in characters_of(read.details)
            ],
            captured_at=read.captured_at,
            received_at=read.received_at,
            late=read.late,
            device_id=read.device_id,
            device_name=read.device_name,
            place=_place(read),
            source=read.source,
            model=read.model,
            box=BoxOut(x_px=box[0], y_px=box[1], width_px=box[2], height_px=box[3])
            if box
            else None,
            has_crop=read.crop_key is not None,
            has_image=read.image_key is not None,
            crop_url=crop_url,
            alternatives=[
                AlternativeOut(plate=plate, probability=probability)
                for plate, probability in read.details.alternatives
            ],
            misread_risk=read.details.misread_risk,
            vehicle=VehicleOut.of(read.details.vehicle) if read.details.vehicle else None,
            pass_id=read.pass_flag.pass_id if read.pass_flag else None,
            pass_agrees=read.pass_flag.agrees if read.pass_flag else None,
            hits=[_hit(flag) for flag in read.hits],
            corrections=[CorrectionOut.of(correction) for correction in read.corrections],
        )


class CaptureOut(BaseModel):
    """One frame, with or without reads."""

    capture_id: UUID
    captured_at: datetime
    received_at: datetime
    late: bool | None = None
    """The same as `late` of a read."""
    time_source: str
    device_id: UUID
    device_name: str
    place: PlaceOut | None = None
    outcome: str
    reason: str | None = None
    reads: int
    model: str
    sha256: str
    media_type: str
    size_bytes: int
    width_px: int
    height_px: int

    @classmethod
    def of(cls, capture: Capture) -> "CaptureOut":
        """Return the view of a capture."""
        plain = {name: getattr(capture, name) for name in cls.model_fields if name != "place"}
        return cls(**plain, place=_place(capture))


def reads_out(reads: Sequence[Read], grant: Grant, links: PictureLinks) -> list[ReadOut]:
    """Return the views of reads for `grant`, with links to pictures if its person may view images."""
    return [ReadOut.of(read, crop_url=_crop_url(read, grant, links)) for read in reads]


def _crop_url(read: Read, grant: Grant, links: PictureLinks) -> str | None:
    if read.crop_key is None or Permission.IMAGE_READ not in grant.principal.permissions:
        return None
    token = links.token(grant.attempt_id, read.read_id, grant.principal.account_id, grant.now)
    return f"/v1/reads/{read.read_id}/crop?{LINK_TOKEN}={token}"


def _place(record: Read | Capture) -> PlaceOut | None:
    if record.latitude is None or record.longitude is None:
        return None
    return PlaceOut(
        latitude=record.latitude, longitude=record.longitude, heading_deg=record.heading_deg
    )


def _hit(flag: HitFlag) -> HitOut:
    return HitOut(
        hit_id=flag.hit_id,
        record_kind=flag.record_kind,
        tier=flag.tier,
        source=flag.source,
        verification=flag.outcome,
        disposition=flag.disposition,
    )
