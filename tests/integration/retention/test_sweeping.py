"""Objects that no record names go too, on the same authority; held ones and doubtful ones stay."""

import asyncio
import os
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import text

from services.retention.domain.criteria import Criteria
from services.retention.domain.orphans import Day
from services.retention.store.orphans import Named, Orphans
from services.retention.store.packages import Packages
from services.retention.store.partitions import Partitions
from services.retention.store.runs import Runs
from services.retention.workers import purger, sweeper
from shared.core.errors import DependencyDown
from shared.events import Image, PassesRecorded, PurgeChanged, RecordedPass, ReleasePackaged
from shared.objects.local import LocalObjects
from shared.postgres.outbox import emit
from shared.testing import FakeClock
from tests.integration.retention.conftest import DEVICE, JPEG, a_capture, a_hit, a_read, started
from tests.integration.retention.holding import (
    place,
    release,
    work_while_a_hold_is_placed,
)
from tests.integration.retention.packaging import an_approval
from tests.integration.retention.purging import (
    AUTHORISER,
    DUE,
    NOON,
    authorise,
    execute,
    propose,
    purge,
)

OLD = DUE - timedelta(days=5)
OTHER = UUID("00000000-0000-4000-8000-00000000d002")
KNOWN = text(
    "INSERT INTO devices VALUES (:device_id, 'Solano St at Third', 'CA0520100') ON CONFLICT DO NOTHING"
)


