"""Records that arrive later than their device may buffer them are accepted and marked late (ADR-0032)."""

from datetime import timedelta

import msgspec
import pytest

from shared.events import (
    CaptureBackfilled,
    CaptureReceived,
    DeviceChanged,
    ReadsBackfilled,
    ReadsRecorded,
)
from shared.events.read_rules import check_read
from shared.testing.reads import BAD_PLATES, BAD_READS, as_sent
from tests.integration.ingest.conftest import another
from tests.unit.ingest import pictures as p

MINUTE, HOUR = 60, 3600
CASES = {
    "fixed, live": ({"kind": "fixed"}, 15 * MINUTE, False),
    "fixed, no longer live": ({"kind": "fixed"}, 15 * MINUTE + 1, True),
    "fixed, back-dated": ({"kind": "fixed"}, 300 * 24 * HOUR, True),
    "fixed, as old as the schedule allows": ({"kind": "fixed"}, 400 * 24 * HOUR, True),
    "vehicle, as long as it may": ({"kind": "vehicle"}, 72 * HOUR, False),
    "vehicle, longer": ({"kind": "vehicle"}, 72 * HOUR + 1, True),
    "vehicle that may keep back less": ({"kind": "vehicle", "may_buffer_h": 2}, 3 * HOUR, True),
    "vehicle that may keep back nothing": (
        {"kind": "vehicle", "may_buffer_h": 0},
        14 * MINUTE,
        False,
    ),
    "a clock that is ahead": ({"kind": "fixed"}, -60, False),
}


@pytest.mark.clause("468.5/late")
@pytest.mark.parametrize(("device", "age_s", "late"), CASES.values(), ids=CASES)
async def test_reads_and_frames_older_than_their_device_may_keep_them_are_late(
    station, device, age_s, late
):
    camera = (await station.register(**device))["credential"]
    at = (station.clock.now() - timedelta(seconds=age_s)).isoformat()
    answer = await station.post_reads(camera, [station.read(1, captured_at=at), station.read(2)])
    assert (answer.status_code, answer.json()["late"]) == (202, int(late))
    assert {read.plate: read.late for read in station.reads} == {"7ABC001": late, "7ABC002": False}
    frame = await station.post_frame(camera, p.jpeg(), params={"captured_at": at})
    assert (frame.status_code, frame.json()["late"]) == (202, late)
    [capture] = station.captures
    assert capture.late is late
    signed = msgspec.json.decode(capture.signed.body, type=CaptureReceived)
    assert signed.late is late  # recognition, which decodes pictures, cannot contradict it


@pytest.mark.clause("468.5/late")
async def test_the_current_policy_limits_the_buffer_time_of_older_devices(
    ingest_settings, bus, objects, clock, authority, policy, station
):
    made = await station.register(kind="vehicle")
    tight = msgspec.structs.replace(policy.devices, may_buffer_h={"fixed": 0, "vehicle": 1})
    async with another(
        ingest_settings,
        bus,
        objects,
        clock,
        authority,
        msgspec.structs.replace(policy, devices=tight),
    ) as other:
        at = (clock.now() - timedelta(hours=2)).isoformat()
        await other.post_reads(made["credential"], [other.read(captured_at=at)])
        path = f"/v1/devices/{made['device']['device_id']}"
        assert (await other.admin("PATCH", path, {"name": "Unit 12"})).status_code == 200
        assert (await other.admin("PATCH", path, {"may_buffer_h": 2})).status_code == 422
    assert [read.late for read in other.reads] == [True]


@pytest.mark.clause("468.5/late")
async def test_a_device_may_buffer_for_at_most_the_policys_time_for_its_kind(station):
    fixed, vehicle = await station.register(), await station.register("Unit 12", kind="vehicle")
    assert (fixed["device"]["may_buffer_h"], vehicle["device"]["may_buffer_h"]) == (0, 72)
    body = {"name": "Unit 13", "kind": "vehicle", "may_buffer_h": 72.5}
    refused = await station.admin("POST", "/v1/devices", body)
    assert (refused.status_code, refused.json()["field"]) == (422, "may_buffer_h")
    assert "72 hours at most" in refused.text
    path = f"/v1/devices/{fixed['device']['device_id']}"
    assert (await station.admin("PATCH", path, {"may_buffer_h": 1})).status_code == 422
    path = f"/v1/devices/{vehicle['device']['device_id']}"
    changed = await station.admin("PATCH", path, {"may_buffer_h": 0})
    assert changed.json()["may_buffer_h"] == 0
    assert (await station.admin("GET", path)).json()["may_buffer_h"] == 0
    await station.running.runtime.relay.drain()
    told = [event.details.get("may_buffer_h") for event in station.bus.events(DeviceChanged)]
    assert told == ["0", "72", "0"]


