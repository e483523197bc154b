"""A database that is busy, full or silent: callers get a timely refusal with Retry-After."""

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from secrets import token_hex
from uuid import uuid4

import pytest
from sqlalchemy import text

from local.stack.postgres import Postgres
from local.stack.process import free_port
from services.registry import SPECS, names
from shared.core.errors import InternalFault, Unavailable
from shared.postgres import database as shared_db
from shared.postgres.database import Database, driver_of
from shared.postgres.outbox import emit
from shared.service import resources
from shared.service.api_runtime import ApiRuntime
from shared.service.resources import is_ok
from shared.service.spec import Kind
from shared.testing import mac_key
from shared.testing.sample import SAMPLE
from tests.integration.ended_session import end_session
from tests.integration.shared.outboxes import finding


async def test_a_caller_without_a_free_connection_in_time_is_refused(database_url, monkeypatch):
    monkeypatch.setattr(shared_db, "POOL_TIMEOUT_S", 0.1)
    database = Database(database_url, "public", pool_size=1)
    async with AsyncExitStack() as held:
        for _ in range(2):  # the pool, and as many beyond it
            connection = await held.enter_async_context(database.begin())
            await connection.execute(text("SELECT 1"))
        with pytest.raises(Unavailable, match="overloaded"):
            await database.ping()
    await database.ping()
    await database.close()


@pytest.mark.parametrize(
    "state", ["53100", "53200", "40P01", "57P02", "25006"],
    ids=["disk full", "out of memory", "deadlock", "crash", "only reads"],
)  # fmt: skip
@pytest.mark.parametrize("driver", [False, True], ids=["sqlalchemy", "asyncpg"])
async def test_a_database_fault_that_is_not_the_callers_raises_unavailable(
    database_url, state, driver
):
    database = Database(database_url, "public", pool_size=1)
    statement = f"DO $$ BEGIN RAISE EXCEPTION SQLSTATE '{state}'; END $$"

    async def fail():
        async with database.begin() as connection:
            if driver:
                await (await driver_of(connection)).execute(statement)
            await connection.execute(text(statement))

    with pytest.raises(Unavailable):
        await fail()
    await database.ping()
    await database.close()


@pytest.mark.parametrize(
    ("group", "refused"),
    [("\x00", True), (token_hex(5000), True), ("a group", False)],
    ids=["NUL", "too long for an index", "a name"],
)
async def test_a_value_that_postgres_cannot_store_is_a_fault_of_the_event_and_never_retried(
    database_url, group, refused
):
    database = Database(database_url, "unstorable", pool_size=1)
    await database.migrate(shared_db.SHARED_MIGRATIONS / "none")

    async def store():
        with shared_db.refused_if_unstorable():
            async with database.begin() as connection:
                return await shared_db.first_sight(connection, group, uuid4())

    if refused:
        with pytest.raises(InternalFault, match="cannot store a value"):
            await store()
    else:
        assert await store()
    await database.close()


