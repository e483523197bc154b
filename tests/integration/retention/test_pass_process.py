"""The vote on passes in processes of its own: their results, metrics, number and end."""

import asyncio
import os
import signal
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from services.retention.workers import pass_process
from services.retention.workers.pass_process import NICENESS, PassProcesses, VoteFailed
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


def pid_of(vote):
    """Return the id of the only process."""
    [pid] = vote.pids
    return pid


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
    assert pid_of(vote) != os.getpid()
    [event] = await retention.passes()
    assert (event.plate, len(event.read_ids)) == ("7ABC123", 3)
    assert metric("passes_recorded_total", agreed="no") == before + 1
    assert woken == [1]
    await vote.work()
    assert metric("passes_waiting") == metric("passes_waiting_reads") == 0


async def test_the_process_gives_way_to_others(vote):
    await vote.work()
    own, its = (os.getpriority(os.PRIO_PROCESS, pid) for pid in (os.getpid(), pid_of(vote)))
    assert its == min(19, own + NICENESS) > own


async def test_the_process_is_kept_from_run_to_run(retention, vote):
    await vote.work()
    first = pid_of(vote)
    await pass_by(retention, "8XYZ987", "8XYZ987", device_id=UUID(int=7))
    await vote.work()
    assert pid_of(vote) == first
    assert len(await retention.passes()) == 2


async def test_no_process_starts_while_nothing_awaits_the_vote(retention):
    await retention.running.vote.work()
    assert retention.running.vote.pids == []


async def test_a_process_that_ended_between_runs_is_replaced(retention, vote):
    await vote.work()
    first = pid_of(vote)
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    await pass_by(retention, "8XYZ987", "8XYZ987", device_id=UUID(int=7))
    await vote.work()
    assert pid_of(vote) != first
    assert len(await retention.passes()) == 2


@pytest.mark.clause("468.5/passes-in-sets")
async def test_a_process_killed_during_the_vote_fails_the_run_and_the_next_one_decides_once(
    retention, vote
):
    async with passes_locked(retention):
        run = asyncio.create_task(vote.work())
        await eventually(lambda: waits_for_a_lock(retention), within_s=30)
        os.kill(pid_of(vote), signal.SIGKILL)
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
        pid = pid_of(vote)
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
    first = pid_of(vote)
    await vote.work()
    assert pid_of(vote) == first
    assert len(await retention.passes()) == 1


async def test_the_service_votes_in_the_process(retention):
    [task] = [one for one in retention.running.periodic if one.name == "passes"]
    assert task._work == retention.running.vote.work


@pytest.fixture
def two_at_a_time(monkeypatch):
    """Let two reads fill a transaction, here and in the count of processes, so that few need several."""
    monkeypatch.setattr(pass_process, "READS_AT_ONCE", 2)


EVEN, ODD = DEVICE, UUID(int=DEVICE.int ^ 1)


async def test_more_reads_than_one_transaction_takes_are_shared_by_two_processes(
    retention, vote, two_at_a_time
):
    await pass_by(retention, "8XYZ987", "8XYZ987", device_id=ODD)
    await vote.work()
    assert len(set(vote.pids)) == 2
    assert {event.plate for event in await retention.passes()} == {"7ABC123", "8XYZ987"}
    assert not await retention.fetch("SELECT due_id FROM pass_due")


async def test_the_setting_bounds_the_processes(retention, vote, two_at_a_time):
    await pass_by(retention, *["8XYZ987"] * 9, device_id=ODD)
    settings = retention.running.settings.model_copy(update={"retention_pass_processes": 1})
    alone = PassProcesses(retention.runtime, settings, retention.running.passes)
    try:
        await alone.work()
        assert len(alone.pids) == 1
        assert len(await retention.passes()) == 2
    finally:
        await alone.close()


async def test_a_run_of_which_one_process_ends_awaits_the_other(retention, vote, two_at_a_time):
    await pass_by(retention, "8XYZ987", "8XYZ987", device_id=ODD)
    await vote.work()
    others = {UUID(int=EVEN.int + 2): "9DEF456", UUID(int=ODD.int + 2): "6GHJ789"}
    for device_id, plate in others.items():
        await pass_by(retention, plate, plate, device_id=device_id)
    async with passes_locked(retention):
        run = asyncio.create_task(vote.work())
        await eventually(lambda: both_wait_for_a_lock(retention), within_s=30)
        os.kill(vote.pids[0], signal.SIGKILL)
        await asyncio.sleep(0.5)
        assert not run.done()
    with pytest.raises(VoteFailed, match="ended with -9"):
        await run
    assert len(await retention.passes()) == 3
    await vote.work()
    plates = [event.plate for event in await retention.passes()]
    assert sorted(plates) == ["6GHJ789", "7ABC123", "8XYZ987", "9DEF456"]


async def test_what_a_process_that_cannot_start_left_is_decided_by_the_others(
    retention, vote, two_at_a_time, monkeypatch
):
    await pass_by(retention, *["8XYZ987"] * 5, device_id=ODD)
    spawn, spawned = pass_process.Child.spawn, []

    def once(*given, **named):
        if spawned:
            raise OSError("no memory is left")
        spawned.append(spawn(*given, **named))
        return spawned[0]

    monkeypatch.setattr(pass_process.Child, "spawn", once)
    with pytest.raises(OSError, match="no memory"):
        await vote.work()
    assert len(await retention.passes()) == 1
    await vote.work()
    assert len(await retention.passes()) == 2
    assert not await retention.fetch("SELECT due_id FROM pass_due")
    monkeypatch.undo()
    monkeypatch.setattr(pass_process, "READS_AT_ONCE", 2)
    for device_id, plate in ((EVEN, "9DEF456"), (ODD, "6GHJ789")):
        await pass_by(retention, *[plate] * 3, device_id=device_id)
    await vote.work()
    assert len(vote.pids) == 2, "a later turn tries both again"


async def both_wait_for_a_lock(retention):
    return len(await waits_for_a_lock(retention)) == 2


async def test_a_stopped_service_leaves_neither_process(retention, vote, two_at_a_time):
    await pass_by(retention, "8XYZ987", "8XYZ987", device_id=ODD)
    await vote.work()
    pids = vote.pids
    await retention.running.finish()
    assert [is_gone(pid) for pid in pids] == [True, True]
