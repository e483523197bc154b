"""A read of a frame raises a hit only with the device, time and place that ingest signed."""

from datetime import timedelta
from uuid import uuid4

import msgspec
import pytest

from shared.events import CaptureReceived, Image, Place, ReadsRecognised, ReadsRecorded
from shared.events.signed_captures import CaptureRefused
from shared.testing import TestRoot, recognised, recorded, signed

pytestmark = pytest.mark.clause("wall/captures")


@pytest.fixture
async def listed(hotlist):
    await hotlist.listed("7ABC123")
    return hotlist


def a_frame(hotlist, **changes) -> CaptureReceived:
    at = hotlist.clock.now() - timedelta(seconds=1)
    fields = {
        "occurred_at": at,
        "capture_id": uuid4(),
        "device_id": uuid4(),
        "device_name": "camera 1",
        "agency_ori": "CA0520100",
        "captured_at": at,
        "received_at": at,
        "time_source": "device",
        "image": Image(
            object_key="captures/1.jpg",
            sha256="0" * 64,
            media_type="image/jpeg",
            size_bytes=1,
            width_px=1,
            height_px=1,
        ),
        "place": Place(39.93, -122.18),
    }
    return CaptureReceived(**{**fields, **changes})


async def see(hotlist, event: ReadsRecognised) -> None:
    await hotlist.handlers[ReadsRecognised]([event])


async def test_a_listed_plate_in_a_signed_frame_raises_a_hit_at_the_cameras_place(listed):
    frame = signed(a_frame(listed))
    await see(listed, recognised(frame))
    [hit] = await listed.hits()
    assert hit["device_id"] == str(frame.device_id)
    assert hit["place"]["latitude"] == frame.place.latitude


async def test_an_unsigned_or_forged_frame_raises_no_hit(listed):
    frame = a_frame(listed)
    fine = signed(frame)
    moved = fine.signed.body.replace("39.93", "38.93")
    forged = msgspec.structs.replace(fine.signed, body=moved)
    assert moved != fine.signed.body
    for event in (
        recognised(frame),
        recognised(signed(frame, TestRoot("another"))),
        msgspec.structs.replace(recognised(fine), capture=forged),
        msgspec.structs.replace(recognised(fine), capture_id=uuid4()),
        recognised(fine, read_id=uuid4()),
    ):
        with pytest.raises(CaptureRefused):
            await see(listed, event)
    assert await listed.hits() == []


async def test_a_read_of_recognition_without_a_signed_capture_is_refused(listed):
    read = listed.read(source="recognition")
    with pytest.raises(CaptureRefused):
        await listed.handlers[ReadsRecorded](recorded(read))
    assert await listed.hits() == []
