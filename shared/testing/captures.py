"""Captures signed as by ingest, and reads recognised from them, for tests."""

from typing import Any

from shared.events import CaptureReceived, ReadsRecognised, RecognisedRead, signed_captures
from shared.testing.root import TestRoot


def signed(capture: CaptureReceived, root: TestRoot | None = None) -> CaptureReceived:
    """Return a capture signed by a key whose certificate by `root` is valid at the capture time."""
    signer = (root or TestRoot()).signer("captures", now=capture.captured_at)
    return signed_captures.sign(capture, signer)


def recognised(
    capture: CaptureReceived, *plates: str, number: int = 0, **changes: Any
) -> ReadsRecognised:
    """Return the event that recognition publishes for plates of a capture, by default one, numbered from `number`.

    `changes` are of each of its reads.
    """
    reads = [
        _recognised(capture, plate, number + n, changes)
        for n, plate in enumerate(plates or ("7ABC123",))
    ]
    return ReadsRecognised(
        event_id=ReadsRecognised.id_of(reads),
        occurred_at=capture.received_at,
        capture=signed_captures.of(capture),
        capture_id=capture.capture_id,
        device_id=capture.device_id,
        engine="m@1",
        reads=reads,
    )


def _recognised(
    capture: CaptureReceived, plate: str, number: int, changes: dict[str, Any]
) -> RecognisedRead:
    fields: dict[str, Any] = {
        "read_id": signed_captures.read_id_of(capture.capture_id, number),
        "number": number,
        "plate": plate,
        "confidence": 0.95,
        "has_crop": True,
    }
    return RecognisedRead(**{**fields, **changes})
