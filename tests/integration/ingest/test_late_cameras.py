"""A fixed camera of which everything comes too late to raise a live alert is reported: its clock may be wrong."""

import base64
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.ingest.actions.edge_reads import SLICE
from services.ingest.actions.makers import MAKERS
from services.ingest.workers.silence import LATE_POSTS
from shared.core.errors import Unavailable
from shared.core.problem_codes import Common
from shared.events import DeviceSilenced
from tests.integration.ingest.conftest import Station, another
from tests.unit.ingest import pictures as p

SLOW = timedelta(minutes=16)
HOUR = timedelta(hours=1)


@dataclass
class Watched:
    """A station, one camera of it, and what the periodic check announces."""

    station: Station
    device_id: str
    credential: str

    @property
    def now(self) -> datetime:
        """The station's time."""
        return self.station.clock.now()

    async def frame(self, behind: timedelta = SLOW, *, at: Station | None = None) -> None:
        """Post a new frame, captured `behind` ago by the camera's clock."""
        station = at or self.station
        captured = (self.now - behind).isoformat()
        answer = await station.post_frame(
            self.credential, p.jpeg(), params={"captured_at": captured}
        )
        assert answer.status_code == 202, answer.text

    async def frames(self, count: int, over: timedelta = HOUR, behind: timedelta = SLOW) -> None:
        """Post `count` frames, the first now and the last after `over`."""
        await self.frame(behind)
        for _ in range(count - 1):
            self.station.clock.advance(seconds=(over / (count - 1)).total_seconds())
            await self.frame(behind)

    async def announced(self, at: Station | None = None) -> list[DeviceSilenced]:
        """Check; return what is announced."""
        station = at or self.station
        await station.running.silence.check()
        station.bus.records.clear()
        await station.running.runtime.relay.drain()
        return station.bus.events(DeviceSilenced)

    async def late_since(self) -> str | None:
        """Return since when the registry says that all is late."""
        [device] = (await self.station.admin("GET", "/v1/devices")).json()["items"]
        return device["late_since"]


async def watched(station: Station, **fields: Any) -> Watched:
    registered = await station.register(**fields)
    station.clock.advance(hours=1)  # so that it has listened for long
    return Watched(station, registered["device"]["device_id"], registered["credential"])


@pytest.fixture
async def camera(station) -> Watched:
    return await watched(station)


@pytest.mark.clause("468.3.1(c)/device-late")
async def test_a_camera_whose_posts_over_an_hour_were_all_late_is_announced_once(camera):
    since = camera.now
    await camera.frames(LATE_POSTS - 1, HOUR - timedelta(seconds=1))
    camera.station.clock.advance(seconds=1)
    assert await camera.announced() == []
    assert await camera.late_since() is None
    await camera.frame()
    [told] = await camera.announced()
    assert (str(told.device_id), told.device_name) == (camera.device_id, "Main St")
    assert (told.late_since, told.last_heard_at) == (since, camera.now)
    assert told.silent_after_s == HOUR.total_seconds()
    assert datetime.fromisoformat(await camera.late_since()) == since
    await camera.frames(LATE_POSTS, 2 * HOUR)
    assert await camera.announced() == []
    camera.station.clock.advance(hours=3)  # one that was announced goes on over a pause
    await camera.frames(LATE_POSTS, 2 * HOUR)
    assert await camera.announced() == []
    assert datetime.fromisoformat(await camera.late_since()) == since


@pytest.mark.clause("468.3.1(c)/device-late")
async def test_a_live_post_ends_the_stretch_and_a_later_one_is_announced_again(camera):
    await camera.frames(LATE_POSTS)
    assert len(await camera.announced()) == 1
    camera.station.clock.advance(seconds=1)
    await camera.frame(timedelta(minutes=15))
    assert await camera.announced() == []
    assert await camera.late_since() is None
    camera.station.clock.advance(seconds=1)
    since = camera.now
    await camera.frames(LATE_POSTS)
    [again] = await camera.announced()
    assert again.late_since == since