class Folder(LocalObjects):
    """The folder, with a view of its files."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.folder = folder

    @property
    def keys(self) -> list[str]:
        """The keys of the store without the lists that purges leave."""
        files = (path for path in self.folder.rglob("*") if path.is_file())
        keys = sorted(path.relative_to(self.folder).as_posix() for path in files)
        return [key for key in keys if not key.startswith("purges/")]

    async def lay(self, key: str, put_at: datetime) -> str:
        """Put an object as of `put_at`; return its key."""
        await self.put(key, JPEG)
        os.utime(self.folder / key, (put_at.timestamp(), put_at.timestamp()))
        return key


@pytest.fixture
def objects(tmp_path):
    """The object store of a small installation: a folder."""
    return Folder(tmp_path / "kept")


def a_key(at, kind="captures", *, device=DEVICE, name=None):
    return f"{kind}/{device}/{at:%Y/%m/%d}/{name or uuid4()}.jpg"


async def orphan(retention, at, kind="captures", *, device=DEVICE, put_at=None, name=None):
    """Put an object of an unannounced frame, of a known camera; return its key."""
    async with retention.runtime.db.begin() as connection:
        await connection.execute(KNOWN, {"device_id": device})
    key = a_key(at, kind, device=device, name=name)
    return await retention.objects.lay(key, put_at or at + timedelta(seconds=2))


async def recorded(retention, plate, at):
    """Store a frame with its crop, both in the records; return their keys."""
    capture_id = uuid4()
    image = Image(
        object_key=a_key(at, name=capture_id),
        sha256="0" * 64,
        media_type="image/jpeg",
        size_bytes=len(JPEG),
        width_px=1920,
        height_px=1080,
    )
    capture = a_capture(at, capture_id=capture_id, image=JPEG)
    capture = msgspec.structs.replace(
        capture, capture=msgspec.structs.replace(capture.capture, image=image)
    )
    read = a_read(plate, at, capture_id=capture_id, image_key=image.object_key)
    read = msgspec.structs.replace(read, crop_key=a_key(at, "crops", name=read.read_id))
    await retention.store(capture, read)
    keys = [image.object_key, read.crop_key]
    for key in keys:
        await retention.objects.lay(key, at + timedelta(seconds=2))
    return keys


async def again(retention):
    """Purge once more, a little later; return the run."""
    retention.clock.advance(seconds=1)
    return await purge(retention)


async def current(retention, run):
    return (await retention.get(f"/v1/purge-runs/{run['run_id']}")).json()


async def begun(retention):
    """Begin a run that the purger carries out in its next turn."""
    run = await propose(retention)
    await authorise(retention, run)
    await execute(retention, run)
    return run


def found(run):
    return run["orphans"], run["orphans_left"], run["odd_objects"]


@pytest.mark.clause("468.5/schedule")
async def test_an_orphaned_object_is_deleted_once_it_is_past_the_schedule(retention, caplog):
    caplog.set_level("DEBUG")
    old = [
        await orphan(retention, OLD),
        await orphan(retention, OLD, "crops"),
        await orphan(retention, OLD - timedelta(days=700), device=OTHER),
    ]
    young = [
        await orphan(retention, DUE),
        await orphan(retention, NOON - timedelta(days=300)),
        await orphan(retention, NOON, "crops"),
    ]
    run = await purge(retention)
    assert retention.objects.keys == sorted(young)
    assert run["state"] == "certified"
    assert found(run) == (3, 0, 0)
    assert datetime.fromisoformat(run["swept_at"]) == NOON
    certificate = (await retention.get(f"/v1/purge-runs/{run['run_id']}/certificate")).json()
    assert certificate["without_record"] == {
        "captured_before": (DUE - timedelta(days=2)).isoformat(),
        "deleted": 3,
        "kept_in_doubt": 0,
        "odd": 0,
        "swept": NOON.isoformat(),
    }
    certified = (await retention.emitted(PurgeChanged))[-1]
    assert (certified.change, certified.details["without_record"]["deleted"]) == ("certified", 3)
    assert caplog.records
    for key in old:
        assert Path(key).name.removesuffix(".jpg") not in caplog.text
        assert key not in str(certified) + str(certificate) + str(run)
    assert str(DEVICE) not in caplog.text


@pytest.mark.parametrize(
    ("days", "goes"), [(0, False), (1, False), (2, False), (2.5, False), (2.6, True), (3, True)]
)
async def test_an_orphan_is_kept_for_two_days_beyond_the_date_of_the_run(retention, days, goes):
    """DUE is a noon: the day two days before it is not wholly past."""
    key = await orphan(retention, DUE - timedelta(days=days))
    run = await purge(retention)
    assert retention.objects.keys == ([] if goes else [key])
    assert run["orphans"] == int(goes)


async def test_a_run_with_an_earlier_date_deletes_no_later_orphan(retention):
    key = await orphan(retention, OLD)
    run = await purge(retention, before=(OLD - timedelta(days=1)).isoformat())
    assert (run["state"], run["orphans"]) == ("certified", 0)
    assert retention.objects.keys == [key]


@pytest.mark.clause("468.5/holds")
async def test_a_sweep_keeps_objects_under_a_hold_and_deletes_orphans_beside_them(retention):
    keys = await recorded(retention, "7ABC123", OLD)
    gone = [await recorded(retention, "8XYZ987", OLD), await orphan(retention, OLD)]
    assert len(retention.objects.keys) == 5, gone
    hold = await place(retention, plate="7ABC123")
    run = await purge(retention)
    assert retention.objects.keys == sorted(keys)
    assert (run["objects"], *found(run)) == (2, 1, 0, 0)
    run = await again(retention)
    assert retention.objects.keys == sorted(keys)
    assert (run["objects"], *found(run)) == (0, 0, 0, 0)
    await release(retention, hold)
    run = await again(retention)
    assert retention.objects.keys == []
    assert (run["objects"], *found(run)) == (2, 0, 0, 0)


@pytest.mark.clause("468.5/holds")
@pytest.mark.parametrize(
    "criteria",
    [
        {"device_ids": [str(DEVICE)]},
        {"captured_to": DUE.isoformat()},
        {"area": {"latitude": 39.9, "longitude": -122.1, "radius_m": 90}},
    ],
    ids=["its camera", "its time", "an area"],
)
async def test_an_orphan_that_a_hold_may_concern_is_kept_until_the_hold_is_released(
    retention, criteria
):
    key = await orphan(retention, OLD)
    hold = await place(retention, **criteria)
    for _ in range(2):
        run = await again(retention)
        assert (retention.objects.keys, found(run)) == ([key], (0, 1, 0))
    await release(retention, hold)
    run = await again(retention)
    assert (retention.objects.keys, found(run)) == ([], (1, 0, 0))


@pytest.mark.clause("468.5/holds")
async def test_a_hold_placed_after_a_day_was_listed_keeps_its_orphans(retention, monkeypatch):
    key = await orphan(retention, OLD)
    page, holds = retention.objects.page, []

    async def held_meanwhile(folder, **how):
        listed = await page(folder, **how)
        if not holds:
            holds.append(await place(retention, device_ids=[str(DEVICE)]))
        return listed

    monkeypatch.setattr(retention.objects, "page", held_meanwhile)
    run = await purge(retention)
    assert holds
    assert (retention.objects.keys, found(run)) == ([key], (0, 1, 0))


@pytest.mark.clause("468.5/holds")
async def test_a_sweep_waits_for_a_hold_that_is_being_placed(retention, monkeypatch):
    key = await orphan(retention, OLD)
    run = await begun(retention)
    await without_sweep(retention, monkeypatch)
    await work_while_a_hold_is_placed(retention, Criteria(device_ids=(DEVICE,)))
    assert (retention.objects.keys, found(await current(retention, run))) == ([key], (0, 1, 0))


async def test_a_crop_of_a_read_that_a_hold_names_by_id_is_kept(retention):
    read_id = uuid4()
    key = await orphan(retention, OLD, "crops", name=read_id)
    await orphan(retention, OLD, "crops")
    await place(retention, read_ids=[str(read_id)])
    run = await purge(retention)
    assert (retention.objects.keys, found(run)) == ([key], (1, 1, 0))


async def test_a_hold_of_another_camera_or_time_keeps_no_orphan(retention):
    await orphan(retention, OLD)
    await place(retention, device_ids=[str(OTHER)])
    await place(retention, captured_from=(OLD + timedelta(days=2)).isoformat())
    run = await purge(retention)
    assert (retention.objects.keys, found(run)) == ([], (1, 0, 0))


@pytest.mark.clause("468.3.1(f)/five-facts")
async def test_no_orphan_is_swept_before_the_run_is_executed(retention):
    key = await orphan(retention, OLD)
    work = retention.running.purger.work
    await work()
    run = await propose(retention)
    await work()
    await authorise(retention, run)
    await work()
    assert retention.objects.keys == [key]
    await execute(retention, run)
    await work()
    assert retention.objects.keys == []


async def without_sweep(service, monkeypatch):
    """Carry out due runs like a purger that is killed before it sweeps."""

    async def killed(run):
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(service.running.purger, "_sweep", killed)
        with pytest.raises(RuntimeError):
            await service.running.purger.work()


@pytest.mark.clause("468.3.1(f)/five-facts")
async def test_a_run_sweeps_no_further_once_a_fact_is_missing(
    settings, bus, objects, clock, authority, policy, monkeypatch
):
    lacking = msgspec.structs.replace(
        policy, retention=msgspec.structs.replace(policy.retention, attorney_consent_id="")
    )
    parts = (settings, bus, objects, clock, authority)
    async with started(*parts, policy) as whole:
        key = await orphan(whole, OLD)
        run = await begun(whole)
        await without_sweep(whole, monkeypatch)
        assert (await current(whole, run))["state"] == "executed"
    async with started(*parts, lacking) as without:
        await without.running.purger.work()
        assert objects.keys == [key]
        run = await current(
            without, run
        )  # the certificate names the destroyed records, and the omitted sweep
        assert (run["state"], run["swept_at"]) == ("certified", None)


async def test_a_daily_run_sweeps_no_further_once_the_standing_order_is_withdrawn(
    retention, monkeypatch
):
    key = await orphan(retention, OLD)
    leave = await propose(retention, kind="standing")
    await authorise(retention, leave)
    await without_sweep(retention, monkeypatch)
    path = f"/v1/purge-runs/{leave['run_id']}/withdrawal"
    await retention.post(path, {"note": "litigation expected"}, **AUTHORISER)
    await retention.running.purger.work()
    assert retention.objects.keys == [key]
    [run] = [r for r in (await retention.get("/v1/purge-runs")).json()["items"] if r["day"]]
    assert (run["state"], run["orphans"], run["swept_at"]) == ("certified", 0, None)


@pytest.mark.clause("468.5/schedule")
async def test_a_standing_order_sweeps_newly_due_orphans_each_day(retention):
    keys = [await orphan(retention, OLD + timedelta(days=n)) for n in range(8)]
    leave = await propose(retention, kind="standing")
    await authorise(retention, leave)
    for n in (3, 4, 5):
        await retention.running.purger.work()
        assert retention.objects.keys == sorted(keys[n:])
        retention.clock.advance(days=1)


async def test_an_interrupted_sweep_continues_and_counts_each_orphan_once(retention, monkeypatch):
    monkeypatch.setattr(sweeper, "PAGE", 2)
    for n in range(7):
        await orphan(retention, OLD, device=DEVICE if n % 2 else OTHER)
    run = await begun(retention)
    doom, calls = Orphans.doom, 0

    async def cut_off(*arguments):
        nonlocal calls
        calls += 1
        if calls % 2 == 0:
            raise DependencyDown("killed")
        return await doom(*arguments)

    monkeypatch.setattr(Orphans, "doom", cut_off)
    cleaner = retention.running.purger._cleaner
    monkeypatch.setattr(cleaner, "delete_objects", retention.runtime.objects.ping)
    for reached in (2, 3, 5):  # pages of 2 and 1 of one camera, then of 2 of the other
        await retention.running.purger.work()
        state = await current(retention, run)
        assert (state["state"], state["orphans"]) == ("executed", reached)
        assert len(retention.objects.keys) == 7, "listed for deletion, and killed before that"
    monkeypatch.undo()
    await retention.running.purger.work()
    state = await current(retention, run)
    assert (state["state"], *found(state)) == ("certified", 7, 0, 0)
    assert retention.objects.keys == []


async def test_a_deletion_that_fails_is_tried_again_before_the_run_is_certified(
    retention, monkeypatch
):
    await orphan(retention, OLD)
    run = await begun(retention)

    async def broken(keys):
        return frozenset(keys)

    with monkeypatch.context() as patched:
        patched.setattr(retention.objects, "delete_all", broken)
        for _ in range(2):
            await retention.running.purger.work()
            assert (await current(retention, run))["state"] == "executed"
            assert len(retention.objects.keys) == 1
    await retention.running.purger.work()
    state = await current(retention, run)
    assert (state["state"], state["orphans"], retention.objects.keys) == ("certified", 1, [])


async def test_two_purgers_at_one_sweep_delete_and_count_once(retention, monkeypatch):
    monkeypatch.setattr(sweeper, "PAGE", 3)
    for n in range(20):
        await orphan(retention, OLD - timedelta(days=n % 4))
        await retention.objects.lay(f"captures/odd/{n}.jpg", OLD)
    run = await begun(retention)
    first = retention.running.purger
    second = purger.Purger(retention.runtime, retention.running.keys)
    await asyncio.gather(first.work(), second.work())
    await first.work()
    state = await current(retention, run)
    assert (state["state"], *found(state)) == ("certified", 20, 0, 20)
    assert len(retention.objects.keys) == 20


async def test_a_sweep_that_another_process_already_did_is_not_counted_again(
    retention, monkeypatch
):
    monkeypatch.setattr(sweeper, "TURN_S", 0.0)
    await orphan(retention, OLD)
    await orphan(retention, OLD, put_at=NOON)
    await retention.objects.lay(f"captures/{DEVICE}/{OLD:%Y/%m/%d}/notes.txt", OLD)
    run_id = UUID((await begun(retention))["run_id"])
    await without_sweep(retention, monkeypatch)

    async def stored():
        async with retention.runtime.db.begin() as connection:
            return await Runs(connection).get(run_id)

    before = await stored()
    await sweeper.Sweeper(retention.runtime).sweep(before)
    after = await stored()
    assert after.sweep_after is not None
    assert (after.orphans, after.orphans_left, after.odd_objects) == (1, 1, 1)
    monkeypatch.setattr(sweeper, "TURN_S", 60.0)
    await sweeper.Sweeper(retention.runtime).sweep(before)
    assert await stored() == after
    await sweeper.Sweeper(retention.runtime).sweep(after)
    ended = await stored()
    assert ended.swept_at == NOON
    assert (ended.orphans, ended.orphans_left, ended.odd_objects) == (1, 1, 1)


async def test_objects_that_another_run_deleted_are_neither_counted_nor_in_doubt(
    retention, monkeypatch
):
    await orphan(retention, OLD)

    async def broken(keys):
        return frozenset(keys)

    with monkeypatch.context() as patched:
        patched.setattr(retention.objects, "delete_all", broken)
        first = await purge(retention)
        await place(retention, device_ids=[str(DEVICE)])  # too late: it is gone but for the bytes
        second = await again(retention)
        assert (found(first), found(second)) == ((1, 0, 0), (0, 0, 0))
    await retention.running.purger.work()
    assert retention.objects.keys == []
    assert (await current(retention, first))["state"] == "certified"


async def test_an_orphan_of_a_camera_without_records_is_kept(retention):
    """A database that does not belong to this store knows none of its cameras."""
    key = await retention.objects.lay(a_key(OLD, device=OTHER), OLD)
    run = await purge(retention)
    assert (retention.objects.keys, found(run)) == ([key], (0, 1, 0))


async def test_a_long_sweep_continues_over_several_turns(retention, monkeypatch):
    """Each turn gets further, however short it is; the certificate waits for the end."""
    monkeypatch.setattr(sweeper, "TURN_S", 0.0)
    monkeypatch.setattr(sweeper, "PAGE", 2)
    for n in range(6):
        await orphan(retention, OLD - timedelta(days=n // 3), "crops" if n % 2 else "captures")
    await orphan(retention, NOON)
    await retention.objects.lay("captures/notes.txt", OLD)
    run = await begun(retention)
    turns, state = 0, {"state": "executing"}
    while state["state"] != "certified":
        turns += 1
        assert turns < 60, "it comes to no end"
        await retention.running.purger.work()
        state = await current(retention, run)
        assert (state["swept_at"] is None) == (state["state"] != "certified")
    assert turns > 6
    assert (state["state"], *found(state)) == ("certified", 6, 0, 1)
    assert len(retention.objects.keys) == 2


async def test_a_day_that_two_turns_swept_is_clean_only_if_all_its_pages_are(
    retention, monkeypatch
):
    monkeypatch.setattr(sweeper, "PAGE", 1)
    long_ago = OLD - timedelta(days=60)
    await orphan(retention, long_ago, name=UUID(int=1))  # the first page, and held
    await recorded(retention, "7ABC123", long_ago)
    hold = await place(retention, device_ids=[str(DEVICE)])
    run = await begun(retention)
    with monkeypatch.context() as patched:
        patched.setattr(sweeper, "TURN_S", 0.0)
        await retention.running.purger.work()
    assert (await current(retention, run))["state"] == "executed"
    await retention.running.purger.work()
    assert found(await current(retention, run)) == (0, 1, 0)
    await release(retention, hold)
    await again(retention)
    assert retention.objects.keys == []


async def test_odd_names_and_future_days_are_kept_and_counted(retention):
    odd = [
        f"captures/{DEVICE}/{NOON + timedelta(days=3):%Y/%m/%d}/{uuid4()}.jpg",
        f"captures/{DEVICE}/2031/01/01/{uuid4()}.jpg",
        f"captures/{DEVICE}/1970/01/01/{uuid4()}.jpg",
        f"captures/{DEVICE}/2025/02/30/{uuid4()}.jpg",
        f"captures/{DEVICE}/{OLD:%Y/%m/%d}/notes.txt",
        f"captures/{DEVICE}/{OLD - timedelta(days=60):%Y/%m/%d}/notes.txt",
        f"captures/{DEVICE}/{OLD:%Y/%m/%d}/deeper/{uuid4()}.jpg",
        f"captures/{DEVICE}/{OLD:%Y/%m}/{uuid4()}.jpg",
        f"captures/{DEVICE}/{uuid4()}.jpg",
        "captures/of-the-old-system/2019/01/01/1.jpg",
        f"crops/{uuid4()}.jpg",
        "packages/readme.txt",
    ]
    for key in odd:
        await retention.objects.lay(key, OLD)
    beyond = await retention.objects.lay("elsewhere/1.jpg", OLD)  # not the sweep's business
    await orphan(retention, OLD)
    for orphans_gone in (1, 0):
        run = await again(retention)
        assert found(run) == (orphans_gone, 0, len(odd))
        assert retention.objects.keys == sorted([*odd, beyond])
    figures = (await retention.client.get("/metrics")).text
    assert f'alpr_orphans_left{{why="odd"}} {len(odd)}.0' in figures
    assert "alpr_orphans_deleted_total" in figures


@pytest.mark.parametrize("where", ["captures/{}", "captures/{}/{:%Y}", "captures/{}/{:%Y/%m/%d}"])
async def test_a_folder_that_cannot_be_listed_is_counted_and_delays_no_other(
    retention, monkeypatch, where
):
    """S3 accepts keys outside our names; one such must not stop all purges' sweeps for ever."""
    key = await orphan(retention, OLD)
    await orphan(retention, OLD, device=OTHER)
    await orphan(retention, OLD, "crops")
    await retention.objects.lay("captures/.notes", OLD)
    spaced = retention.objects.folder / "captures/the old system/1.jpg"
    spaced.parent.mkdir()
    spaced.write_bytes(JPEG)
    broken = where.format(DEVICE, OLD)

    def unless_broken(ask):
        async def asked(folder, **how):
            if folder == broken:
                raise DependencyDown("the object store does not list")
            return await ask(folder, **how)

        return asked

    for name in ("level", "page"):
        monkeypatch.setattr(
            retention.objects, name, unless_broken(getattr(retention.objects, name))
        )
    run = await purge(retention)
    assert (run["state"], *found(run)) == ("certified", 2, 0, 3)
    assert retention.objects.keys == sorted(
        [key, "captures/.notes", "captures/the old system/1.jpg"]
    )
    monkeypatch.undo()
    assert found(await again(retention)) == (1, 0, 2)


