"""The vote on passes in a process of its own: its results, its metrics, and its end."""

import asyncio
import os
import signal
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from services.retention.workers.pass_process import NICENESS, VoteFailed
from shared.testing import eventually
from tests.integration.retention.conftest import DEVICE, a_read

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
async def vote(retention):
    """The process of a running service, whose reads have settled."""
    await pass_by(retention, "7ABC123", "7A8C123", "7ABC123")
    yield retention.running.vote
    await retention.running.vote.close()


async def pass_by(retention, *plates, device_id=DEVICE):
    """Store reads of one vehicle, and wait until they have settled."""
    moments = [NOON + timedelta(seconds=number / 5) for number in range(len(plates))]
    await retention.store(
        *[a_read(plate, at, device_id=device_id) for plate, at in zip(plates, moments, strict=True)]
    )
    retention.clock.advance(seconds=11)


def metric(name, **labels):
    return REGISTRY.get_sample_value(f"alpr_{name}", labels) or 0


@asynccontextmanager
async def passes_locked(retention):
    """Hold the table, so that a vote waits before its first result."""
    async with retention.runtime.db.begin() as connection:
        await connection.execute(text("LOCK TABLE passes IN ACCESS EXCLUSIVE MODE"))
        yield


async def waits_for_a_lock(retention):
    return await retention.fetch(
        "SELECT pid FROM pg_stat_activity WHERE wait_event = 'relation' AND datname = current_database()"
    )


def is_gone(pid):
    """Whether the process has ended, and was waited for."""
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return False
    return True


async def test_another_process_votes_and_this_one_relays_and_shows_it(retention, vote, monkeypatch):
    woken = []
    monkeypatch.setattr(retention.runtime.relay, "wake", lambda: woken.append(1))
    before = metric("passes_recorded_total", agreed="no")
    await vote.work()
    assert vote.pid not in {None, os.getpid()}
    [event] = await retention.passes()
    assert (event.plate, len(event.read_ids)) == ("7ABC123", 3)
    assert metric("passes_recorded_total", agreed="no") == before + 1
    assert woken == [1]
    await vote.work()
    assert metric("passes_waiting") == metric("passes_waiting_reads") == 0


async def test_the_process_gives_way_to_others(vote):
    await vote.work()
    own, its = (os.getpriority(os.PRIO_PROCESS, pid) for pid in (os.getpid(), vote.pid))
    assert its == min(19, own + NICENESS) > own


async def test_the_process_is_kept_from_run_to_run(retention, vote):
    await vote.work()
    first = vote.pid
    await pass_by(retention, "8XYZ987", "8XYZ987", device_id=UUID(int=7))
    await vote.work()
    assert vote.pid == first
    assert len(await retention.passes()) == 2


async def test_no_process_starts_while_nothing_awaits_the_vote(retention):
    await retention.running.vote.work()
    assert retention.running.vote.pid is None


async def test_a_process_that_ended_between_runs_is_replaced(retention, vote):
    await vote.work()
    first = vote.pid
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    await pass_by(retention, "8XYZ987", "8XYZ987", device_id=UUID(int=7))
    await vote.work()
    assert vote.pid != first
    assert len(await retention.passes()) == 2


@pytest.mark.clause("468.5/passes-in-sets")
async def test_a_process_killed_during_the_vote_fails_the_run_and_the_next_one_decides_once(
    retention, vote
):
    async with passes_locked(retention):
        run = asyncio.create_task(vote.work())
        await eventually(lambda: waits_for_a_lock(retention), within_s=30)
        os.kill(vote.pid, signal.SIGKILL)
        with pytest.raises(VoteFailed, match="ended with -9"):
            await run
    assert await retention.fetch("SELECT due_id FROM pass_due")
    await vote.work()
    assert len(await retention.passes()) == 1
    assert not await retention.fetch("SELECT due_id FROM pass_due")


async def test_a_stopped_service_leaves_no_process(retention, vote):
    async with passes_locked(retention):
        run = asyncio.create_task(vote.work())
        await eventually(lambda: waits_for_a_lock(retention), within_s=30)
        pid = vote.pid
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
    await retention.running.finish()
    assert is_gone(pid)
    assert await retention.passes() == []


async def test_a_fault_in_the_process_is_reported_and_the_next_run_succeeds(
    retention, vote, as_owner
):
    async with as_owner("retention") as connection:
        await connection.execute(text("ALTER TABLE passes RENAME TO no_passes"))
    try:
        with pytest.raises(VoteFailed, match="UndefinedTableError"):
            await vote.work()
    finally:
        async with as_owner("retention") as connection:
            await connection.execute(text("ALTER TABLE no_passes RENAME TO passes"))
    first = vote.pid
    await vote.work()
    assert vote.pid == first
    assert len(await retention.passes()) == 1


async def test_the_service_votes_in_the_process(retention):
    [task] = [one for one in retention.running.periodic if one.name == "passes"]
    assert task._work == retention.running.vote.work
