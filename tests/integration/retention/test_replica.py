"""Searches on a read replica: two real servers, with and without lag."""

import asyncio
import os
import signal
import subprocess
import tempfile
import time
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from prometheus_client import REGISTRY

from local.stack.postgres import Postgres
from services.retention.store import replica
from services.retention.store.destroying import Destruction
from services.retention.store.locks import next_month
from shared.events import RecordsDisclosed
from tests.integration.retention.conftest import a_read, started
from tests.integration.retention.holding import place, release
from tests.integration.retention.purging import DUE, NOON, left, purge
from tests.servers import TEMPLATES, make_database, memory

NAME = "tables_of_retention"
HOLD = {
    "basis": "evidence",
    "case_number": "26-0141",
    "description": "hit and run",
    "criteria": {"plate": "7ABC123"},
}


class Killed(Exception):
    """The process ends."""


@pytest.fixture(scope="module")
def servers():
    """A primary with retention's tables, and a replica that streams from it."""
    with tempfile.TemporaryDirectory(prefix="replica-", dir=memory()) as name:
        folder = Path(name)
        folder.chmod(0o711)
        primary = Postgres(folder / "primary")
        with primary:
            make_database(primary, NAME, TEMPLATES[NAME])
        subprocess.run(["cp", "-a", folder / "primary", folder / "replica"], check=True)
        with primary, _standby_of(primary, folder / "replica") as replica:
            yield primary, replica


@contextmanager
def _standby_of(primary, folder):
    data = folder / "data"
    where = primary.superuser_url("postgres").replace("'", "''")
    with (data / "postgresql.auto.conf").open("a") as settings:
        settings.write(f"primary_conninfo = '{where}'\n")
    (data / "standby.signal").touch()
    with Postgres(folder) as replica:
        yield replica


@pytest.fixture
def database_url(servers):
    return servers[0].url(NAME)


@pytest.fixture
def services_url(servers):
    return servers[0].service_url("retention", NAME)


@pytest.fixture
async def retention(servers, settings, bus, objects, clock, authority, policy):
    """The service with a replica, on empty tables."""
    primary, replica = servers
    where = replica.service_url("retention", NAME)
    async with (
        started(
            settings, bus, objects, clock, authority, policy, retention_replica_url=where
        ) as service,
        superuser(primary) as connection,
    ):
        await connection.execute(
            "TRUNCATE retention.reads, retention.plates, retention.devices, retention.device_days, retention.pass_due,"
            " retention.outbox"
        )
        yield service


@asynccontextmanager
async def superuser(server):
    connection = await asyncpg.connect(server.superuser_url(NAME))
    try:
        yield connection
    finally:
        await connection.close()


async def catch_up(servers, retention):
    """Send a heartbeat and wait until the replica has it, with all before."""
    await retention.running.replica.send_heartbeat()
    async with superuser(servers[0]) as primary, superuser(servers[1]) as replica:
        written = await primary.fetchval("SELECT pg_current_wal_insert_lsn()::text")
        deadline = time.monotonic() + 20
        while not await replica.fetchval(
            "SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn", written
        ):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)


@asynccontextmanager
async def lag(servers):
    """Stop the replay on the replica for a while."""
    async with superuser(servers[1]) as replica:
        await replica.execute("SELECT pg_wal_replay_pause()")
        while await replica.fetchval("SELECT pg_get_wal_replay_pause_state()") != "paused":
            await asyncio.sleep(0.02)
        try:
            yield
        finally:
            await replica.execute("SELECT pg_wal_replay_resume()")


@asynccontextmanager
async def answered_by(server, why=""):
    """Check that one search in this context is answered by `server`."""
    named = {"server": server, "why": why}

    def count():
        return REGISTRY.get_sample_value("alpr_searches_by_server_total", named) or 0

    before = count()
    yield
    assert count() == before + 1


async def test_a_replica_answers_and_the_disclosure_commits_on_the_primary(servers, retention):
    await retention.store(*(a_read(f"7ABC12{n}", NOON - timedelta(minutes=n)) for n in range(5)))
    await catch_up(servers, retention)
    async with answered_by("replica"):
        found = await retention.search(plate="7ABC*", limit=3)
    assert [read["plate"] for read in found["items"]] == ["7ABC120", "7ABC121", "7ABC122"]
    [disclosed] = await retention.emitted(RecordsDisclosed)
    assert disclosed.count == 3


@pytest.mark.clause("468.5/schedule")
async def test_a_replica_without_the_last_purge_is_not_used(servers, retention):
    await retention.store(a_read("1OLD001", DUE - timedelta(days=1)), a_read("7ABC123", NOON))
    await catch_up(servers, retention)
    async with lag(servers):
        await purge(retention)
        assert await left(retention) == ["7ABC123"]
        await retention.running.replica.send_heartbeat()
        async with answered_by("primary", "purge or hold not replayed"):
            assert await retention.plates(plate="7ABC123") == ["7ABC123"]
    await catch_up(servers, retention)
    async with answered_by("replica"):
        assert await retention.plates(plate="7ABC123") == ["7ABC123"]