async def test_a_half_written_object_of_a_crash_is_deleted(retention):
    key = f"captures/{DEVICE}/{OLD:%Y/%m/%d}/.{uuid4()}.jpg.{uuid4().hex}"
    await retention.objects.lay(key, OLD)
    await orphan(retention, OLD)
    run = await purge(retention)
    assert (retention.objects.keys, found(run)) == ([], (2, 0, 0))


async def test_a_recent_object_is_kept_until_no_pending_event_can_name_it(retention):
    """A vehicle uploads old frames after an outage; their events may wait in Kafka for days."""
    key = await orphan(retention, OLD, put_at=NOON - timedelta(days=5))
    run = await purge(retention)
    assert (retention.objects.keys, found(run)) == ([key], (0, 1, 0))
    retention.clock.advance(days=8)
    assert found(await again(retention)) == (0, 1, 0)
    retention.clock.advance(days=2)
    run = await again(retention)
    assert (retention.objects.keys, found(run)) == ([], (1, 0, 0))


async def purged_around_publishing(retention, told):
    """Purge while an event is in the outbox and after it is published; return counts and objects of each."""
    async with retention.runtime.db.begin() as connection:
        await emit(connection, "retention", told)
    before = found(await purge(retention)), retention.objects.keys
    await retention.runtime.relay.drain()
    return [before, (found(await again(retention)), retention.objects.keys)]


