"""The lists of objects and plates that purge steps leave are emptied without sorts, and without locking out writers."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from services.retention.domain.plates import plate_number
from services.retention.store import cleanup_queue, slices
from services.retention.store.cleanup_queue import BEGINNING, CleanupQueue, Queued
from services.retention.store.locks import PLATES
from services.retention.workers import cleaner
from shared.core.errors import Unavailable
from shared.core.problem_codes import Common
from tests.integration.retention.conftest import a_read
from tests.integration.retention.purging import DUE, NOON, purge

RUN = "(SELECT run_id FROM purge_runs LIMIT 1)"


async def list_objects(retention, count):
    """List `count` objects for deletion, under a run that destroyed no record."""
    await purge(retention)
    await retention.fetch(
        f"INSERT INTO doomed_objects (object_key, run_id) SELECT 'crops/' || n, {RUN}"
        f" FROM generate_series(1, {count}) n RETURNING 1"
    )
    await retention.fetch(
        f"INSERT INTO doomed_plates (plate_id, run_id) SELECT n, {RUN}"
        f" FROM generate_series(1, {count}) n RETURNING 1"
    )


def nodes(plan):
    yield plan["Node Type"]
    for child in plan.get("Plans", ()):
        yield from nodes(child)


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        (cleanup_queue._OBJECTS, {"attempts": 0, "object_key": "crops/5", "limit": 1000}),
        (cleanup_queue._PLATES, {"after": 5, "limit": 1000}),
    ],
    ids=["objects", "plates"],
)
async def test_a_cleanup_turn_neither_sorts_nor_reads_the_rest_of_its_list(
    retention, as_owner, statement, values
):
    await list_objects(retention, 20_000)
    async with as_owner("retention") as connection:
        await connection.execute(text("ANALYZE doomed_objects, doomed_plates"))
        found = await connection.execute(
            text(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement.text}"), values
        )
        [plan] = found.scalar_one()
    kinds = list(nodes(plan["Plan"]))
    assert "Limit" in kinds
    assert not {"Sort", "Incremental Sort"} & set(kinds), kinds
    scan = plan["Plan"]["Plans"][0]
    assert scan["Actual Rows"] == 1000, "it ends with the turn's last row"


async def test_failed_objects_are_queued_after_all_others(retention):
    await list_objects(retention, 3)
    async with retention.runtime.db.begin() as connection:
        queue = CleanupQueue(connection)
        assert [one.object_key for one in await queue.objects(BEGINNING, 2)] == [
            "crops/1",
            "crops/2",
        ]
        await queue.objects_done(["crops/2"], ["crops/1"])
        assert await queue.objects(BEGINNING, 5) == [Queued(0, "crops/3"), Queued(1, "crops/1")]


async def test_cleanup_deletes_the_whole_list_except_a_failed_object(retention, monkeypatch):
    monkeypatch.setattr(cleaner, "OBJECTS_AT_ONCE", 3)
    await list_objects(retention, 10)
    delete = retention.objects.delete

    async def refuse_one(key):
        if key == "crops/7":
            raise Unavailable(Common.OBJECT_STORE_AWAY)
        await delete(key)

    with monkeypatch.context() as patched:
        patched.setattr(retention.objects, "delete", refuse_one)
        for _ in range(3):
            await retention.running.purger.work()
        assert await retention.fetch("SELECT object_key FROM doomed_objects") == [("crops/7",)]
    await retention.running.purger.work()
    assert await retention.fetch("SELECT 1 FROM doomed_objects") == []


@pytest.mark.clause("468.5/schedule")
async def test_objects_that_no_worker_has_tried_to_delete_yet_are_not_forgotten(
    retention, monkeypatch
):
    """After a failure the rest of the slices waits for the next turn, also once the run's list is written."""
    monkeypatch.setattr(slices, "OBJECTS_AT_ONCE", 1)
    for number in range(6):
        key = f"crops/{number}"
        await retention.objects.put(key, b"crop")
        at = DUE - timedelta(days=1, seconds=number)
        await retention.store(a_read(f"1OLD00{number}", at, crop_key=key))

    async def refuse(_):
        raise Unavailable(Common.OBJECT_STORE_AWAY)

    with monkeypatch.context() as patched:
        patched.setattr(retention.objects, "delete", refuse)
        run = await purge(retention)
    assert (run["state"], run["objects"], len(retention.stored_keys)) == ("executed", 6, 6)
    await retention.running.purger.work()
    assert retention.stored_keys == []
    run = (await retention.get(f"/v1/purge-runs/{run['run_id']}")).json()
    assert run["state"] == "certified"


@pytest.mark.clause("468.5/schedule")
async def test_unused_plates_are_deleted_in_small_batches_and_used_ones_are_kept(
    retention, monkeypatch
):
    monkeypatch.setattr(cleaner, "PLATES_AT_ONCE", 7)
    monkeypatch.setattr(cleaner, "FEWEST", 2)
    old = [a_read(f"1OLD{n:03}", DUE - timedelta(days=1, seconds=n)) for n in range(30)]
    await retention.store(*old, *(a_read(f"1OLD{n:03}", NOON) for n in range(0, 30, 3)))
    await purge(retention)
    left = await retention.fetch("SELECT plate FROM plates ORDER BY plate")
    assert [row.plate for row in left] == [f"1OLD{n:03}" for n in range(0, 30, 3)]
    assert await retention.fetch("SELECT 1 FROM doomed_plates") == []


@pytest.mark.clause("468.5/schedule")
async def test_deleting_plates_yields_to_writers_and_is_retried(retention, monkeypatch):
    monkeypatch.setattr(cleaner, "TRIES", 2)
    await retention.store(a_read("1OLD001", DUE - timedelta(days=1)))
    async with retention.runtime.db.begin() as connection:
        await connection.execute(
            text("SELECT pg_advisory_xact_lock_shared(:lock, hashtext(current_schema() || ''))"),
            {"lock": PLATES},
        )  # a batch of reads that takes long to store
        run = await purge(retention)
    assert run["state"] == "executed"
    assert await retention.fetch("SELECT plate FROM plates") == [("1OLD001",)]
    await retention.running.purger.work()
    assert await retention.fetch("SELECT plate FROM plates") == []


@pytest.mark.clause("468.5/schedule")
async def test_a_plate_read_again_between_check_and_deletion_is_kept(retention, monkeypatch):
    await retention.store(a_read("1OLD001", DUE - timedelta(days=1)))
    forget = CleanupQueue.forget

    async def read_again(self, plates):
        await retention.store(a_read("1OLD001", NOON))
        return await forget(self, plates)

    monkeypatch.setattr(CleanupQueue, "forget", read_again)
    await purge(retention)
    assert await retention.plates(plate="1OLD*") == ["1OLD001"]
    assert await retention.fetch("SELECT plate_id FROM plates") == [(plate_number("1OLD001"),)]


async def test_two_workers_can_empty_one_cleanup_list(retention):
    await list_objects(retention, 50)
    second = cleaner.Cleaner(retention.runtime)
    await asyncio.gather(
        retention.running.purger._cleaner.delete_objects(), second.delete_objects()
    )
    assert await retention.fetch("SELECT 1 FROM doomed_objects") == []