async def test_only_a_commit_that_wrote_an_event_wakes_the_relay(database_url, clock):
    database = Database(database_url, "unstorable", pool_size=1, mac_key=mac_key("sample"))
    await database.migrate(shared_db.SHARED_MIGRATIONS / "none")
    woken = []
    database.add_listener(lambda: woken.append(1))

    async def fail():
        async with database.begin() as connection:
            await emit(connection, "sample", finding(clock, "rolled back"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    await database.ping()
    assert woken == []
    async with database.begin() as connection:
        await emit(connection, "sample", finding(clock, "committed"))
        assert woken == [], "a relay that wakes before the commit finds nothing"
    assert woken == [1]
    await database.close()


async def test_a_connection_that_ends_under_a_statement_of_asyncpgs_own_raises_unavailable(
    database_url,
):
    database = Database(database_url, "public", pool_size=1)

    async def fail():
        async with database.begin() as connection:
            driver = await driver_of(connection)
            backend = await driver.fetchval("SELECT pg_backend_pid()")
            async with database.begin() as other:
                await other.execute(text(f"SELECT pg_terminate_backend({backend})"))
            await driver.execute("SELECT 1")

    with pytest.raises(Unavailable, match="does not answer"):
        await fail()
    await database.ping()
    await database.close()


@pytest.mark.parametrize("driver", [False, True], ids=["sqlalchemy", "asyncpg"])
async def test_a_session_that_is_ended_before_its_connection_closes_raises_unavailable(
    database_url, driver
):
    database = Database(database_url, "public", pool_size=1)

    async def fail():
        async with database.begin() as connection:
            raw = await driver_of(connection)
            end_session(raw)
            if driver:
                await raw.execute("SELECT 1")
            await connection.execute(text("SELECT 1"))

    with pytest.raises(Unavailable, match="does not answer"):
        await fail()
    await database.ping()
    await database.close()


async def test_a_connection_whose_session_is_ended_is_lent_no_more(database_url):
    database = Database(database_url, "public", pool_size=1)

    async def fail():
        async with database.connect() as connection:
            end_session(await driver_of(connection))
            await connection.execute(text("SELECT 1"))

    with pytest.raises(Unavailable, match="does not answer"):
        await fail()
    async with database.connect() as connection:
        assert (await connection.execute(text("SELECT 1"))).scalar_one() == 1
    await database.close()


async def test_readiness_reports_a_silent_database_and_its_recovery_in_time(
    tmp_path, settings, bus, objects, authority, policy, monkeypatch
):
    tmp_path.chmod(0o755)
    monkeypatch.setattr(resources, "ANSWERS_WITHIN_S", 0.3)
    with Postgres(tmp_path / "postgres", fast_for_tests=True) as server:
        url = server.create_database("silent")
        runtime = ApiRuntime(
            SAMPLE,
            settings.model_copy(update={"database_url": url}),
            bus=bus,
            objects=objects,
            people=authority.people,
            policy=policy,
        )
        assert (await runtime.check())["postgres"] == "ok"
        async with runtime.db.begin() as connection:
            backend = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        os.kill(backend, signal.SIGSTOP)
        async with asyncio.timeout(5):
            assert (await runtime.check())["postgres"] == "it does not answer"
        os.kill(backend, signal.SIGCONT)
        assert (await runtime.check())["postgres"] == "ok"
        await runtime.db.close()


@pytest.mark.parametrize(("service", "ready"), [("ingest", True), ("hotlist", False)])
async def test_only_ingest_is_ready_while_the_database_is_unavailable(
    settings, bus, objects, authority, policy, service, ready
):
    nowhere = f"postgresql://x:x@127.0.0.1:{free_port()}/x"
    runtime = ApiRuntime(
        SPECS[service],
        settings.model_copy(update={"database_url": nowhere}),
        bus=bus,
        objects=objects,
        people=authority.people,
        policy=policy,
    )
    state = await runtime.check()
    assert is_ok(state["postgres"]) is ready
    assert "the database does not answer" in state["postgres"]
    await runtime.db.close()


@pytest.mark.clause("wall/objects")
@pytest.mark.parametrize("service", names(Kind.API))
async def test_readiness_checks_the_object_store_only_in_services_that_use_it(
    settings, bus, authority, policy, service, tmp_path
):
    """Identity opens no object store: it could not, without a key; audit uses its own in the background."""
    runtime = ApiRuntime(
        SPECS[service],
        settings.model_copy(update={"object_store_url": f"file://{tmp_path}/{service}"}),
        bus=bus,
        people=authority.people,
        policy=policy,
    )
    assert ("objects" in await runtime.check()) is (service not in {"identity", "audit"})
    if service == "identity":
        with pytest.raises(LookupError, match="identity has no rights"):
            _ = runtime.objects
        assert not (tmp_path / service).exists()
    await runtime.db.close()