async def test_an_object_that_an_outbox_event_names_is_kept(retention):
    key = await orphan(retention, OLD, "crops")
    read = a_read("7ABC123", OLD)
    told = PassesRecorded(
        occurred_at=NOON,
        device_id=DEVICE,
        device_name="Solano St at Third",
        agency_ori=read.agency_ori,
        passes=[
            RecordedPass(
                pass_id=uuid4(),
                first_seen_at=OLD,
                last_seen_at=OLD,
                plate=read.plate,
                confidence=0.9,
                characters=[],
                read_ids=[read.read_id],
                best_read_id=read.read_id,
                crop_key=key,
            )
        ],
    )
    both = await purged_around_publishing(retention, told)
    assert both == [((0, 1, 0), [key]), ((1, 0, 0), [])]


async def test_a_package_that_an_outbox_event_names_is_kept(retention):
    request_id = uuid4()
    key = await retention.objects.lay(f"packages/{request_id}.zip", NOON - timedelta(days=500))
    told = ReleasePackaged(
        occurred_at=NOON,
        request_id=request_id,
        package_key=key,
        sha256="0" * 64,
        size_bytes=1,
        reads=0,
        images=0,
        manifest_signed_by="a key",
    )
    both = await purged_around_publishing(retention, told)
    assert both == [((0, 1, 0), [key]), ((1, 0, 0), [])]


