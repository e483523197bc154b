"""After a restore no service shows a record that a purge may have destroyed: a purge runs first."""

from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from msgspec import structs
from sqlalchemy import text

from local.backup.answers import restored_answer
from shared.core.errors import Unavailable
from shared.core.problem_codes import Common
from shared.postgres.database import database_of
from shared.testing import eventually, mac_key_text
from shared.testing.sample import SampleSettings
from tests.integration.backup.exporting import export, imported
from tests.integration.retention.conftest import a_read, started
from tests.integration.retention.exporting import current, withdraw
from tests.integration.retention.exporting import exported as evidence_of
from tests.integration.retention.holding import LONG_AGO, release
from tests.integration.retention.holding import place as place_hold
from tests.integration.retention.packaging import a_pictured_read
from tests.integration.retention.purging import DUE, authorise, left, propose, purge

pytestmark = pytest.mark.clause("468.5/restored")


@pytest.fixture
def retention_in(postgres, settings, bus, objects, clock, authority, policy, monkeypatch):
    """Start retention on a database."""
    monkeypatch.setattr("shared.service.restored.ASKED_EVERY_S", 0.05)

    @asynccontextmanager
    async def start(name):
        own = settings.model_dump() | {
            "database_url": postgres.service_url("retention", name),
            "event_mac_key": mac_key_text("retention"),
        }
        async with started(
            SampleSettings(**own), bus, objects, clock, authority, policy
        ) as service:
            yield service

    return start


class Full:
    """An empty object store on a full disk."""

    async def page(self, folder, **given):
        return []

    async def put(self, key, data):
        raise Unavailable(Common.OBJECT_NOT_STORED)


async def backed_up(place):
    """Make a backup; return what restores it."""
    await place.back_up()
    return restored


async def exported(place):
    """Make an export; return what imports it."""
    folder = place.folder / "export"
    folder.mkdir()
    await export(place, folder)

    async def brought(place, target, clock):
        done = await imported(place, target, folder, now=clock.now(), ended=True)
        assert done.faults == []
        return done.due

    return brought


async def restored(place, target, clock):
    """Restore; return whether the services are closed."""
    done = await place.restore(target, now=clock.now())
    assert done.faults == []
    answer = restored_answer(done, clock.now(), None)
    assert ("no ALPR data until a purge has run" in answer.text) is done.due
    assert (answer.status, answer.data["closed_until_purge"]) == (0, done.due)
    return done.due


async def is_closed(retention):
    """Return whether a search is refused because of the restore."""
    answer = await retention.client.post(
        "/v1/reads/search",
        json={
            "captured_from": (DUE - timedelta(days=2)).isoformat(),
            "captured_to": (DUE + timedelta(days=2)).isoformat(),
            "plate": "7OLD001",
        },
        headers=retention.authority.headers(),
    )
    if answer.status_code == 200:
        return False
    assert (answer.status_code, answer.json()["code"]) == (503, "restored_unpurged")
    assert answer.headers["Retry-After"] == "60"
    return True


async def is_open(retention):
    return not await is_closed(retention)


@pytest.mark.parametrize("taken", [backed_up, exported])
async def test_no_record_is_shown_after_a_restore_until_a_purge_under_the_standing_order(
    place, retention_in, clock, taken
):
    await place.fill(objects=0)
    async with retention_in("tests") as live:
        await live.store(a_read("7OLD001", DUE - timedelta(hours=1)))
        await live.store(a_read("8NEW001", DUE + timedelta(hours=1)))
        await authorise(live, await propose(live, kind="standing"))
    bring = await taken(place)
    with place.elsewhere() as target:
        assert await bring(place, target, clock)
        async with retention_in("restored") as retention:
            assert await is_closed(retention)
            state = await retention.running.check()
            assert "refused" in state["task purge"]
            await retention.get("/v1/purge-runs")  # who carries a purge out is not refused
            await retention.running.purger.work()
            await eventually(lambda: is_open(retention))
            assert await left(retention) == ["8NEW001"]


async def test_a_day_whose_purge_is_in_the_backup_has_a_further_one_after_the_restore(
    place, retention_in, clock
):
    await place.fill(objects=0)
    async with retention_in("tests") as live:
        await live.store(a_read("7OLD001", DUE + timedelta(hours=3)))
        await authorise(live, await propose(live, kind="standing"))
        await live.running.purger.work()
        assert await left(live) == ["7OLD001"]
    await place.back_up()
    clock.advance(hours=6)
    with place.elsewhere() as target:
        assert await restored(place, target, clock)
        async with retention_in("restored") as retention:
            assert await is_closed(retention)
            await retention.running.purger.work()
            await eventually(lambda: is_open(retention))
            assert await left(retention) == []
            await retention.running.purger.work()
            runs = (await retention.get("/v1/purge-runs")).json()["items"]
            assert len([run for run in runs if run["kind"] == "daily"]) == 2