async def test_an_hour_with_one_live_post_is_no_stretch(camera):
    await camera.frames(LATE_POSTS, timedelta(minutes=50))
    await camera.frame(timedelta(0))
    camera.station.clock.advance(minutes=10)
    await camera.frames(LATE_POSTS, timedelta(minutes=59))
    assert await camera.announced() == []


async def test_a_few_late_posts_are_no_stretch(camera):
    await camera.frames(LATE_POSTS - 1, 2 * HOUR)
    assert await camera.announced() == []


@pytest.mark.clause("468.3.1(c)/device-late")
async def test_what_was_kept_back_during_an_outage_is_not_announced(camera):
    for behind in range(60, 10, -1):
        await camera.frame(timedelta(minutes=behind))
        camera.station.clock.advance(seconds=5)
    assert await camera.announced() == []
    camera.station.clock.advance(hours=2)  # a quiet night
    assert await camera.announced() == []
    await camera.frame(timedelta(0))
    assert await camera.announced() == []


async def test_what_was_kept_back_during_two_outages_with_a_pause_is_not_announced(camera):
    await camera.frames(20, timedelta(minutes=1))
    await camera.announced()
    camera.station.clock.advance(hours=1, seconds=1)
    await camera.frames(20, timedelta(minutes=1))
    assert await camera.announced() == []


async def test_vehicles_and_revoked_cameras_are_not_announced_as_late(station):
    vehicle = await watched(station, name="Patrol 12", kind="vehicle")
    place = {"latitude": "39.93", "longitude": "-122.18"}
    for _ in range(LATE_POSTS):
        at = (vehicle.now - SLOW).isoformat()
        sent = {"captured_at": at, **place}
        answer = await station.post_frame(vehicle.credential, p.jpeg(), params=sent)
        assert answer.status_code == 202
        station.clock.advance(minutes=20)
    fixed = await watched(station)
    await fixed.frames(LATE_POSTS)
    path = f"/v1/devices/{fixed.device_id}"
    await station.admin("POST", f"{path}/revocation", {"reason": "wrong clock"})
    assert await fixed.announced() == []
    await station.admin("POST", f"{path}/reinstatement", {"reason": "clock set"})
    assert await fixed.announced() == []


@pytest.mark.clause("468.3.1(c)/device-late")
async def test_a_camera_without_a_clock_is_not_late(camera):
    frame = p.jpeg()
    for _ in range(2 * LATE_POSTS):
        answer = await camera.station.post_frame(camera.credential, frame)
        assert answer.json()["time_source"] == "server"
        camera.station.running.captures._stored.clear()  # as after a restart
        camera.station.clock.advance(minutes=20)
    assert await camera.announced() == []


async def test_reads_count_as_frames_do_and_one_live_read_makes_a_batch_live(camera):
    station = camera.station
    for number in range(LATE_POSTS):
        at = (camera.now - SLOW).isoformat()
        answer = await station.post_reads(
            camera.credential, [station.read(number, captured_at=at)] * 3
        )
        assert answer.status_code == 202
        station.clock.advance(minutes=15)
    [told] = await camera.announced()
    assert told.late_since is not None
    at = (camera.now - SLOW).isoformat()
    both = [station.read(98, captured_at=at), station.read(99)]
    assert (await station.post_reads(camera.credential, both)).status_code == 202
    await camera.announced()
    assert await camera.late_since() is None, "one of them was live"


@pytest.mark.clause("468.3.1(c)/device-late")
async def test_one_live_read_at_the_start_of_a_large_batch_makes_it_live(camera):
    station = camera.station
    for _ in range(LATE_POSTS):
        at = (camera.now - SLOW).isoformat()
        kept = [station.read(number, captured_at=at) for number in range(SLICE)]
        batch = [station.read(SLICE), *kept]
        assert (await station.post_reads(camera.credential, batch)).status_code == 202
        station.clock.advance(minutes=15)
    assert await camera.announced() == []


def rekor_post(station: Station) -> bytes:
    """Return a post of Rekor's engine, made now: a read with its frame."""
    frame = base64.b64encode(p.jpeg()).decode()
    at_ms = int(station.clock.now().timestamp() * 1000)
    return json.dumps(
        {**MAKERS["rekor"].example, "epoch_start": at_ms, "overview_jpeg": frame}
    ).encode()