async def test_objects_of_a_record_that_arrives_during_a_purge_are_kept_until_the_next_purge(
    retention, monkeypatch
):
    run = await begun(retention)
    sweep = retention.running.purger._sweep
    keys = []

    async def come_late(run):
        keys.extend(await recorded(retention, "7ABC123", OLD))
        keys.append(await orphan(retention, OLD, "crops", name=flagged.read_id))
        await retention.store(a_hit(flagged))
        await sweep(run)

    flagged = a_read("8XYZ987", OLD)  # a hit of which came, and not yet the read itself
    with monkeypatch.context() as patched:
        patched.setattr(retention.running.purger, "_sweep", come_late)
        await retention.running.purger.work()
    state = await current(retention, run)
    assert (state["state"], *found(state)) == ("certified", 0, 0, 0)
    assert retention.objects.keys == sorted(keys)
    run = await again(retention)
    assert (run["objects"], *found(run)) == (2, 1, 0, 0)
    assert retention.objects.keys == []


NAME = UUID("0f0e0d0c-0b0a-8908-8706-050403020100")
ELSE = UUID("0f0e0d0c-0b0a-8908-8706-0504030201ff")
READ = {
    "captured_at": OLD,
    "received_at": OLD,
    "plate_id": 1,
    "confidence": 0.9,
    "read_id": ELSE,
    "device_id": DEVICE,
    "agency_ori": "CA0520100",
    "plate_as_read": "7ABC123",
    "source": "edge",
    "model": "m",
}
CAPTURE = {
    "captured_at": OLD,
    "received_at": OLD,
    "size_bytes": 1,
    "capture_id": ELSE,
    "device_id": DEVICE,
    "width_px": 1,
    "height_px": 1,
    "reads": 0,
    "agency_ori": "CA0520100",
    "time_source": "device",
    "object_key": "captures/1",
    "sha256": "0",
    "media_type": "image/jpeg",
    "outcome": "plates",
    "model": "m",
}
PASS = {
    "pass_id": ELSE,
    "first_at": OLD,
    "last_at": OLD,
    "plate_id": 1,
    "confidence": 0.9,
    "device_id": DEVICE,
    "best_read_id": ELSE,
    "agency_ori": "CA0520100",
    "details": "{}",
}
FRAME_KEY, CROP_KEY = a_key(OLD, name=NAME), a_key(OLD, "crops", name=NAME)
ELSEWHERE = {"device_id": OTHER, "captured_at": DUE}
DAY_BEFORE, DAY_AFTER = ({"captured_at": OLD + timedelta(days=days)} for days in (-1, 1))
NAMES = {
    "a capture's id": ("captures", {**CAPTURE, "capture_id": NAME, **ELSEWHERE}),
    "a capture's key": ("captures", {**CAPTURE, "object_key": FRAME_KEY}),
    "a held capture's id": ("held_captures", {**CAPTURE, "capture_id": NAME, **ELSEWHERE}),
    "a held capture's key": ("held_captures", {**CAPTURE, "object_key": FRAME_KEY, **ELSEWHERE}),
    "the capture of a read": ("reads", {**READ, "capture_id": NAME}),
    "the image of a read": ("reads", {**READ, "image_key": FRAME_KEY, **DAY_BEFORE}),
    "the capture of a held read": ("held_reads", {**READ, "capture_id": NAME, **ELSEWHERE}),
    "the image of a held read": ("held_reads", {**READ, "image_key": FRAME_KEY, **ELSEWHERE}),
    "a read's id": ("reads", {**READ, "read_id": NAME, **ELSEWHERE}),
    "a read's key": ("reads", {**READ, "crop_key": CROP_KEY, **DAY_AFTER}),
    "a held read's id": ("held_reads", {**READ, "read_id": NAME, **ELSEWHERE}),
    "a held read's key": ("held_reads", {**READ, "crop_key": CROP_KEY, **ELSEWHERE}),
    "a hit": ("hits", {"hit_id": ELSE, "read_id": NAME, "captured_at": OLD}),
    "a pass's best read": ("passes", {**PASS, "best_read_id": NAME}),
    "a read of a pass": (
        "pass_reads",
        {"read_id": NAME, "captured_at": OLD, "pass_id": ELSE, "late": False},
    ),
}
OF_CROPS = {"a read's id", "a read's key", "a held read's id", "a held read's key"} | {
    name for name in NAMES if "hit" in name or "pass" in name
}


