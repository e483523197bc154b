"""A whole month is destroyed in steps that commit, and goes at once: whatever comes between two steps is respected."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from services.retention.store import destroying, locks, record_writer
from services.retention.store.destroying import Destruction
from services.retention.store.partitions import Partitions
from services.retention.store.slices import Slices
from services.retention.workers import destroyer
from services.retention.workers.cleaner import Cleaner
from shared.events import RecordsPurged
from shared.testing import eventually
from tests.integration.retention.conftest import JPEG, a_capture, a_hit, a_read
from tests.integration.retention.holding import place, release
from tests.integration.retention.purging import (
    NOON,
    authorise,
    execute,
    left,
    listed,
    propose,
    records,
)

MONTH = datetime(2025, 2, 10, tzinfo=UTC)


class Killed(Exception):
    """The process ends."""


@pytest.fixture(autouse=True)
def small_steps(monkeypatch):
    """Let each slice have a few records."""
    monkeypatch.setattr(destroyer, "FEWEST", 3)
    monkeypatch.setattr(destroyer, "MOST", 3)


@pytest.fixture
async def month(retention):
    """Eight reads of a month with crops, a frame and a hit, and a read that is not due."""
    frame = a_capture(MONTH)
    reads = [
        a_read(f"1OLD00{n}", MONTH + timedelta(hours=7 * n), crop_key=f"crops/{n}")
        for n in range(7)
    ]
    framed = a_read(
        "7ABC123",
        MONTH,
        capture_id=frame.capture.capture_id,
        image_key=frame.capture.image.object_key,
        crop_key="crops/7",
    )
    for key in (*(f"crops/{n}" for n in range(8)), frame.capture.image.object_key):
        await retention.objects.put(key, JPEG)
    await retention.store(frame, framed, *reads, a_hit(reads[0]), a_read("2NEW001", NOON))
    return [frame, framed, *reads]


async def begun(retention):
    run = await propose(retention)
    await authorise(retention, run)
    await execute(retention, run)
    return run


async def work(retention, monkeypatch, *, steps):
    """Work as many steps as that; return whether all work is done."""
    worker = retention.running.purger._destroyer
    run_step = worker._run_step

    async def counted(run, step):
        nonlocal steps
        if not steps:
            raise Killed
        steps -= 1
        return await run_step(run, step)

    with monkeypatch.context() as patched:
        patched.setattr(worker, "_run_step", counted)
        try:
            await retention.running.purger.work()
        except Killed:
            return False
    return True


def before_dropping(monkeypatch, do):
    """Do something once, when the month is prepared and about to be dropped."""
    drop, done = Destruction.drop, False

    async def then(*arguments):
        nonlocal done
        if not done:
            done = True
            await do()
        return await drop(*arguments)

    monkeypatch.setattr(Destruction, "drop", then)


@pytest.mark.clause("468.5/schedule")
async def test_a_month_goes_though_a_second_hold_comes_that_keeps_no_record_of_it(
    retention, monkeypatch, month
):
    await place(retention, plate="7ABC123")
    await begun(retention)
    before_dropping(monkeypatch, lambda: place(retention, plate="9ZZZ999"))
    await retention.running.purger.work()
    assert await left(retention) == ["2NEW001"]


@pytest.mark.clause("468.5/schedule")
async def test_an_interrupted_purge_continues_after_any_step(retention, monkeypatch, month):
    run = await begun(retention)
    rounds = 1
    while not await work(retention, monkeypatch, steps=rounds % 12 + 1):
        rounds += 1
        await Cleaner(retention.runtime).delete_objects()
        await Cleaner(retention.runtime).forget_plates()
        there = set(await left(retention))
        assert there in ({"2NEW001", "7ABC123", *(f"1OLD00{n}" for n in range(7))}, {"2NEW001"})
        assert len(retention.stored_keys) == (9 if len(there) > 1 else 0)
    assert rounds > 3
    run = (await retention.get(f"/v1/purge-runs/{run['run_id']}")).json()
    assert (run["state"], run["reads"], run["captures"], run["objects"]) == ("certified", 8, 1, 9)
    assert run["months_dropped"] == ["2025_02"]
    [event] = await retention.emitted(RecordsPurged)
    assert await listed(retention, event) == (records(*month), [])
    assert await retention.fetch("SELECT plate FROM plates") == [("2NEW001",)]
    for table in ("purge_slices", "slice_objects", "doomed_plates", "month_changes", "hits"):
        assert await retention.fetch(f"SELECT 1 FROM {table}") == [], table


@pytest.mark.clause("468.5/holds")
@pytest.mark.parametrize("steps", [5, 7, None], ids=["half prepared", "prepared", "at the drop"])
async def test_a_hold_placed_between_two_steps_keeps_its_reads(
    retention, monkeypatch, month, steps
):
    run = await begun(retention)

    async def hold():
        await place(retention, plate="7ABC123")

    if steps is None:
        before_dropping(monkeypatch, hold)
    else:
        assert not await work(retention, monkeypatch, steps=steps)
        assert len(await left(retention)) == 9
        await hold()
    await retention.running.purger.work()
    run = (await retention.get(f"/v1/purge-runs/{run['run_id']}")).json()
    assert (run["state"], run["reads"], run["kept_under_hold"]) == ("certified", 7, 2)
    assert await left(retention) == ["2NEW001"]
    assert await left(retention, "held_reads") == ["7ABC123"]
    frame, framed, *reads = month
    assert retention.stored_keys == sorted([frame.capture.image.object_key, "crops/7"])
    [event] = await retention.emitted(RecordsPurged)
    assert await listed(retention, event) == (records(*reads), records(frame, framed))


@pytest.mark.clause("468.5/holds")
async def test_a_hold_released_before_the_drop_keeps_no_record(retention, monkeypatch, month):
    hold = await place(retention, plate="7ABC123")
    await begun(retention)
    before_dropping(monkeypatch, lambda: release(retention, hold))
    await retention.running.purger.work()
    assert await left(retention, "held_reads") == []
    [event] = await retention.emitted(RecordsPurged)
    assert await listed(retention, event) == (records(*month), [])
    assert retention.stored_keys == []


@pytest.mark.clause("468.5/holds")
async def test_a_read_in_two_tables_is_listed_once(retention, monkeypatch, month):
    """The held tables have it before the month is dropped."""
    hold = await place(retention, plate="7ABC123")
    await begun(retention)

    async def check():
        assert await left(retention, "held_reads") == ["7ABC123"]
        page = (await retention.get(f"/v1/holds/{hold['hold_id']}/records")).json()
        assert [item["plate"] for item in page["items"]] == ["7ABC123"]

    before_dropping(monkeypatch, check)
    await retention.running.purger.work()
    page = (await retention.get(f"/v1/holds/{hold['hold_id']}/records")).json()
    assert [item["plate"] for item in page["items"]] == ["7ABC123"]


@pytest.mark.clause("468.5/schedule")
@pytest.mark.clause("wall/purge-list")
async def test_a_read_stored_before_the_drop_is_destroyed_and_listed_too(
    retention, monkeypatch, month
):
    late = a_read("1LATE01", MONTH + timedelta(days=1), crop_key="crops/late")
    await retention.objects.put("crops/late", JPEG)
    run = await begun(retention)
    before_dropping(monkeypatch, lambda: retention.store(late))
    await retention.running.purger.work()
    run = (await retention.get(f"/v1/purge-runs/{run['run_id']}")).json()
    assert (run["state"], run["reads"], run["objects"]) == ("certified", 9, 10)
    [event] = await retention.emitted(RecordsPurged)
    assert await listed(retention, event) == (records(*month, late), [])
    assert retention.stored_keys == []


@pytest.mark.clause("wall/purge-list")
async def test_a_read_that_is_being_stored_at_the_drop_is_destroyed_and_listed_too(
    retention, monkeypatch, month
):
    """Its writer has locked the month, and no other transaction sees the read yet."""
    late = a_read("1LATE01", MONTH + timedelta(days=1))
    store_reads, may_go_on = record_writer._store_reads, asyncio.Event()
    tasks = []

    async def stored_later(*arguments):
        await may_go_on.wait()
        return await store_reads(*arguments)

    async def month_is_locked(granted):
        return await retention.fetch(
            "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted = :granted AND classid = :month"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            month=locks.MONTH,
            granted=granted,
        )

    async def begin_to_store():
        tasks.append(asyncio.create_task(retention.store(late)))
        await eventually(lambda: month_is_locked(granted=True))

    monkeypatch.setattr(record_writer, "_store_reads", stored_later)
    monkeypatch.setattr(destroying, "LONGEST_WAIT_MS", 20_000)
    await begun(retention)
    before_dropping(monkeypatch, begin_to_store)
    tasks.append(asyncio.create_task(retention.running.purger.work()))
    await eventually(lambda: month_is_locked(granted=False))
    may_go_on.set()
    await asyncio.gather(*tasks)
    assert await left(retention) == ["2NEW001"]
    [event] = await retention.emitted(RecordsPurged)
    assert await listed(retention, event) == (records(*month, late), [])


@pytest.mark.clause("468.5/holds")
@pytest.mark.clause("wall/purge-list")
async def test_a_record_that_arrives_while_part_of_a_month_is_destroyed_is_held_or_listed(
    retention, monkeypatch
):
    """It comes when the step has copied what holds keep and listed what it destroys, and has deleted nothing yet."""
    at = datetime(2025, 4, 20, 9, tzinfo=UTC)
    held, frame = a_read("7ABC123", at), a_capture(at)
    reads = [
        a_read(f"1OLD00{n}", at + timedelta(seconds=n), crop_key=f"crops/{n}") for n in range(2)
    ]
    for key in ("crops/0", "crops/1", frame.capture.image.object_key):
        await retention.objects.put(key, JPEG)
    await retention.store(reads[0])
    await place(retention, plate="7ABC123")
    fill, late = Slices.fill, [held, frame, reads[1]]

    async def then(slices, run_id, span, **more):
        filled = await fill(slices, run_id, span, **more)
        if late and span.start <= at < span.end:
            await retention.store(late.pop())
        return filled

    monkeypatch.setattr(Slices, "fill", then)
    run = await begun(retention)
    await retention.running.purger.work()
    run = (await retention.get(f"/v1/purge-runs/{run['run_id']}")).json()
    assert not late
    assert (await left(retention), await left(retention, "held_reads")) == ([], ["7ABC123"])
    counted = [run[name] for name in ("state", "reads", "captures", "objects", "kept_under_hold")]
    assert counted == ["certified", 2, 1, 3, 1]
    [event] = await retention.emitted(RecordsPurged)
    assert await listed(retention, event) == (records(frame, *reads), records(held))
    assert retention.stored_keys == []
    assert await retention.fetch("SELECT plate FROM plates") == [("7ABC123",)]


@pytest.mark.clause("468.5/schedule")
async def test_a_purge_keeps_no_time_of_a_late_read(retention):
    """The spans of late reads are whole hours, and go with the reads."""
    spans = "SELECT captured_from, captured_to FROM month_changes"
    at = datetime(2025, 4, 20, 9, 17, 13, 137, UTC)
    await retention.store(a_read("1LATE01", at))
    hour = at.replace(minute=0, second=0, microsecond=0)
    assert await retention.fetch(spans) == [(hour, hour + timedelta(hours=1))]
    await begun(retention)
    await retention.running.purger.work()
    assert await left(retention) == []
    assert await retention.fetch(spans) == []


@pytest.mark.clause("468.5/schedule")
@pytest.mark.clause("wall/purge-list")
async def test_a_purge_detects_a_late_read_in_a_month_prepared_by_another_run(
    retention, monkeypatch, month
):
    """A first run ends while a second one has prepared the month, in which a read was stored since."""
    late = a_read("1LATE01", MONTH + timedelta(days=1))
    run = await begun(retention)

    async def then():
        await retention.store(late)
        async with retention.runtime.db.begin() as connection:
            await Destruction(connection).forget_changes(UUID(int=7), NOON)

    before_dropping(monkeypatch, then)
    await retention.running.purger.work()
    run = (await retention.get(f"/v1/purge-runs/{run['run_id']}")).json()
    assert (run["state"], run["reads"]) == ("certified", 9)
    [event] = await retention.emitted(RecordsPurged)
    assert await listed(retention, event) == (records(*month, late), [])


@pytest.mark.clause("468.5/schedule")
async def test_a_withdrawn_run_that_was_only_prepared_deletes_no_record(
    retention, monkeypatch, month
):
    leave = await propose(retention, kind="standing")
    await authorise(retention, leave)
    assert not await work(retention, monkeypatch, steps=6)
    path = f"/v1/purge-runs/{leave['run_id']}/withdrawal"
    await retention.post(path, {"note": "stop"}, account_id=str(UUID(int=9)))
    await retention.running.purger.work()
    assert len(await left(retention)) == 9
    assert len(retention.stored_keys) == 9
    assert await retention.fetch("SELECT 1 FROM purge_slices") == []


@pytest.mark.clause("468.5/schedule")
async def test_a_purge_waits_at_most_20_ms_for_the_locks_of_others(retention, monkeypatch, month):
    """They wait behind the transaction that drops a month, so its own wait for their locks is short."""
    drop, waits = Partitions.drop, []

    async def dropping(self, dropped):
        shown = await self._connection.execute(text("SHOW lock_timeout"))
        waits.append(shown.scalar_one())
        return await drop(self, dropped)

    monkeypatch.setattr(Partitions, "drop", dropping)
    await begun(retention)
    await retention.running.purger.work()
    assert waits == ["20ms"]
