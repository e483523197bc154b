"""The folders that a sweep enters, the days that it sweeps, and the names that it recognises as ours."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import msgspec
import pytest

from services.ingest.actions.captures import Upload, _image
from services.ingest.domain.images import Frame
from services.recognition.engine.protocol import Box
from services.recognition.events import _read
from services.retention.domain.criteria import Criteria
from services.retention.domain.orphans import (
    SETTLED,
    Bounds,
    Day,
    SweepAction,
    cutoff,
    day_of,
    id_in,
    is_settled,
    may_hold,
    sweep_action,
)
from shared.events.signed_captures import crop_key_of
from shared.kafka.topics import TOPICS
from shared.testing import FakeObjects
from tests.unit.recognition.captures import a_capture

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
BEFORE = NOW - timedelta(days=400)  # noon, 27 April 2025
BOUNDS = Bounds.of(BEFORE, NOW)
CAM = "00000000-0000-4000-8000-00000000d001"
CAPTURE = "0f0e0d0c-0b0a-8908-8706-050403020100"
DAY = Day("captures", UUID(CAM), date(2025, 4, 20))


async def test_keys_are_as_ingest_and_recognition_make_them():
    """Otherwise all their objects would be odd, and stay."""
    late = datetime(2025, 4, 20, 23, 59, 59, tzinfo=UTC)
    frame, upload = Frame("image/webp", 640, 480), Upload(b"x", b"0" * 32)
    image = _image(SimpleNamespace(device_id=DAY.device_id), late, UUID(CAPTURE), upload, frame)
    assert id_in(image.object_key, DAY.folder) == UUID(CAPTURE)
    capture = await a_capture(FakeObjects())
    capture = msgspec.structs.replace(capture, captured_at=late, device_id=DAY.device_id)
    reading = SimpleNamespace(
        plate="7ABC123", plate_as_read="7ABC123", confidence=0.9, region=None,
        characters=(), alternatives=(), misread_risk=None,
    )  # fmt: skip
    plate = SimpleNamespace(reading=reading, box=Box(0, 0, 9, 9))
    read = _read(capture, 0, plate)
    crop = crop_key_of(capture, read.read_id)
    assert id_in(crop, DAY._replace(kind="crops").folder) == read.read_id


@pytest.mark.parametrize(
    ("below", "what"),
    [
        ("", SweepAction.INTO),
        (f"/{CAM}", SweepAction.INTO),
        (f"/{CAM}/2024", SweepAction.INTO),
        (f"/{CAM}/2025", SweepAction.INTO),
        (f"/{CAM}/2025/03", SweepAction.INTO),
        (f"/{CAM}/2025/04", SweepAction.INTO),
        (f"/{CAM}/2025/05", SweepAction.PASS),
        (f"/{CAM}/2025/12", SweepAction.PASS),
        (f"/{CAM}/2024/02/29", SweepAction.SWEEP),
        (f"/{CAM}/2025/04/24", SweepAction.SWEEP),
        (
            f"/{CAM}/2025/04/25",
            SweepAction.PASS,
        ),  # two days before the cut-off at noon, not wholly past
        (f"/{CAM}/2025/04/27", SweepAction.PASS),
        (f"/{CAM}/2026/05", SweepAction.PASS),
        # Days to come are in the year and the month that it is now.
        (f"/{CAM}/2026", SweepAction.INTO),
        (f"/{CAM}/2026/06", SweepAction.INTO),
        (f"/{CAM}/2026/06/01", SweepAction.PASS),
        (f"/{CAM}/2026/06/02", SweepAction.PASS),  # a camera's clock may be a little ahead
        (f"/{CAM}/2026/06/03", SweepAction.ODD),
        (f"/{CAM}/2026/07", SweepAction.ODD),
        (f"/{CAM}/2027", SweepAction.ODD),
    ],
)
def test_a_sweep_goes_only_where_days_past_the_schedule_or_to_come_can_be(below, what):
    for kind in ("captures", "crops"):
        assert sweep_action(f"{kind}{below}", BOUNDS) is what


@pytest.mark.parametrize(
    "below",
    [
        "cam",
        CAM.upper(),
        f"{CAM}/latest",
        f"{CAM}/0000",
        f"{CAM}/1970",
        f"{CAM}/9999",
        f"{CAM}/20250",
        f"{CAM}/2025/4",
        f"{CAM}/2025/13",
        f"{CAM}/2025/00",
        f"{CAM}/2025/04/00",
        f"{CAM}/2025/02/29",
        f"{CAM}/2025/04/31",
        f"{CAM}/2025/04/24 ",
        f"{CAM}/٢٠٢٥",
    ],
)
def test_a_folder_that_is_not_a_camera_or_day_is_odd(below):
    assert sweep_action(f"captures/{below}", BOUNDS) is SweepAction.ODD


def test_every_day_wholly_past_the_margin_is_swept_and_no_later_day():
    days = [date(2024, 1, 1) + timedelta(days=n) for n in range(900)]
    swept = {
        d for d in days if sweep_action(f"captures/{CAM}/{d:%Y/%m/%d}", BOUNDS) is SweepAction.SWEEP
    }
    ends = {d: datetime.combine(d, datetime.min.time(), UTC) + timedelta(days=1) for d in days}
    assert swept == {d for d in days if ends[d] <= cutoff(BEFORE)}
    assert cutoff(BEFORE) <= BEFORE - timedelta(days=2)
    for day in swept:
        month, year = f"captures/{CAM}/{day:%Y/%m}", f"captures/{CAM}/{day:%Y}"
        assert sweep_action(month, BOUNDS) is sweep_action(year, BOUNDS) is SweepAction.INTO, (
            "a sweep never comes there"
        )


def test_bounds_are_utc_days_in_any_time_zone():
    zone = datetime.fromisoformat("2026-06-01T00:00:00+14:00").tzinfo
    assert Bounds.of(BEFORE.astimezone(zone), NOW.astimezone(zone)) == BOUNDS


def test_a_folder_is_read_as_the_day_that_it_is_of():
    assert day_of(DAY.folder) == DAY
    assert DAY.folder == f"captures/{CAM}/2025/04/20"
    assert (DAY.start, DAY.end) == (
        datetime(2025, 4, 20, tzinfo=UTC),
        datetime(2025, 4, 21, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("folder", "name", "ours"),
    [
        (DAY.folder, f"{CAPTURE}.jpg", True),
        (DAY.folder, f"{CAPTURE}.png", True),
        (DAY.folder, f"{CAPTURE}.webp", True),
        (DAY.folder, f".{CAPTURE}.jpg.{'0f' * 16}", True),  # a crash's half-written file
        (f"crops/{CAM}/2025/04/20", f"{CAPTURE}.jpg", True),
        ("packages", f"{CAPTURE}.zip", True),
        (DAY.folder, f"{CAPTURE}.zip", False),
        (f"crops/{CAM}/2025/04/20", f"{CAPTURE}.png", False),
        ("packages", f"{CAPTURE}.jpg", False),
        (DAY.folder, f"{CAPTURE}.jpg.bak", False),
        (DAY.folder, f"{CAPTURE.upper()}.jpg", False),
        (DAY.folder, f"deeper/{CAPTURE}.jpg", False),
        (DAY.folder, f".{CAPTURE}.jpg", False),
        (DAY.folder, f".{CAPTURE}.zip.{'0f' * 16}", False),
        (DAY.folder, "notes.txt", False),
    ],
)
def test_only_names_in_our_format_are_recognised_as_ours(folder, name, ours):
    assert id_in(f"{folder}/{name}", folder) == (UUID(CAPTURE) if ours else None)


def test_an_object_is_settled_once_no_kafka_event_can_name_it():
    waits_s = [TOPICS[f"alpr.capture.{step}"].retention_s for step in ("received", "processed")]
    assert timedelta(seconds=sum(waits_s)) <= SETTLED
    assert is_settled(NOW - SETTLED - timedelta(seconds=1), NOW)
    assert not is_settled(NOW - SETTLED + timedelta(seconds=1), NOW)
    assert not is_settled(NOW + timedelta(days=1), NOW)


OTHER = UUID(int=5)


@pytest.mark.parametrize(
    ("criteria", "holds"),
    [
        ({"device_ids": (UUID(CAM),)}, True),
        ({"device_ids": (OTHER, UUID(CAM))}, True),
        ({"device_ids": (OTHER,)}, False),
        ({"captured_from": DAY.start, "captured_to": DAY.end}, True),
        ({"captured_from": DAY.end - timedelta(microseconds=1)}, True),
        ({"captured_from": DAY.end}, False),
        ({"captured_to": DAY.start}, False),
        ({"captured_to": DAY.start + timedelta(microseconds=1)}, True),
        ({"device_ids": (OTHER,), "captured_from": DAY.start}, False),
        ({"plate": "7ABC123"}, False),
        ({"plate": "7ABC123", "device_ids": (UUID(CAM),)}, False),
        ({"read_ids": (OTHER,)}, False),
    ],
)
def test_a_hold_may_match_objects_of_its_cameras_in_its_time(criteria, holds):
    assert may_hold(Criteria(**criteria), DAY) is holds
