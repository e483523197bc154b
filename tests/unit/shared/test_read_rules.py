"""What a read must be to be stored and matched: the same for a batch as for each of its reads."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from shared.core.errors import InvalidInput
from shared.core.types import Ori, PlateText
from shared.events import (
    Alternative,
    Box,
    CaptureReceived,
    Character,
    Image,
    OtherCharacter,
    Place,
    Read,
)
from shared.events.read_rules import (
    AHEAD,
    MOST_PX,
    OLDEST,
    check_capture,
    check_read,
    check_reads,
    is_late,
)
from shared.testing.reads import BAD_PLATES, BAD_READS

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)
GOOD = Read(
    read_id=uuid4(),
    device_id=uuid4(),
    device_name="camera",
    agency_ori=Ori("CA0520100"),
    captured_at=NOON,
    received_at=NOON,
    source="edge",
    plate=PlateText("7ABC123"),
    plate_as_read="7ABC123",
    confidence=0.9,
    model="edge",
)
BAD = {
    **BAD_READS,
    **{f"plate {plate!r}": {"plate": plate} for plate in BAD_PLATES},
    "an instant too old": {"captured_at": NOON - OLDEST - INSTANT},
    "an instant too far ahead": {"captured_at": NOON + AHEAD + INSTANT},
    "NUL in the agency": {"agency_ori": "CA\x00"},
    "NUL in the frame's key": {"image_key": "captures/\x00"},
    "NUL in the colour": {"vehicle_colour": "bl\x00ack"},
    "NUL beside an accent": {"device_name": "caf\xe9 \x00"},
    "half a surrogate pair in a character": {"characters": [Character("\ud800")]},
    "a box one pixel too high": {"box": Box(0, 0, 1, MOST_PX + 1)},
    "one of two alternatives is no plate": {
        "alternatives": [
            Alternative(PlateText("1ABC123"), 0.5),
            Alternative(PlateText("7abc"), 0.4),
        ]
    },
    "a heading past north": {"place": Place(39.9277, -122.1792, 360.5)},
}
KEPT: dict[str, dict[str, Any]] = {
    "as old as may be": {"captured_at": NOON - OLDEST},
    "as far ahead as may be": {"captured_at": NOON + AHEAD},
    "a camera's accent": {"device_name": "caf\xe9"},
    "twelve characters": {"plate": "ABCDEFGHIJKL"},
    "one character": {"plate": "7"},
    "facing north": {"place": Place(39.9277, -122.1792, 360.0)},
    "a place without a heading": {"place": Place(39.9277, -122.1792)},
    "characters": {"characters": [Character("7"), Character("\xe9")]},
    "another character": {"characters": [Character("7", 0.9, [OtherCharacter("\xe9", 0.1)])]},
    "the largest box": {"box": Box(-MOST_PX, MOST_PX, MOST_PX, MOST_PX)},
    "alternatives": {"alternatives": [Alternative(PlateText("1ABC123"), 0.5)]},
}


def an_image(key):
    return Image(object_key=key, sha256="", media_type="", size_bytes=1, width_px=1, height_px=1)


def a_read(changes: dict[str, Any]) -> Read:
    return msgspec.structs.replace(GOOD, **changes)


@pytest.mark.clause("468.5/one-validation")
@pytest.mark.parametrize("changes", BAD.values(), ids=BAD)
def test_a_read_that_cannot_be_kept_is_refused_alone_and_among_others(changes):
    bad = a_read(changes)
    with pytest.raises(InvalidInput) as refused:
        check_read(bad, NOON)
    [name] = changes
    assert refused.value.field == ("heading_deg" if name == "place" else name)
    for reads in ([bad], [GOOD, bad], [bad, GOOD]):
        with pytest.raises(InvalidInput):
            check_reads(reads, NOON)


@pytest.mark.clause("468.5/one-validation")
@pytest.mark.parametrize("changes", KEPT.values(), ids=KEPT)
def test_a_read_within_every_bound_is_kept_alone_and_among_others(changes):
    good = a_read(changes)
    check_read(good, NOON)
    check_reads([GOOD, good], NOON)
    check_reads([], NOON)


@pytest.mark.clause("468.5/one-validation")
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"captured_at": NOON - OLDEST - INSTANT}, "captured_at"),
        ({"captured_at": NOON + AHEAD + INSTANT}, "captured_at"),
        ({"received_at": NOON.replace(tzinfo=None)}, "received_at"),
        ({"place": Place(39.9277, -122.1792, 360.5)}, "heading_deg"),
        ({"image": an_image("evidence/0b.zip")}, "object_key"),
        ({"image": an_image("captures/../k")}, "object_key"),
        ({"image": an_image("captures//k")}, "object_key"),
    ],
)
def test_a_capture_that_cannot_be_kept_is_refused_as_its_reads_are(changes, field):
    capture = CaptureReceived(
        occurred_at=NOON,
        capture_id=GOOD.read_id,
        device_id=GOOD.device_id,
        device_name=GOOD.device_name,
        agency_ori=GOOD.agency_ori,
        captured_at=NOON,
        received_at=NOON,
        time_source="device",
        image=an_image("captures/k"),
    )
    check_capture(capture, NOON)
    with pytest.raises(InvalidInput) as refused:
        check_capture(msgspec.structs.replace(capture, **changes), NOON)
    assert refused.value.field == field


@pytest.mark.clause("468.5/late")
def test_what_comes_as_late_as_it_may_is_not_late_yet():
    hour = timedelta(hours=1)
    assert not is_late(NOON, NOON + hour, hour)
    assert is_late(NOON, NOON + hour + INSTANT, hour)
