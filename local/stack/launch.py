"""Runs the embedded stack as a command of its own, for tests, benches and the demonstration."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from local.stack.process import LocalError, die_with_parent
from local.stack.servers import ROOT
from local.stack.state_file import Running, StateFile

STOPS_WITHIN_S = 90.0


@contextlib.contextmanager
def running(
    folder: Path,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    within_s: float = 180.0,
) -> Iterator[Running]:
    """Run `python -m local` over `folder` with more arguments; stops it cleanly at the end, or when this thread ends.

    Raises: LocalError if it does not start, ends early or does not exit with 0.
    """
    folder = folder.absolute()
    command = [sys.executable, "-m", "local", "--folder", str(folder), *arguments]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "stack.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # No stack stays behind a command that was killed, or whose terminal was closed.
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
    try:
        yield _up(process, folder, command, within_s)
    except BaseException:
        _stop(process)
        raise
    if (code := _stop(process)) != 0:
        raise LocalError(f"the stack ended with {code}: {_end_of_log(folder)}")


def _up(
    process: subprocess.Popen[bytes], folder: Path, command: Sequence[str], within_s: float
) -> Running:
    state_file = StateFile(folder / "stack.json")
    deadline = time.monotonic() + within_s
    while True:
        running = state_file.read()
        if running is not None and running.pid == process.pid:
            return running
        if process.poll() is not None or time.monotonic() > deadline:
            raise LocalError(f"{' '.join(command)} did not come up: {_end_of_log(folder)}")
        time.sleep(0.05)


def _stop(process: subprocess.Popen[bytes]) -> int:
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(STOPS_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _end_of_log(folder: Path) -> str:
    return (folder / "stack.log").read_text(errors="replace")[-3000:]
