"""A fixed camera that falls silent is reported, once for each silence."""

from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from services.ingest.workers import silence
from shared.events import DeviceSilenced
from tests.integration.ingest.conftest import another
from tests.unit.ingest import pictures as p

AFTER_HOURS = 4


@pytest.fixture
def silenced(station):
    """Check for silence; return the published events."""

    async def announced():
        await station.running.silence.check()
        station.bus.records.clear()
        await station.running.runtime.relay.drain()
        return station.bus.events(DeviceSilenced)

    return announced


@pytest.mark.clause("468.3.1(c)/device-silence")
async def test_each_silence_of_a_device_is_announced_once(station, silenced):
    credential = (await station.register())["credential"]
    await station.post_frame(credential, p.jpeg())
    heard_at = station.clock.now()
    station.clock.advance(hours=AFTER_HOURS)
    assert await silenced() == []
    station.clock.advance(seconds=1)
    [told] = await silenced()
    assert (told.device_name, told.last_heard_at) == ("Main St", heard_at)
    assert told.silent_after_s == AFTER_HOURS * 3600
    station.clock.advance(hours=30)
    assert await silenced() == []
    await station.post_frame(credential, p.jpeg())
    assert await silenced() == []
    station.clock.advance(hours=AFTER_HOURS, seconds=1)
    assert len(await silenced()) == 1


async def test_the_silence_of_a_camera_that_never_sent_counts_from_its_registration(
    station, silenced
):
    await station.register()
    registered_at = station.clock.now()
    station.clock.advance(hours=AFTER_HOURS, seconds=1)
    [told] = await silenced()
    assert told.last_heard_at == registered_at


async def test_vehicles_and_revoked_cameras_raise_no_silence(station, silenced):
    await station.register("Patrol 12", kind="vehicle")
    device = (await station.register())["device"]["device_id"]
    await station.admin("POST", f"/v1/devices/{device}/revocation", {"reason": "taken down"})
    station.clock.advance(hours=30)
    assert await silenced() == []


def heard(camera):
    return REGISTRY.get_sample_value("alpr_camera_heard_timestamp_seconds", {"camera": camera})


async def test_metrics_show_when_each_fixed_camera_in_use_was_heard(station, silenced):
    credential = (await station.register())["credential"]
    revoked = (await station.register("Elm St"))["device"]["device_id"]
    await station.register("Patrol 12", kind="vehicle")
    registered_at = station.clock.now().timestamp()
    await silenced()
    assert (heard("Main St"), heard("Elm St")) == (registered_at, registered_at)
    assert heard("Patrol 12") is None
    station.clock.advance(hours=1)
    await station.post_frame(credential, p.jpeg())
    await station.admin("POST", f"/v1/devices/{revoked}/revocation", {"reason": "taken down"})
    await silenced()
    assert heard("Main St") == registered_at + 3600
    assert heard("Elm St") is None
    limit = REGISTRY.get_sample_value("alpr_camera_silent_after_seconds")
    assert limit == AFTER_HOURS * 3600


async def test_metrics_show_those_heard_least_recently_if_there_are_too_many(
    station, silenced, monkeypatch
):
    monkeypatch.setattr(silence, "MOST_CAMERAS", 1)
    credential = (await station.register())["credential"]
    await station.register("Elm St")
    station.clock.advance(hours=1)
    await station.post_frame(credential, p.jpeg())
    await silenced()
    assert heard("Main St") is None
    assert heard("Elm St") is not None


@pytest.mark.clause("468.3.1(c)/device-silence")
async def test_a_reinstated_camera_that_sends_nothing_is_announced_once_it_had_time(
    station, silenced
):
    device = (await station.register())["device"]["device_id"]
    path = f"/v1/devices/{device}"
    station.clock.advance(hours=AFTER_HOURS, seconds=1)
    [told] = await silenced()
    await station.admin("POST", f"{path}/revocation", {"reason": "in repair"})
    station.clock.advance(hours=72)
    await station.admin("POST", f"{path}/reinstatement", {"reason": "repaired"})
    reinstated_at = station.clock.now()
    assert await silenced() == []
    assert heard("Main St") == reinstated_at.timestamp()
    station.clock.advance(hours=AFTER_HOURS, seconds=1)
    [again] = await silenced()
    assert again.last_heard_at == told.last_heard_at
    assert await silenced() == []


async def test_a_camera_that_was_heard_before_its_revocation_is_not_silent_when_reinstated(
    station, silenced
):
    answer = await station.register()
    path = f"/v1/devices/{answer['device']['device_id']}"
    await station.post_frame(answer["credential"], p.jpeg())
    await station.admin("POST", f"{path}/revocation", {"reason": "in repair"})
    station.clock.advance(hours=72)
    reinstated = await station.admin("POST", f"{path}/reinstatement", {"reason": "repaired"})
    assert await silenced() == []
    await station.post_frame(reinstated.json()["credential"], p.jpeg())
    station.clock.advance(hours=AFTER_HOURS, seconds=1)
    assert len(await silenced()) == 1


@pytest.mark.clause("468.3.1(c)/device-silence")
async def test_a_camera_whose_posts_are_all_refused_for_its_own_fault_is_announced(
    station, silenced
):
    credential = (await station.register())["credential"]
    await station.post_frame(credential, p.jpeg())
    heard_at = station.clock.now()
    station.clock.advance(hours=AFTER_HOURS, seconds=1)
    ahead = station.clock.now() + timedelta(hours=1)
    answers = [
        await station.post_frame(credential, p.jpeg(), params={"captured_at": ahead.isoformat()}),
        await station.post_frame(credential, b"no picture"),
        await station.post_reads(credential, [station.read(0, captured_at=ahead.isoformat())]),
        await station.post_reads(credential, b"["),
    ]
    assert [answer.status_code for answer in answers] == [422, 415, 422, 400]
    [told] = await silenced()
    assert told.last_heard_at == heard_at


async def test_a_camera_is_heard_while_it_is_refused_for_our_own_fault_or_its_rate(
    station, silenced
):
    credential = (await station.register(frames_per_s=0.1))["credential"]
    station.clock.advance(hours=AFTER_HOURS, seconds=1)
    station.bus.down = True
    assert (await station.post_frame(credential, p.jpeg())).status_code == 503
    station.bus.down = False
    assert await silenced() == []
    station.clock.advance(hours=AFTER_HOURS, seconds=1)
    assert (await station.post_frame(credential, p.jpeg())).status_code == 429
    assert await silenced() == []


async def test_after_a_restart_a_camera_has_time_to_be_heard(
    station, ingest_settings, bus, objects, clock, authority, policy
):
    heard = (await station.register())["credential"]
    await station.register("Elm St")
    clock.advance(hours=AFTER_HOURS, seconds=1)
    async with another(ingest_settings, bus, objects, clock, authority, policy) as started:
        assert await started.running.silence.check() == 0
        clock.advance(seconds=60)
        assert (await started.post_frame(heard, p.jpeg())).status_code == 202
        clock.advance(seconds=silence.LISTENS_S - 61)
        assert await started.running.silence.check() == 0
        clock.advance(seconds=1)
        assert await started.running.silence.check() == 1
        bus.records.clear()
        await started.running.runtime.relay.drain()
    assert [told.device_name for told in bus.events(DeviceSilenced)] == ["Elm St"]
