"""Captures that ingest signed: what the signature covers, and that reads have their facts from it alone."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import msgspec
import pytest
from prometheus_client import REGISTRY

from shared.core.certificates import Trust
from shared.core.types import Ori, PlateText
from shared.events import (
    Alternative,
    Box,
    CaptureReceived,
    Character,
    Image,
    Place,
    ReadsRecognised,
    SignedCapture,
)
from shared.events.signed_captures import (
    CaptureProofs,
    CaptureRefused,
    crop_key_of,
    message,
    sign,
    written,
)
from shared.testing import FakeClock, TestRoot, captures, recorded

pytestmark = pytest.mark.clause("wall/captures")

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
ROOT = TestRoot()
SIGNER = ROOT.signer("captures", now=NOON)
CAPTURE = CaptureReceived(
    occurred_at=NOON,
    capture_id=uuid4(),
    device_id=uuid4(),
    device_name="Main St",
    agency_ori=Ori("CA0520100"),
    captured_at=NOON - timedelta(minutes=7),
    received_at=NOON - timedelta(minutes=2),
    time_source="device",
    place=Place(39.9277, -122.1792, 90.0),
    image=Image(
        object_key="captures/1.jpg",
        sha256="0" * 64,
        media_type="image/jpeg",
        size_bytes=1,
        width_px=1,
        height_px=1,
    ),
    late=True,
)


def recognised(signed: SignedCapture) -> ReadsRecognised:
    return msgspec.structs.replace(captures.recognised(CAPTURE, number=3), capture=signed)


def proofs() -> CaptureProofs:
    return CaptureProofs(Trust(ROOT.roots), FakeClock(NOON))


def signed() -> SignedCapture:
    found = sign(CAPTURE, SIGNER).signed
    assert found is not None
    return found


def test_a_read_has_all_facts_of_its_capture_from_what_ingest_signed():
    [read] = proofs().reads([recognised(signed())])
    assert (read.device_id, read.device_name) == (CAPTURE.device_id, "Main St")
    assert (read.captured_at, read.received_at) == (CAPTURE.captured_at, CAPTURE.received_at)
    assert (read.place, read.agency_ori, read.late) == (CAPTURE.place, "CA0520100", True)
    assert (read.image_key, read.capture_id) == ("captures/1.jpg", CAPTURE.capture_id)
    assert read.crop_key == crop_key_of(CAPTURE, read.read_id)
    assert (read.plate_as_read, read.source) == ("7ABC123", "recognition")


def test_a_read_has_all_that_recognition_read_of_its_plate():
    saw = {
        "plate_as_read": "7ABC 123",
        "confidence": 0.71,
        "region": "US-NV",
        "characters": [Character("7", 0.71)],
        "alternatives": [Alternative(PlateText("7ABC123"), 0.7)],
        "misread_risk": 0.45,
        "box": Box(1, 2, 30, 10),
        "vehicle_make": "Ford",
        "vehicle_model": "Transit",
        "vehicle_colour": "red",
    }
    event = captures.recognised(CAPTURE, **saw, has_crop=False)
    [read] = proofs().reads([msgspec.structs.replace(event, capture=signed())])
    assert {name: getattr(read, name) for name in saw} == saw
    assert (read.model, read.crop_key) == (event.engine, None)


def test_unsigned_captures_are_accepted_until_the_end_of_an_upgrade():
    """A read that was accepted before is refused after it as well; so is one among reads of cameras."""
    clock = FakeClock(NOON)
    until = NOON + timedelta(hours=1)
    during = CaptureProofs(Trust(ROOT.roots), clock, unsigned_until=until)
    unsigned = recognised(SignedCapture(signed().body, "", ""))
    [read] = during.reads([unsigned])
    [by_camera] = recorded(msgspec.structs.replace(read, source="edge"))
    former = msgspec.structs.replace(by_camera, source="recognition")
    assert during.edge([by_camera, former]) == [*by_camera.each(), *former.each()]
    clock.advance(hours=1)
    for _ in range(2):
        for refused in ((during.reads, [unsigned]), (during.edge, [by_camera, former])):
            with pytest.raises(CaptureRefused):
                refused[0](refused[1])
        clock.advance(seconds=1)
    assert during.edge([by_camera]) == by_camera.each()


def test_the_signature_covers_what_it_is_for_and_the_same_bytes_in_every_version():
    assert message('{"a":1}') == b'plateward capture v1\n{"a":1}'
    assert '"signed"' not in written(sign(CAPTURE, SIGNER))
    bare = b64encode(SIGNER.sign(signed().body.encode())).decode()
    with pytest.raises(CaptureRefused):
        proofs().reads([recognised(msgspec.structs.replace(signed(), signature=bare))])


def test_a_refused_capture_is_a_metric():
    def total():
        labels = {"event": "read.recognised"}
        return REGISTRY.get_sample_value("alpr_captures_refused_total", labels) or 0

    event = recognised(signed())
    before = total()
    for fault in (
        msgspec.structs.replace(event, capture_id=uuid4()),
        msgspec.structs.replace(event, device_id=uuid4()),
        msgspec.structs.replace(event, capture=SignedCapture(signed().body, "", "")),
    ):
        with pytest.raises(CaptureRefused):
            proofs().reads([fault])
    assert total() == before + 3
    proofs().reads([msgspec.structs.replace(event, device_id=None)])