async def insert(retention, table, row):
    columns = ", ".join(row)
    values = ", ".join(f":{name}" for name in row)
    async with retention.runtime.db.begin() as connection:
        await connection.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({values})"), row)


@pytest.mark.parametrize("by", NAMES)
async def test_a_record_keeps_an_object_that_it_names_by_id_or_key(retention, by):
    """Each alone; another object of that day stays without a record."""
    table, row = NAMES[by]
    kind = "crops" if by in OF_CROPS else "captures"
    day = Day(kind, DEVICE, OLD.date())
    objects = [Named(a_key(OLD, kind, name=NAME), NAME)]
    if table == "pass_reads":
        await insert(retention, "passes", PASS)
    async with retention.runtime.db.begin() as connection:
        await Partitions(connection).make(OLD)
        assert await Orphans(connection).without_record(day, objects) == {objects[0].key}
    await insert(retention, table, row)
    async with retention.runtime.db.begin() as connection:
        assert await Orphans(connection).without_record(day, objects) == set()
        other = [Named(a_key(OLD, kind, name=OTHER), OTHER)]
        assert await Orphans(connection).without_record(day, other) == {other[0].key}


async def test_an_old_day_of_held_frames_is_listed_once_and_not_daily(retention, monkeypatch):
    long_ago = OLD - timedelta(days=60)
    keys = [
        *await recorded(retention, "7ABC123", long_ago),
        *await recorded(retention, "7ABC123", OLD),
    ]
    hold = await place(retention, plate="7ABC123")
    listed = []
    page = retention.objects.page

    async def noted(folder, **how):
        listed.append(folder)
        return await page(folder, **how)

    monkeypatch.setattr(retention.objects, "page", noted)
    await purge(retention)
    first = sorted(folder for folder in listed if folder != "packages")
    assert first == sorted(key.rsplit("/", 1)[0] for key in keys)
    listed.clear()
    await again(retention)
    second = sorted(folder for folder in listed if folder != "packages")
    assert second == [folder for folder in first if f"{OLD:%Y/%m/%d}" in folder]
    await release(retention, hold)
    await again(retention)
    assert retention.objects.keys == []


