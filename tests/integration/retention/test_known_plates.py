"""A writer that remembers plates stores no read whose plate Postgres lacks (ADR-0062)."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from services.retention.domain.plates import plate_number
from services.retention.store import record_writer
from services.retention.store.cleanup_queue import CleanupQueue
from services.retention.store.known_plates import KnownPlates
from services.retention.store.locks import PLATES, Locks
from shared.core.errors import InternalFault
from shared.testing import eventually
from tests.integration.retention.conftest import a_read

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
CAR = plate_number("7ABC123")


def later(minutes):
    return a_read("7ABC123", NOON - timedelta(minutes=minutes))


async def lacking(retention):
    """Return the plates of reads that `plates` lacks."""
    return await retention.fetch(
        "SELECT plate_id FROM reads WHERE NOT EXISTS (SELECT FROM plates p WHERE p.plate_id = reads.plate_id)"
    )


async def destroy_reads(retention):
    """Delete all reads, as a purge does, and leave their plates."""
    await retention.fetch("DELETE FROM reads RETURNING read_id")


async def forget(retention):
    async with retention.runtime.db.begin() as connection:
        return await CleanupQueue(connection).forget([CAR])


@pytest.fixture
def asked(monkeypatch):
    """The plates that the writer asked Postgres for, batch by batch."""
    batches, store = [], record_writer._store_plates

    async def counted(raw, plates):
        batches.append(set(plates))
        await store(raw, plates)

    monkeypatch.setattr(record_writer, "_store_plates", counted)
    return batches


async def test_a_known_plate_is_not_queried_again(retention, asked):
    await retention.running.recorder.reads([later(0), a_read("8XYZ987", NOON)])
    await retention.running.recorder.reads([later(1), a_read("1QQQ000", NOON)])
    assert asked == [{CAR, plate_number("8XYZ987")}, {plate_number("1QQQ000")}]


@pytest.mark.clause("468.5/known-plates")
async def test_a_plate_that_was_forgotten_is_stored_again(retention):
    await retention.running.recorder.reads([later(0), a_read("8XYZ987", NOON)])
    await destroy_reads(retention)
    assert await forget(retention) == 1
    await retention.running.recorder.reads(
        [a_read("8XYZ987", NOON)]
    )  # renews the memory, with the other plate alone
    await retention.running.recorder.reads([later(1)])
    assert await lacking(retention) == []
    assert await retention.plates(plate="7ABC*") == ["7ABC123"]


@pytest.mark.clause("468.5/known-plates")
async def test_a_read_that_waits_while_its_plate_is_deleted_stores_it_again(retention):
    """Two connections: the writer has begun, and waits for the lock of the one that deletes."""
    await retention.running.recorder.reads([later(0)])
    await destroy_reads(retention)

    async def waits():
        return await retention.fetch(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        )

    async with retention.runtime.db.begin() as connection:
        await Locks(connection).exclusive(PLATES)
        writer = asyncio.create_task(retention.running.recorder.reads([later(1)]))
        await eventually(waits)
        await connection.execute(text("DELETE FROM plates"))
    await writer
    assert await lacking(retention) == []
    await retention.running.recorder.reads([later(2)])
    assert await lacking(retention) == []


@pytest.mark.clause("468.5/known-plates")
async def test_a_rolled_back_transaction_adds_no_known_plate(retention, monkeypatch):
    fails = "SELECT 1/0, $1::uuid[], $2::timestamptz, $3::timestamptz"
    monkeypatch.setattr(record_writer, "_STORED", fails)
    with pytest.raises(InternalFault, match="DivisionByZero"):
        await retention.running.recorder.reads([later(0)])
    monkeypatch.undo()
    await retention.running.recorder.reads([later(0)])
    assert await lacking(retention) == []


@pytest.mark.clause("468.5/known-plates")
async def test_all_plates_are_queried_again_after_a_failover(retention, asked, monkeypatch):
    """After a failover the new primary may lack the last transactions; its start differs."""
    await retention.running.recorder.reads([later(0)])
    other = record_writer._DUE.replace(
        "pg_postmaster_start_time()", "pg_postmaster_start_time() - interval '1 hour'"
    )
    monkeypatch.setattr(record_writer, "_DUE", other)
    await retention.running.recorder.reads([later(1)])
    assert asked == [{CAR}, {CAR}]


@pytest.mark.clause("468.5/known-plates")
async def test_random_writers_and_deletions_leave_no_read_without_its_plate(retention):
    plates = [f"7ABC12{n}" for n in range(8)]
    recorder = retention.running.recorder
    recorder._plates = KnownPlates(most=6)

    async def write(number):
        for n in range(8):
            at = NOON - timedelta(seconds=10 * n + number)
            await recorder.reads([a_read(plate, at) for plate in plates[number : number + 3]])

    async def remove():
        for _ in range(12):
            async with retention.runtime.db.begin() as connection:
                await Locks(connection).exclusive(PLATES)
                await connection.execute(
                    text(
                        "DELETE FROM plates p WHERE NOT EXISTS"
                        " (SELECT FROM reads r WHERE r.plate_id = p.plate_id)"
                    )
                )
                await connection.execute(text("DELETE FROM reads"))

    await asyncio.gather(*map(write, range(4)), remove())
    assert await lacking(retention) == []