@pytest.mark.clause("468.5/schedule")
async def test_a_replica_that_lacks_the_last_step_of_a_purge_is_not_used(
    servers, retention, monkeypatch
):
    """A month is prepared in steps of their own, and goes in the last one."""
    month = datetime(2025, 2, 1, tzinfo=UTC)
    await retention.store(a_read("1OLD001", month), a_read("7ABC123", NOON))

    async def killed(*_):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Destruction, "drop", killed)
        with pytest.raises(Killed):
            await purge(retention, before=next_month(month).isoformat())
    assert await left(retention) == ["1OLD001", "7ABC123"]
    await catch_up(servers, retention)
    async with lag(servers):
        await retention.running.purger.work()
        assert await left(retention) == ["7ABC123"]
        async with answered_by("primary", "purge or hold not replayed"):
            assert await retention.plates(plate="7ABC123") == ["7ABC123"]


async def test_a_replica_without_the_last_hold_does_not_answer(servers, retention):
    await retention.store(a_read("7ABC123", NOON))
    await catch_up(servers, retention)
    async with lag(servers):
        await retention.post("/v1/holds", HOLD, 201)
        async with answered_by("primary", "purge or hold not replayed"):
            assert await retention.plates(plate="7ABC123") == ["7ABC123"]


async def confirm(retention, hold):
    second = "00000000-0000-4000-8000-000000000008"
    headers = retention.authority.headers(account_id=second)
    headers["X-ALPR-Purpose"] = retention.authority.purpose_token(
        account_id=second, case_number=hold["case_number"]
    )
    path = f"/v1/holds/{hold['hold_id']}/confirmation"
    answer = await retention.client.post(path, json={"reason": "ordered"}, headers=headers)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("step", [confirm, release])
async def test_a_replica_without_the_last_step_of_a_hold_does_not_answer(servers, retention, step):
    hold = await place(retention, captured_from=(NOON - timedelta(days=99)).isoformat())
    await catch_up(servers, retention)
    async with answered_by("replica"):
        assert await retention.plates(plate="7ABC123") == []
    async with lag(servers):
        await step(retention, hold)
        async with answered_by("primary", "purge or hold not replayed"):
            assert await retention.plates(plate="7ABC123") == []


async def test_a_replica_far_behind_does_not_answer_so_new_reads_are_found(servers, retention):
    await catch_up(servers, retention)
    async with lag(servers):
        await retention.store(a_read("7ABC123", NOON))
        retention.running.replica._most_behind = timedelta(milliseconds=50)
        await asyncio.sleep(0.1)
        async with answered_by("primary", "behind"):
            assert await retention.plates(plate="7ABC123") == ["7ABC123"]


async def test_the_primary_answers_while_the_replica_is_unavailable(
    servers, retention, monkeypatch
):
    monkeypatch.setattr(replica, "AWAY_FOR_S", 0)
    await retention.store(a_read("7ABC123", NOON))
    await catch_up(servers, retention)
    servers[1].stop()
    try:
        async with answered_by("primary", "away"):
            assert await retention.plates(plate="7ABC123") == ["7ABC123"]
    finally:
        servers[1].start()
    await catch_up(servers, retention)
    async with answered_by("replica"):
        assert await retention.plates(plate="7ABC123") == ["7ABC123"]


def processes_of(server):
    """Return the process ids of a server: of its first process, and of those that this one has started."""
    first = (server.folder / "data" / "postmaster.pid").read_text().splitlines()[0]
    started = Path(f"/proc/{first}/task/{first}/children").read_text().split()
    return [int(pid) for pid in (first, *started)]


async def test_a_replica_that_hangs_holds_up_a_search_for_a_moment_and_no_storing(
    servers, retention
):
    """A search holds a connection to the primary while it waits for the replica; storing needs one, too."""
    await retention.store(a_read("7ABC123", NOON))
    await catch_up(servers, retention)
    async with answered_by("replica"):
        assert await retention.plates(plate="7ABC123") == ["7ABC123"]
    stopped = processes_of(servers[1])
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
            for _ in range(5):
                tasks.create_task(retention.plates(plate="7ABC123"))
            await asyncio.sleep(0.1)
            await retention.store(a_read("8XYZ987", NOON))
        began = time.monotonic()
        for _ in range(3):
            assert await retention.plates(plate="8XYZ987") == ["8XYZ987"]
        assert time.monotonic() < began + replica.AWAY_FOR_S
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)


async def test_a_search_that_the_replica_cancels_is_repeated_on_the_primary(servers, retention):
    await retention.store(a_read("7ABC123", NOON))
    await catch_up(servers, retention)

    async def query(connection):
        if (await connection.exec_driver_sql("SELECT pg_is_in_recovery()")).scalar_one():
            raise_conflict = (
                "DO $$ BEGIN RAISE EXCEPTION 'conflict' USING ERRCODE = '40001'; END $$"
            )
            await connection.exec_driver_sql(raise_conflict)
        return "read"

    async with answered_by("primary", "away"), retention.runtime.db.begin() as connection:
        assert await retention.running.replica.read(connection, query) == "read"
    async with answered_by("replica"):  # it is not taken for away
        assert await retention.plates(plate="7ABC123") == ["7ABC123"]


@pytest.mark.clause("468.5/schedule")
async def test_a_search_on_a_replica_sees_one_moment_with_the_marks_that_allow_it(
    servers, retention
):
    """Else a purge could be replayed between the marks and the reads."""
    await catch_up(servers, retention)

    async def query(connection):
        return (await connection.exec_driver_sql("SHOW transaction_isolation")).scalar_one()

    async with answered_by("replica"), retention.runtime.db.begin() as connection:
        seen = await retention.running.replica.read(connection, query)
    assert seen == "repeatable read"