async def test_a_day_without_orphans_is_swept_again_half_a_year_later(retention):
    long_ago = OLD - timedelta(days=60)
    await recorded(retention, "7ABC123", long_ago)
    await place(retention, plate="7ABC123")
    await purge(retention)
    late = await orphan(retention, long_ago)
    retention.clock.advance(days=178)
    for _ in range(2):
        await again(retention)
        assert late in retention.objects.keys
    retention.clock.advance(days=3)
    await again(retention)  # at its end it forgets the day, which the next one sweeps
    await again(retention)
    assert late not in retention.objects.keys


@pytest.mark.parametrize(
    ("put_days_ago", "expires_in_days", "kept"),
    [(403, -380, False), (403, 1, True), (390, -380, True), (403, None, False)],
    ids=["given out long ago", "still given out", "not past the schedule", "of no request"],
)
async def test_a_package_past_the_schedule_is_deleted_unless_it_can_still_be_downloaded(
    retention, put_days_ago, expires_in_days, kept
):
    approval = an_approval(
        criteria={"include_images": False},
        expires_at=NOON + timedelta(days=expires_in_days or 0),
    )
    key = f"packages/{approval.request_id}.zip"
    if expires_in_days is not None:
        retention.clock.advance(days=-put_days_ago)
        await retention.store(approval)
        await retention.running.packager.work()
        await retention.runtime.relay.drain()
        retention.clock.advance(days=put_days_ago)
        assert await retention.emitted(ReleasePackaged)
    await retention.objects.lay(key, NOON - timedelta(days=put_days_ago))
    run = await purge(retention)
    assert retention.objects.keys == ([key] if kept else [])
    assert found(run) == (int(not kept), 0, 0)


