"""Captures signed as by ingest, and reads recognised from them, for tests."""

from typing import Any

from shared.core.ids import derive_id
from shared.events import CaptureReceived, ReadRecognised, signed_captures
from shared.testing.root import TestRoot


def signed(capture: CaptureReceived, root: TestRoot | None = None) -> CaptureReceived:
    """Return a capture signed by a key whose certificate by `root` is valid at the capture time."""
    signer = (root or TestRoot()).signer("captures", now=capture.captured_at)
    return signed_captures.sign(capture, signer)


def recognised(
    capture: CaptureReceived, plate: str = "7ABC123", *, number: int = 0, **changes: Any
) -> ReadRecognised:
    """Return the event that recognition publishes for one plate of a capture."""
    read_id = signed_captures.read_id_of(capture.capture_id, number)
    fields: dict[str, Any] = {
        "event_id": derive_id("read.recognised", read_id),
        "occurred_at": capture.received_at,
        "capture_id": capture.capture_id,
        "capture": signed_captures.of(capture),
        "number": number,
        "read_id": read_id,
        "plate": plate,
        "plate_as_read": plate,
        "confidence": 0.95,
        "model": "m@1",
        "has_crop": True,
    }
    return ReadRecognised(**{**fields, **changes})
