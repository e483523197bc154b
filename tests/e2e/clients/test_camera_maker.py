"""A camera maker registers a device, posts a frame and reads, and sees the device."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from tests.e2e.clients.python import refusal
from tests.e2e.frames import frame, plates

pytestmark = pytest.mark.clients


def camera_maker(service, *, administrator, name, picture):
    ingest = service("ingest", administrator)
    place = {"latitude": 39.9277, "longitude": -122.1792}
    issued = ingest.register_device(ingest.model("DeviceIn", name=name, kind="fixed", place=place))
    camera, now = service("ingest", issued.credential), datetime.now(UTC)
    capture = camera.post_capture(Path(picture).read_bytes(), captured_at=now)
    read = {"plate": "6TRJ244", "confidence": 0.97, "captured_at": now.isoformat()}
    reads = [camera.model("EdgeReadIn", **read)]
    return {
        "capture_id": str(capture.capture_id),
        "accepted": camera.post_reads(reads).accepted,
        "name": ingest.get_device(issued.device.device_id).name,
        "without_credential": refusal(service("ingest", "wrong").post_reads, reads),
    }


async def test_a_camera_maker_posts_frames_and_reads(run, client, tokens, tmp_path):
    picture = tmp_path / "frame.jpg"
    picture.write_bytes(frame(plates(1)[0]))
    answers = run(
        camera_maker,
        administrator=tokens["administrator"],
        name=f"Camera by {client}",
        picture=str(picture),
    )
    assert UUID(answers.pop("capture_id"))
    assert answers == {
        "accepted": 1,
        "name": f"Camera by {client}",
        "without_credential": {"status": 401, "code": "device_credential_malformed"},
    }