@pytest.mark.parametrize(("expires_in_days", "kept"), [(-1, False), (1, True)])
async def test_the_file_of_a_failed_package_is_deleted_once_its_approval_has_expired(
    retention, expires_in_days, kept
):
    approval = an_approval(expires_at=NOON + timedelta(days=expires_in_days))
    await retention.store(approval)
    async with retention.runtime.db.begin() as connection:
        fault = "the approval cannot be read"
        assert await Packages(connection).failed(approval.request_id, at=NOON, fault=fault)
    key = f"packages/{approval.request_id}.zip"
    await retention.objects.lay(key, NOON - timedelta(days=500))
    await purge(retention)
    assert retention.objects.keys == ([key] if kept else [])


async def test_a_package_that_is_still_to_be_made_stays(retention):
    approval = an_approval(expires_at=NOON - timedelta(days=1))
    await retention.store(approval)
    key = f"packages/{approval.request_id}.zip"
    await retention.objects.lay(key, NOON - timedelta(days=500))
    await purge(retention)
    assert retention.objects.keys == [key]


async def test_an_object_store_that_cannot_list_delays_a_certificate_by_a_day_at_most(
    retention, monkeypatch, clock: FakeClock
):
    await orphan(retention, OLD)
    capture, crop = await recorded(retention, "7ABC123", OLD)

    async def broken(folder):
        raise DependencyDown("the object store does not list")

    with monkeypatch.context() as patched:
        patched.setattr(retention.objects, "level", broken)
        run = await purge(retention)
        assert (run["state"], run["reads"], run["objects"]) == ("executed", 1, 2)
        assert capture not in retention.objects.keys
        assert crop not in retention.objects.keys
        clock.advance(hours=23)
        await retention.running.purger.work()
        assert (await current(retention, run))["state"] == "executed"
        clock.advance(hours=2)
        await retention.running.purger.work()
        run = await current(retention, run)
        assert (run["state"], run["swept_at"]) == ("certified", None)
        path = f"/v1/purge-runs/{run['run_id']}/certificate"
        assert (await retention.get(path)).json()["without_record"]["swept"] is None
    assert found(await again(retention)) == (1, 0, 0)
    assert retention.objects.keys == []


async def test_a_sweep_that_a_software_fault_ends_logs_no_key(retention, monkeypatch, caplog):
    key = await orphan(retention, OLD)

    async def fails(*_):
        raise ValueError(key)

    monkeypatch.setattr(Orphans, "without_record", fails)
    run = await purge(retention)
    assert (run["state"], run["swept_at"]) == ("executed", None)
    assert "failed: ValueError" in caplog.text
    assert key not in caplog.text