async def accepted(camera: Watched, content: bytes) -> int:
    """Post it; return the number of reads that were accepted."""
    headers = {"Authorization": f"Bearer {camera.credential}"}
    answer = await camera.station.client.post("/v1/makers/rekor", content=content, headers=headers)
    assert answer.status_code == 202, answer.text
    return answer.json()["accepted"]


async def test_makers_posts_count(camera):
    station = camera.station
    for number in range(LATE_POSTS):
        sent = rekor_post(station)
        station.clock.advance(minutes=16)
        if number == LATE_POSTS - 1:
            assert await camera.announced() == [], "a read and its frame are one post"
        assert await accepted(camera, sent) == 1
        station.clock.advance(minutes=10)
    [told] = await camera.announced()
    assert told.last_heard_at - told.late_since == timedelta(minutes=26) * (LATE_POSTS - 1)
    assert await accepted(camera, rekor_post(station)) == 1
    await camera.announced()
    assert await camera.late_since() is None


@pytest.mark.clause("468.3.1(c)/device-late")
@pytest.mark.parametrize("what", ["frame", "reads"])
async def test_what_kafka_did_not_take_says_nothing_of_the_clock(camera, what):
    await camera.frames(LATE_POSTS - 1, HOUR)
    camera.station.clock.advance(seconds=1)
    camera.station.bus.down = True
    at, credential = (camera.now - SLOW).isoformat(), camera.credential
    if what == "frame":
        posted = camera.station.post_frame(credential, p.jpeg(), params={"captured_at": at})
    else:
        posted = camera.station.post_reads(
            credential, [camera.station.read(captured_at=at, source_id=None)]
        )
    assert (await posted).status_code == 503
    camera.station.bus.down = False
    assert await camera.announced() == []


@pytest.mark.clause("468.3.1(c)/device-late")
async def test_a_live_post_at_another_process_counts(
    station, ingest_settings, bus, objects, clock, authority, policy
):
    async with another(ingest_settings, bus, objects, clock, authority, policy) as other:
        camera = await watched(station)
        await camera.frames(LATE_POSTS, timedelta(minutes=30))
        await camera.announced()
        await camera.frame(timedelta(0), at=other)
        await other.running.last_seen.flush()
        clock.advance(seconds=1)
        await camera.frames(LATE_POSTS, timedelta(minutes=40))
        assert await camera.announced() == []
        await camera.frame(timedelta(0), at=other)
        clock.advance(seconds=1)
        since = camera.now
        await camera.frame(at=other)
        await camera.frames(LATE_POSTS - 1, HOUR)
        assert await other.running.silence.check() == 0, "it lacks what the first has heard"
        [told] = await camera.announced()
        assert told.late_since == since, "both were counted"
        assert await camera.announced(other) == []


@pytest.mark.parametrize("behind", [SLOW, timedelta(0)])
async def test_what_could_not_be_written_counts_later(camera, monkeypatch, behind):
    last_seen, db = camera.station.running.last_seen, camera.station.running.runtime.db
    since = camera.now
    await camera.frames(LATE_POSTS - 1, timedelta(minutes=30))
    camera.station.clock.advance(seconds=1)

    @asynccontextmanager
    async def fails():
        await camera.frame(behind)
        raise Unavailable(Common.DATABASE_AWAY)
        yield

    with monkeypatch.context() as broken:
        broken.setattr(db, "begin", fails)
        with pytest.raises(Unavailable):
            await last_seen.flush()
    camera.station.clock.advance(hours=1)
    await camera.frame()
    announced = await camera.announced()
    assert [told.late_since for told in announced] == ([since] if behind else [])


async def test_late_posts_that_are_written_after_a_live_one_at_another_process_do_not_count(
    station, ingest_settings, bus, objects, clock, authority, policy
):
    async with another(ingest_settings, bus, objects, clock, authority, policy) as other:
        camera = await watched(station)
        await camera.frames(LATE_POSTS, timedelta(minutes=30))
        await camera.frame(timedelta(0), at=other)
        await other.running.last_seen.flush()
        clock.advance(minutes=30)
        await camera.frame()
        assert await camera.announced() == []
