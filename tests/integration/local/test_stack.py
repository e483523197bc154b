"""The embedded stack as one command: its servers start, are supervised, and stop in order."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from stat import S_IMODE
from textwrap import dedent

import asyncpg
import pytest

from local.backup.installation import installation
from local.stack.broker import Broker, speaks_kafka
from local.stack.data import port_of
from local.stack.launch import running
from local.stack.postgres import ROLE, role_of
from local.stack.process import LocalError, free_port
from local.stack.servers import ROOT
from local.stack.stack import Stack
from local.stack.state_file import StateFile
from plateward.__main__ import status
from shared.kafka import dead_letters
from shared.postgres.database import database_of
from shared.testing import eventually

SERVERS_ONLY = ("--services", "")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """The data of all tests here: they start it again as its owner would, and only the first waits for initdb."""
    with tempfile.TemporaryDirectory(prefix="plateward-") as name:
        yield Path(name)


def children(pid: int) -> set[int]:
    """Return all processes below one, by /proc."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rsplit(")", 1)[1].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    found: set[int] = set()
    while more := {p for p, parent in parents.items() if parent in found | {pid}} - found:
        found |= more
    return found


def alive(pids: set[int]) -> set[int]:
    return {pid for pid in pids if Path(f"/proc/{pid}").exists()}


async def test_the_stack_stops_without_orphans_and_restarts_with_its_data(folder: Path) -> None:
    for _ in ("first start", "second start"):
        with running(folder, *SERVERS_ONLY) as stack:
            below = children(stack.pid)
            assert set(stack.processes) == {"postgres", "broker"}
            assert set(stack.processes.values()) <= below
            assert await dead_letters.listed(stack.kafka) == []
            assert len(below) > 2, "Postgres has processes of its own"
        assert alive(below) == set()
        assert StateFile(folder / "stack.json").read() is None


@pytest.mark.parametrize("part", ["postgres", "broker"])
async def test_a_server_that_is_killed_is_reported_and_started_again(
    folder: Path, part: str
) -> None:
    state_file = StateFile(folder / "stack.json")
    log = folder / "stack.log"
    before = log.read_text() if log.exists() else ""
    with running(folder, *SERVERS_ONLY) as stack:
        os.kill(stack.processes[part], signal.SIGKILL)
        await eventually(
            lambda: (now := state_file.read()) and now.processes[part] != stack.processes[part],
            within_s=30,
        )
    said = log.read_text().removeprefix(before)
    assert f"{part} ended (-9) and is started again" in said


async def test_a_first_start_that_ends_before_its_broker_is_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(broker: Broker) -> None:
        raise LocalError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Broker, "start", fails)
        with pytest.raises(LocalError, match="no space left"):
            await Stack(tmp_path, port=0, services=[]).run(asyncio.Event())
    assert (tmp_path / "postgres" / "data").exists()
    with running(tmp_path, *SERVERS_ONLY) as stack:
        assert set(stack.processes) == {"postgres", "broker"}


async def test_pictures_events_and_logs_are_closed_to_other_accounts(folder: Path) -> None:
    parts = ("objects", "broker", "log", "keys")
    for name in parts[:3]:  # an earlier version left them open
        (folder / name).mkdir(exist_ok=True)
        (folder / name).chmod(0o755)
    with running(folder, *SERVERS_ONLY):
        assert {name: S_IMODE((folder / name).stat().st_mode) for name in parts} == (
            dict.fromkeys(parts, 0o700)
        )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGHUP])
