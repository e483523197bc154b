"""Captures as ingest announces them, with their images in an object store."""

from hashlib import sha256
from uuid import uuid4

import cv2
import numpy as np

from shared.core.types import Ori
from shared.events import CaptureReceived, Image, Place
from shared.testing import FakeClock, signed
from tests.unit.recognition.engines import READS


def image(width=READS, height=20, value=77):
    """Return a PNG of one grey; `ScriptedEngine` reads its orders from the width."""
    ok, data = cv2.imencode(".png", np.full((height, width, 3), value, np.uint8))
    assert ok
    return data.tobytes()


async def a_capture(objects, data=None, *, keep=True, digest=None, media_type="image/png"):
    """Return an acknowledged frame; its image is in `objects` unless the caller leaves it out."""
    data = image() if data is None else data
    now, device_id, capture_id = FakeClock().now(), uuid4(), uuid4()
    key = f"captures/{device_id}/{capture_id}"
    if keep:
        await objects.put(key, data)
    return signed(
        CaptureReceived(
            occurred_at=now,
            capture_id=capture_id,
            device_id=device_id,
            device_name="Main and First, northbound",
            agency_ori=Ori("CA0520100"),
            captured_at=now,
            received_at=now,
            time_source="device",
            image=Image(
                object_key=key,
                sha256=digest or sha256(data).hexdigest(),
                media_type=media_type,
                size_bytes=len(data),
                width_px=READS,
                height_px=20,
            ),
            place=Place(37.95, -121.29),
        )
    )