@pytest.fixture
async def wide(ingest_settings, bus, objects, clock, authority, policy):
    """Ingest with bounds of its own so wide that they refuse almost no capture."""
    settings = ingest_settings.model_copy(update={"ingest_clock_skew_s": 10 * 24 * HOUR})
    retention = msgspec.structs.replace(policy.retention, schedule_days=25_000)
    policy = msgspec.structs.replace(policy, retention=retention)
    async with another(settings, bus, objects, clock, authority, policy) as station:
        yield station


@pytest.mark.clause("468.5/one-validation")
@pytest.mark.parametrize("changes", BAD_READS.values(), ids=BAD_READS)
async def test_ingest_refuses_every_read_that_hotlist_and_retention_would_dead_letter(
    station, wide, changes
):
    """The same table as hotlist's (test_hits.py) and retention's (test_storing.py)."""
    camera = (await station.register(kind="vehicle"))["credential"]
    answer = await wide.post_reads(camera, [wide.read(1), wide.read(2, **as_sent(changes))])
    assert answer.status_code in (400, 422), answer.text
    assert wide.stored_nothing()
    if answer.status_code == 422:
        assert answer.json()["field"]


@pytest.mark.clause("468.5/one-validation")
async def test_a_frame_with_an_implausible_time_is_refused(station, wide):
    camera = (await station.register(kind="vehicle"))["credential"]
    for at in ("1970-01-01T00:00:00Z", (wide.clock.now() + timedelta(days=2)).isoformat()):
        answer = await wide.post_frame(camera, p.jpeg(), params={"captured_at": at})
        assert answer.status_code == 422, answer.text
    assert wide.stored_nothing()


@pytest.mark.clause("468.5/one-validation")
async def test_a_read_that_other_services_would_dead_letter_is_named_by_its_index(station, wide):
    camera = (await station.register(kind="vehicle"))["credential"]
    ahead = (wide.clock.now() + timedelta(days=2)).isoformat()
    reads = [wide.read(1), wide.read(1), wide.read(2, captured_at=ahead)]
    fault = (await wide.post_reads(camera, reads)).json()
    assert (fault["params"]["index"], fault["field"]) == (2, "captured_at")


@pytest.mark.clause("468.5/one-validation")
async def test_an_odd_plate_that_ingest_accepts_is_a_valid_plate_everywhere(station, camera):
    for plate in BAD_PLATES:
        answer = await station.post_reads(camera, [station.read(plate=plate)])
        assert answer.status_code in (202, 422)
    for read in station.reads:
        check_read(read, station.clock.now())
    assert {read.plate for read in station.reads} == {"LOWER1", "7ABC23"}


@pytest.mark.clause("468.5/live-first")
async def test_reads_and_captures_that_are_no_longer_live_go_to_their_own_topics(
    station,
):
    """A vehicle's spool after hours without a line must not stand before live reads."""
    camera = (await station.register(kind="vehicle"))["credential"]
    ages_s = (1, 900, 901, 10 * HOUR)
    times = [(station.clock.now() - timedelta(seconds=s)).isoformat() for s in ages_s]
    reads = [station.read(n, captured_at=at) for n, at in enumerate(times)]
    answer = await station.post_reads(camera, reads)
    assert (answer.json()["accepted"], answer.json()["late"]) == (4, 0)
    [live], [other] = station.bus.events(ReadsRecorded), station.bus.events(ReadsBackfilled)
    topics = ReadsRecorded.TOPIC, ReadsBackfilled.TOPIC
    published = [record.topic for record in station.bus.records if record.topic in topics]
    assert published == list(topics)
    assert [read.maker_id for read in live.reads] == ["r-0", "r-1"]
    assert [read.maker_id for read in other.reads] == ["r-2", "r-3"]
    for n, at in enumerate(times):
        frame = await station.post_frame(camera, p.jpeg(64 + n), params={"captured_at": at})
        assert frame.status_code == 202, frame.text
    kinds = [len(station.bus.events(kind)) for kind in (CaptureReceived, CaptureBackfilled)]
    assert kinds == [2, 2]