async def test_no_stack_stays_behind_a_command_that_was_killed(
    folder: Path, how: signal.Signals
) -> None:
    code = f"""
        from pathlib import Path
        from local.stack.launch import running as started
        with started(Path({str(folder)!r}), "--services", "") as up:
            print(up.pid, flush=True)
            input()
    """
    with subprocess.Popen(
        [sys.executable, "-c", dedent(code)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as command:
        assert command.stdout is not None
        stack = int(command.stdout.readline())
        below = children(stack)
        command.send_signal(how)
        await eventually(lambda: gone(stack) and not alive(below), within_s=60)
    with running(folder, *SERVERS_ONLY):
        pass


async def test_a_stack_whose_machine_failed_no_longer_counts_as_running(folder: Path) -> None:
    with running(folder, *SERVERS_ONLY):
        left = {
            p: (folder / p).read_bytes() for p in ("stack.json", "postgres/data/postmaster.pid")
        }
        server = port_of(folder / "postgres")
        assert server > 0
    for path, content in left.items():
        (folder / path).write_bytes(content)
    assert StateFile(folder / "stack.json").read() is None
    with pytest.raises(LocalError, match="no stack with a database of its own runs"):
        port_of(folder / "postgres")
    given = {"POLICY_FILE": str(ROOT / "policy.toml")}
    with installation(folder, given) as source:  # what `plateward backup` reads
        assert not source.at_work
        assert source.kafka is not None
        assert speaks_kafka(int(source.kafka.rpartition(":")[2]))
        async with database_of(source.database, "audit") as db:
            await db.ping()


async def kill_broker(folder: Path, *, times: int) -> None:
    state_file = StateFile(folder / "stack.json")
    with running(folder, *SERVERS_ONLY) as stack:
        broker = stack.processes["broker"]
        for _ in range(times):
            os.kill(broker, signal.SIGKILL)
            another = partial(another_broker, state_file, stack.pid, broker)
            broker = await eventually(another, within_s=30)


def another_broker(state_file: StateFile, stack: int, killed: int) -> int | None:
    """Return the broker that replaced the killed one; the killed one again when the stack has given up."""
    now = state_file.read()
    if now is not None and now.processes["broker"] != killed:
        return now.processes["broker"]
    return killed if gone(stack) else None


def gone(pid: int) -> bool:
    """Return whether a process has ended; its parent may not have asked yet."""
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] == "Z"


async def test_a_server_that_keeps_ending_stops_the_stack_with_a_clear_message(
    folder: Path,
) -> None:
    with pytest.raises(LocalError, match="broker ended 6 times within a minute"):
        await kill_broker(folder, times=6)


async def test_servers_that_the_environment_names_are_used_and_not_started(tmp_path: Path) -> None:
    given = {"KAFKA_BOOTSTRAP": "127.0.0.1:9", "DATABASE_URL": "postgresql://x@127.0.0.1:9/x"}
    with running(tmp_path, *SERVERS_ONLY, environment=given) as stack:
        assert stack.processes == {}
        assert stack.kafka == given["KAFKA_BOOTSTRAP"]


async def test_ctrl_c_at_a_terminal_stops_it_with_0(folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "local", "--folder", str(folder), *SERVERS_ONLY],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as command:
        assert command.stdout is not None
        assert "up after" in command.stdout.readline()
        below = children(command.pid)
        os.killpg(command.pid, signal.SIGINT)  # a terminal signals the whole foreground group
        assert command.wait(60) == 0
    assert alive(below) == set()


async def test_a_service_connects_as_a_role_without_tables_and_does_not_get_the_owners_url(
    folder: Path,
) -> None:
    with running(folder, "--port", "0", "--services", "identity,release", "--separate") as stack:
        told = Path(f"/proc/{stack.processes['release']}/environ").read_bytes()
        environment = dict(line.split("=", 1) for line in told.decode().split("\0") if line)
        assert "DATABASE_OWNER_URL" not in environment
        assert not [name for name in environment if name.endswith("__DATABASE_URL")]
        connection = await asyncpg.connect(environment["DATABASE_URL"])
        try:
            role = await connection.fetchval("SELECT current_user")
            owners = await connection.fetch(
                "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'release'"
            )
        finally:
            await connection.close()
    assert (role, [row["tableowner"] for row in owners]) == (role_of("release"), [ROLE])
    assert "owns the tables" not in (folder / "log" / "release.log").read_text()


async def kill_supervisor(folder: Path) -> None:
    with running(folder, *SERVERS_ONLY) as stack:
        below = children(stack.pid)
        os.kill(stack.pid, signal.SIGKILL)
        await eventually(lambda: not alive(below), within_s=30)


def come_up(folder: Path, *arguments: str) -> set[str]:
    with running(folder, *arguments) as stack:
        return set(stack.processes)


async def test_killing_the_supervisor_ends_every_process_of_the_stack(folder: Path) -> None:
    with pytest.raises(LocalError, match="ended with -9"):
        await kill_supervisor(folder)
    assert come_up(folder, *SERVERS_ONLY) == {"postgres", "broker"}


async def test_one_folder_serves_one_stack(folder: Path) -> None:
    with (
        running(folder, *SERVERS_ONLY),
        pytest.raises(LocalError, match="another process already runs the stack"),
    ):
        come_up(folder, *SERVERS_ONLY)


def test_an_unknown_service_is_named(folder: Path) -> None:
    with pytest.raises(LocalError, match="no such service: parking"):
        come_up(folder, "--services", "identity,parking")


def test_the_dead_letters_command_names_a_kafka_that_does_not_answer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    assert status(["dead-letters", "--bootstrap", nobody]) == 2
    assert f"plateward: no Kafka answers at {nobody}" in capsys.readouterr().err
