"""Child processes: started with a log, stopped within a time, never left behind."""

import os
import signal
import sys
from pathlib import Path

import pytest

from local.stack.process import LOG_MAX_BYTES, Account, Child, LocalError, held


def python(tmp_path: Path, code: str) -> Child:
    return Child("it", [sys.executable, "-c", code], log=tmp_path / "it.log")


def test_a_process_that_ends_at_start_is_reported_with_its_last_words(tmp_path: Path) -> None:
    child = python(tmp_path, "print('no such disk'); raise SystemExit(3)")
    child.start()
    with pytest.raises(LocalError, match=r"it ended at start \(3\): no such disk"):
        child.wait_ready(lambda: False)


def test_a_process_that_is_never_ready_is_ended(tmp_path: Path) -> None:
    child = python(tmp_path, "import time; time.sleep(600)")
    child.start()
    with pytest.raises(LocalError, match=r"not ready within 0\.1 s"):
        child.wait_ready(lambda: False, within_s=0.1)
    assert not child.alive()


def test_a_process_that_ignores_the_signal_is_killed_after_the_timeout(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    child = python(
        tmp_path,
        "import pathlib, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"pathlib.Path({str(ready)!r}).touch(); time.sleep(600)",
    )
    child.start()
    child.wait_ready(ready.exists)
    child.stop(within_s=0.1)
    assert child.returncode() == -signal.SIGKILL


def test_children_of_a_killed_process_end_with_it(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    child = python(
        tmp_path,
        "import pathlib, subprocess, sys, time;"
        "below = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        f"pathlib.Path({str(note)!r}).write_text(str(below.pid) + chr(10)); time.sleep(600)",
    )
    child.start()
    child.wait_ready(lambda: note.exists() and note.read_text().endswith("\n"))
    below = Path(f"/proc/{int(note.read_text())}/stat")
    assert below.exists()
    child.kill()
    while below.exists():
        if below.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            break  # dead; its new parent has not asked yet
    assert child.returncode() == -signal.SIGKILL


def test_an_environment_is_added_to_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS", "1")
    child = python(tmp_path, "import os; print(os.environ['OURS'], os.environ['ADDED'])")
    child.env = {"ADDED": "2"}
    child.start()
    while child.alive():
        pass
    assert child.tail() == "1 2"


def test_a_large_log_is_rotated_at_the_next_start(tmp_path: Path) -> None:
    log = tmp_path / "it.log"
    log.write_bytes(b"x" * (LOG_MAX_BYTES + 1))
    child = python(tmp_path, "print('new')")
    child.start()
    child.stop()
    assert log.stat().st_size < 100
    assert (tmp_path / "it.log.1").stat().st_size == LOG_MAX_BYTES + 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may start a process of another account")
def test_a_process_of_another_account_has_none_of_this_ones_groups(tmp_path: Path) -> None:
    child = Child(
        "it", ["/usr/bin/id", "-G"], log=tmp_path / "it.log", account=Account(65_534, 65_534)
    )
    before = os.getgroups()
    os.setgroups([*before, 4_000_000])
    try:
        child.start()
        assert child.ends(within_s=30)
    finally:
        os.setgroups(before)
    assert child.tail() == "65534"


def test_a_folder_is_locked_by_one_process_at_a_time(tmp_path: Path) -> None:
    with (
        held(tmp_path, "it"),
        pytest.raises(LocalError, match="already runs it"),
        held(tmp_path, "it"),
    ):
        pass
    with held(tmp_path, "it"):
        pass


def test_a_process_that_was_never_started_has_no_pid(tmp_path: Path) -> None:
    child = python(tmp_path, "")
    assert not child.alive()
    assert child.returncode() is None
    child.stop()
    with pytest.raises(LocalError, match="it is not started"):
        assert child.pid
