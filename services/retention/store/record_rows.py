"""Rows of reads and captures, as the statements of `record_writer` store them."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.retention.domain.details import details_of
from shared.events import CaptureProcessed, Place, Read


class ReadRow(NamedTuple):
    """A row of `reads`; the fields are its columns."""

    read_id: UUID
    captured_at: datetime
    received_at: datetime
    plate_id: int
    confidence: float
    latitude: float | None
    longitude: float | None
    heading_deg: float | None
    device_id: UUID
    capture_id: UUID | None
    agency_ori: str
    plate_as_read: str
    region: str | None
    source: str
    model: str
    crop_key: str | None
    image_key: str | None
    details: Any
    late: bool | None

    @classmethod
    def of(cls, event: Read, plate_id: int) -> "ReadRow":
        """Return the row of a read whose plate has a number."""
        return cls(
            event.read_id,
            event.captured_at,
            event.received_at,
            plate_id,
            event.confidence,
            *_place_of(event.place),
            event.device_id,
            event.capture_id,
            event.agency_ori,
            event.plate_as_read,
            event.region,
            event.source,
            event.model,
            event.crop_key,
            event.image_key,
            details_of(event),
            event.late,
        )


class CaptureRow(NamedTuple):
    """A row of `captures`; the fields are in the order of the statement that stores them."""

    capture_id: UUID
    captured_at: datetime
    received_at: datetime
    latitude: float | None
    longitude: float | None
    heading_deg: float | None
    device_id: UUID
    agency_ori: str
    time_source: str
    object_key: str
    sha256: str
    media_type: str
    size_bytes: int
    width_px: int
    height_px: int
    outcome: str
    model: str
    reason: str | None
    reads: int
    late: bool | None

    @classmethod
    def of(cls, event: CaptureProcessed) -> "CaptureRow":
        """Return the row of a processed capture."""
        capture, image = event.capture, event.capture.image
        return cls(
            capture.capture_id,
            capture.captured_at,
            capture.received_at,
            *_place_of(capture.place),
            capture.device_id,
            capture.agency_ori,
            capture.time_source,
            image.object_key,
            image.sha256,
            image.media_type,
            image.size_bytes,
            image.width_px,
            image.height_px,
            event.outcome,
            event.model,
            event.reason,
            len(event.read_ids),
            capture.late,
        )


def _place_of(place: Place | None) -> tuple[float | None, float | None, float | None]:
    """Return latitude, longitude and heading."""
    return (
        (None, None, None)
        if place is None
        else (place.latitude, place.longitude, place.heading_deg)
    )