@pytest.mark.parametrize("taken", [backed_up, exported])
async def test_a_restore_that_ended_halfway_shows_no_record_that_a_purge_may_have_destroyed(
    place, retention_in, clock, taken
):
    await place.fill()
    async with retention_in("tests") as live:
        await live.store(a_read("7OLD001", DUE - timedelta(hours=1)))
    bring = await taken(place)
    with place.elsewhere() as target:
        full = replace(target, objects=Full())
        with pytest.raises(Unavailable):
            await bring(place, full, clock)
        async with retention_in("restored") as retention:
            assert await is_closed(retention)


async def test_objects_that_a_purge_destroyed_after_the_backup_are_not_restored(
    place, retention_in, clock
):
    floor = clock.now() - timedelta(days=place.live.policy.retention.floor_days)
    objects = {}
    for plate, captured_at in (
        ("7OLD001", floor - timedelta(days=2)),
        ("7OLD002", floor - timedelta(days=3)),
        ("8NEW001", floor + timedelta(days=2)),
    ):
        read = a_read(plate, captured_at)
        day = f"{read.device_id}/{captured_at:%Y/%m/%d}"
        read = structs.replace(read, crop_key=f"crops/{day}/{read.read_id}.jpg")
        frame = f"captures/{day}/{uuid4()}.jpg"
        objects[plate] = read, {read.crop_key, frame}
        for key in (read.crop_key, frame):
            await place.live.objects.put(key, plate.encode())
    await place.fill(objects=0)
    await place.live.objects.put("captures/odd", b"kept")
    await place.back_up()
    for key in {"captures/odd", *(key for _, keys in objects.values() for key in keys)}:
        await place.live.objects.delete(key)
    async with retention_in("tests") as live:
        read, _ = objects["7OLD001"]
        await live.store(read)  # the records of the others are gone
    await place.restore_objects(clock.now(), ended=True)
    store = place.live.objects
    there = {one.key for kind in ("captures", "crops") for one in await store.page(kind)}
    assert there == {"captures/odd", read.crop_key, *objects["8NEW001"][1]}


async def test_a_record_of_a_released_hold_is_not_shown_after_a_restore_until_a_purge(
    place, retention_in, clock
):
    await place.fill(objects=0)
    async with retention_in("tests") as live:
        await live.store(a_read("7OLD001", LONG_AGO))
        hold = await place_hold(live, plate="7OLD001")
        await purge(live)
        assert (await left(live), await left(live, "held_reads")) == ([], ["7OLD001"])
        await release(live, hold)
    await place.back_up()
    clock.advance(hours=6)
    with place.elsewhere() as target:
        assert await restored(place, target, clock)
        async with retention_in("restored") as retention:
            assert await is_closed(retention)
            assert (await purge(retention))["state"] == "certified"
            await eventually(lambda: is_open(retention))
            assert await left(retention, "held_reads") == []


async def test_packages_that_expired_or_ended_after_the_backup_are_not_restored(
    place, retention_in, clock
):
    await place.fill(objects=0)
    async with retention_in("tests") as live:
        await a_pictured_read(live, "7ABC123")
        exports = [await evidence_of(live, plate="7ABC123") for _ in ("ends", "stays")]
        ended, kept = [export for _, export in exports]
        keys = {name: f"packages/{uuid4()}.zip" for name in ("expired", "valid", "unknown")}
        keys |= {
            "ended": f"evidence/{ended['export_id']}.zip",
            "kept": f"evidence/{kept['export_id']}.zip",
        }
        for key in keys.values():
            await place.live.objects.put(key, b"package")
        await release_row(place, keys["expired"], clock.now() + timedelta(hours=1))
        await release_row(place, keys["valid"], clock.now() + timedelta(days=30))
        await place.back_up()
        await withdraw(live, ended)
        await live.running.evidence.work()
        assert (await current(live, ended))["removed_at"] is not None
        clock.advance(hours=2)
    for key in keys.values():
        await place.live.objects.delete(key)
    assert await place.restore_objects(clock.now(), ended=True) == 2
    store = place.live.objects
    there = {one.key for kind in ("packages", "evidence") for one in await store.page(kind)}
    assert there == {keys["valid"], keys["kept"]}


async def release_row(place, key, expires_at):
    """Have retention know a package that is built, whose download expires at a time."""
    row = text(
        "INSERT INTO packages (request_id, approval, approved_at, not_before, built_at)"
        " VALUES (:id, jsonb_build_object('expires_at', CAST(:expires AS text)), now(), now(), now())"
    )
    request_id = key.partition("/")[2].removesuffix(".zip")
    async with (
        database_of(place.live.database, "retention") as db,
        db.begin() as connection,
    ):
        await connection.execute(row, {"id": request_id, "expires": expires_at.isoformat()})


async def test_a_restore_of_records_within_the_schedule_alone_closes_nothing(
    place, retention_in, clock
):
    await place.fill(objects=0)
    async with retention_in("tests") as live:
        await live.store(a_read("8NEW001", DUE + timedelta(hours=1)))
    await place.back_up()
    with place.elsewhere() as target:
        assert not await restored(place, target, clock)
        async with retention_in("restored") as retention:
            assert await is_open(retention)
