"""Each read is stored once, however often and by however many processes it is delivered."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from sqlalchemy import text

from services.retention.store import record_writer
from services.retention.store.record_writer import Recorder
from shared.core.errors import InternalFault
from shared.testing import eventually
from tests.integration.retention.conftest import SOLANO, a_read

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
MONTH_BEFORE = NOON - timedelta(days=31)
SCENE = {"latitude": SOLANO.latitude, "longitude": SOLANO.longitude, "radius_m": 100}
READS = [a_read(f"7ABC{number}", NOON - timedelta(minutes=number)) for number in range(100, 110)]


async def stored(retention):
    rows = await retention.fetch("SELECT read_id FROM reads ORDER BY read_id")
    return [row.read_id for row in rows]


def ids(reads):
    return sorted(read.read_id for read in reads)


@pytest.mark.clause("468.5/transfer")
async def test_a_redelivered_batch_with_a_new_read_stores_that_read_alone(retention):
    recorder = retention.running.recorder
    await recorder.reads(READS[:5])
    await recorder.reads([*READS[3:8], READS[7]])
    assert await stored(retention) == ids(READS[:8])
    await recorder.reads(READS[:8])
    assert await stored(retention) == ids(READS[:8])


async def test_reads_of_different_months_in_one_batch_are_found_again(retention):
    batch = [READS[0], a_read("8XYZ987", MONTH_BEFORE)]
    await retention.running.recorder.reads(batch)
    await retention.running.recorder.reads([*batch, READS[1]])
    assert await stored(retention) == ids([*batch, READS[1]])


@pytest.mark.clause("468.4(c)/canvass")
async def test_a_batch_that_is_stored_after_a_failure_is_found_by_its_place_and_its_cameras_name(
    retention, monkeypatch
):
    fails = "SELECT 1/0, $1::uuid[], $2::timestamptz, $3::timestamptz"
    monkeypatch.setattr(record_writer, "_STORED", fails)
    with pytest.raises(InternalFault, match="DivisionByZero"):
        await retention.running.recorder.reads(READS[:1])
    monkeypatch.undo()
    await retention.running.recorder.reads(READS[:1])
    [found] = (await retention.search(area=SCENE))["items"]
    assert found["device_name"] == READS[0].device_name


@pytest.mark.clause("468.4(c)/canvass")
async def test_after_a_failover_a_cameras_name_and_places_are_stored_again(
    retention, as_owner, monkeypatch
):
    """The new primary lacks the last transactions; its start differs."""
    await retention.running.recorder.reads(READS[:1])
    async with as_owner("retention") as connection:
        for table in ("reads", "device_days", "devices"):
            await connection.execute(text(f"DELETE FROM {table}"))
    other = record_writer._DUE.replace(
        "pg_postmaster_start_time()", "pg_postmaster_start_time() + interval '1 hour'"
    )
    monkeypatch.setattr(record_writer, "_DUE", other)
    await retention.running.recorder.reads(READS[1:2])
    [found] = (await retention.search(area=SCENE))["items"]
    assert found["device_name"] == READS[1].device_name


@pytest.mark.clause("468.5/transfer")
async def test_a_batch_is_stored_whole_if_another_process_stores_one_of_its_reads_in_between(
    retention, monkeypatch
):
    """Both have looked which reads there are, and found none, before the first one commits."""
    recorder = retention.running.recorder
    other = Recorder(retention.runtime.db, retention.runtime.clock, floor_days=365)
    before = [a_read(read.plate, read.captured_at - timedelta(hours=1)) for read in READS]
    await other.reads(before)  # so that neither has to wait for the other's plates
    looked, write = asyncio.Event(), Recorder._in_transaction

    async def held(self, months, times, wanted):
        async def held_open(raw):
            count = await wanted(raw)
            looked.set()
            await eventually(waiting_for_the_row)
            return count

        return await write(self, months, times, held_open if self is other else wanted)

    async def waiting_for_the_row():
        return await retention.fetch(
            "SELECT pid FROM pg_stat_activity WHERE query LIKE 'COPY%' AND wait_event = 'transactionid'"
        )

    monkeypatch.setattr(Recorder, "_in_transaction", held)
    first = asyncio.create_task(other.reads(READS[:1]))
    await looked.wait()
    await recorder.reads(READS)
    await first
    assert await stored(retention) == ids([*before, *READS])


@pytest.fixture
def collisions(monkeypatch):
    """Let other processes store one more of the batch's reads before each of its next writes; return a setter."""
    rows, left = record_writer._store_reads, [0]

    async def late(raw, wanted):
        if left[0] > 0:
            left[0] -= 1
            raise asyncpg.UniqueViolationError
        return await rows(raw, wanted)

    monkeypatch.setattr(record_writer, "_store_reads", late)

    def collide(times):
        left[0] = times

    return collide


@pytest.mark.clause("468.5/transfer")
async def test_a_batch_that_collides_again_and_again_is_stored(retention, collisions):
    collisions(3)
    await retention.running.recorder.reads(READS)
    assert await stored(retention) == ids(READS)


@pytest.mark.clause("468.5/transfer")
async def test_a_batch_that_never_stops_colliding_is_given_back_and_stored_when_delivered_again(
    retention, collisions
):
    collisions(4)
    with pytest.raises(asyncpg.UniqueViolationError):
        await retention.running.recorder.reads(READS)
    assert await stored(retention) == []
    await retention.running.recorder.reads(READS)
    assert await stored(retention) == ids(READS)
