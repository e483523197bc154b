"""Response models."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.ingest.actions.registry import Issued
from services.ingest.domain.devices import Device, DeviceKind, DeviceStatus
from shared.service.agreement import NOTE_EXAMPLE


class PlaceOut(BaseModel):
    """Position of a fixed camera: WGS 84 degrees, heading clockwise from north."""

    model_config = ConfigDict(from_attributes=True)

    latitude: float
    longitude: float
    heading_deg: float | None


class DeviceOut(BaseModel):
    """A device in its current state."""

    model_config = ConfigDict(from_attributes=True, use_attribute_docstrings=True)

    device_id: UUID
    name: str
    kind: DeviceKind
    place: PlaceOut | None
    frames_per_s: float
    reads_per_s: float
    may_buffer_h: float
    """How many hours it may keep captures back; if the policy allows its kind less, that applies."""
    status: DeviceStatus
    registered_at: datetime
    last_seen_at: datetime | None
    """When it last sent data that was not refused for its own fault; updated every few seconds."""
    late_since: datetime | None
    """Of a fixed camera: since when everything that it sent came too late to raise a live alert, so that its clock may
    be wrong. Null until that lasted for an hour (`INGEST_LATE_AFTER_S`), and again after one live post."""

    @classmethod
    def of(cls, device: Device) -> "DeviceOut":
        """Build the view of `device`, without its credentials."""
        return cls.model_validate(device)


class IssuedCredentialOut(BaseModel):
    """A device with its new credential, which is shown only once and stored nowhere."""

    device: DeviceOut
    credential: Annotated[
        str,
        Field(
            description="`<device id>.<secret>`, for Authorization: Bearer; or the two as Basic.",
            examples=[
                "7d7f0a3e-6a60-4a0c-9f43-0f6f1d1f3c55.PMkTCyJ0qPazLQ7_s3cr3t_example_only_00"
            ],
        ),
    ]

    @classmethod
    def of(cls, issued: Issued) -> "IssuedCredentialOut":
        """Build the view that is shown once."""
        return cls(device=DeviceOut.of(issued.device), credential=issued.credential)


class CaptureReceiptOut(BaseModel):
    """Acknowledges a durable frame: in the object store, and in Kafka."""

    model_config = ConfigDict(
        use_attribute_docstrings=True,
        json_schema_extra={
            "examples": [
                {
                    "capture_id": "0b6d9f5e-7b56-8f0a-9a4e-3f2d6f2f7a10",
                    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                    "captured_at": "2026-06-01T11:59:58.250000Z",
                    "received_at": "2026-06-01T12:00:00.100000Z",
                    "time_source": "device",
                    "copies": 2,
                    "late": False,
                    "checkpoint": NOTE_EXAMPLE,
                }
            ]
        },
    )

    capture_id: UUID
    """Always the same for the same frame of the same device and time."""
    sha256: str
    captured_at: datetime
    received_at: datetime
    time_source: Literal["device", "server"]
    """`server` if the device gave no time: `captured_at` is then the time at which the frame first arrived."""
    copies: int
    """How many Kafka brokers have the capture's event, at the least. 1: the loss of that broker loses it
    (KAFKA_ALLOW_ONE_COPY); the image itself is in the object store."""
    late: bool
    """It arrived later than the device may keep captures back: it is stored, and shown as late."""
    checkpoint: str | None
    """The newest signed checkpoint of the audit log, a signed note; null only before the first one."""


class PictureRefusedOut(BaseModel):
    """A picture that was left out, although its read is stored."""

    picture: Literal["frame", "crop"]
    code: str | None
    detail: str


class MakerReceiptOut(BaseModel):
    """Acknowledges a post in a maker's format: what it has is durable."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    accepted: int
    """How many distinct reads it has."""
    duplicates: int
    late: int
    """How many of them, or of frames without a read, arrived later than the device may keep them back."""
    read_ids: list[UUID]
    capture_id: UUID | None
    """The frame; null if none came along or it was refused."""
    passed_over: Literal["sign_of_life", "preview", "no_plate", "other_event"] | None
    """Why it has nothing to store; null if something is stored."""
    pictures_refused: list[PictureRefusedOut]
    sha256: str
    """SHA-256 of the body as sent, hexadecimal."""
    received_at: datetime
    copies: int
    """How many Kafka brokers have its events, at the least."""
    checkpoint: str | None
    """The newest signed checkpoint of the audit log, a signed note; null only before the first one."""


class ReadsReceiptOut(BaseModel):
    """Acknowledges a durable batch: Kafka has acknowledged every read."""

    model_config = ConfigDict(
        use_attribute_docstrings=True,
        json_schema_extra={
            "examples": [
                {
                    "accepted": 1,
                    "duplicates": 0,
                    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                    "received_at": "2026-06-01T12:00:00.100000Z",
                    "copies": 2,
                    "late": 0,
                    "checkpoint": NOTE_EXAMPLE,
                    "read_ids": ["0b6d9f5e-7b56-8f0a-9a4e-3f2d6f2f7a10"],
                }
            ]
        },
    )

    accepted: int
    """How many distinct reads the batch has."""
    duplicates: int
    """How many repeated reads the batch has, beyond the first of each."""
    sha256: str
    """SHA-256 of the body as sent, hexadecimal."""
    received_at: datetime
    copies: int
    """How many Kafka brokers have the reads, at the least. 1: the loss of that broker loses them
    (KAFKA_ALLOW_ONE_COPY)."""
    late: int
    """How many distinct reads arrived later than the device may keep them back: they are stored, and shown as late."""
    checkpoint: str | None
    """The newest signed checkpoint of the audit log, a signed note; null only before the first one."""
    read_ids: list[UUID] | None = None
    """One per read of the body, in its order."""
