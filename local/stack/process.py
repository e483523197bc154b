"""Server processes that this process owns: started with a log, stopped in order, never orphaned."""

import contextlib
import ctypes
import fcntl
import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

LOOPBACK = "127.0.0.1"
LOCALHOST = "localhost"
"""The host of the pages here: browsers tie security keys to names, not to addresses in digits."""
LOG_MAX_BYTES = 5_000_000
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_BEGAN = (
    19  # of /proc/PID/stat, counted from the field after the name (proc_pid_stat(5): starttime)
)


class LocalError(Exception):
    """A part of the embedded stack cannot start or has stopped; the message says what to do."""


def page_address(url: str) -> str:
    """Return the address of a page by this machine's own name, where people's security keys work."""
    return url.replace(LOOPBACK, LOCALHOST, 1)


def free_port() -> int:
    """Return a TCP port on loopback without a listener."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Whether a process accepts TCP connections on a loopback port."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=0.5).close()
    except OSError:
        return False
    return True


def run_to_end(
    command: Sequence[str],
    failure: str,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    """Run a program to its end. Raises: LocalError with `failure` and the end of its output if it fails.

    `env` has all of its environment variables; None for this process's.
    """
    done = subprocess.run(
        command,
        cwd=cwd,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise LocalError(f"{failure}: {done.stdout.strip()[-1500:]}")


def owners_alone(folder: Path) -> Path:
    """Make a folder, if it is not there, and close it to other accounts; return it."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder


@contextlib.contextmanager
def held(folder: Path, what: str) -> Iterator[None]:
    """Lock a folder for this process; the kernel releases the lock however the process ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise LocalError(
                f"another process already runs {what} on {folder}: stop it first"
            ) from exc
        yield


@dataclass(frozen=True)
class Account:
    """The operating-system account of a child process."""

    uid: int
    gid: int


def unprivileged_account() -> Account | None:
    """Return the account `nobody` if this process is root, None if the child may use this process's account."""
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam("nobody")
    return Account(entry.pw_uid, entry.pw_gid)


@dataclass
class Child:
    """One server process, alive no longer than the process that started it.

    Start it from a thread that lives as long as the process should: Linux ends the child when that thread ends.
    """

    name: str
    command: Sequence[str]
    log: Path
    env: Mapping[str, str] | None = None
    account: Account | None = None
    cwd: Path = Path("/")
    stop_signal: signal.Signals = signal.SIGTERM
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    @property
    def pid(self) -> int:
        """The process id. Raises: LocalError if it was never started."""
        if self._process is None:
            raise LocalError(f"{self.name} is not started")
        return self._process.pid

    def start(self) -> None:
        """Start the process in a group of its own, so that a terminal's Ctrl-C reaches only this process."""
        _rotate(self.log)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=None if self.env is None else {**os.environ, **self.env},
                cwd=self.cwd,
                process_group=0,
                # Runs after the change of account, which would clear the setting.
                preexec_fn=die_with_parent(self.stop_signal),
                **as_account(self.account),
            )

    def alive(self) -> bool:
        """Whether the process runs; once it has ended, its own children are killed too."""
        if self._process is None or self._process.returncode is not None:
            return False
        # WNOWAIT does not reap: until the process is reaped, its group's id cannot be reused.
        if os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        return False

    def returncode(self) -> int | None:
        """The exit status, negative for a signal; None while it runs or was never started."""
        return None if self._process is None or self.alive() else self._process.returncode

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        if self._process is not None and self.alive():
            self._process.send_signal(number)

    def stop(self, *, within_s: float = 30.0) -> None:
        """Ask the process to end, and kill it if it has not ended after `within_s`."""
        self.signal(self.stop_signal)
        if not self.ends(within_s=within_s):
            self.kill()

    def ends(self, *, within_s: float) -> bool:
        """Wait until the process has ended, up to `within_s`; return whether it has."""
        deadline = time.monotonic() + within_s
        while self.alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def kill(self) -> None:
        """Kill -9, to test durability, or as the last resort of `stop`."""
        self.signal(signal.SIGKILL)
        while self.alive():
            time.sleep(0.001)

    def wait_ready(self, ready: Callable[[], bool], *, within_s: float = 30.0) -> None:
        """Return once `ready` holds. Raises: LocalError with the end of the log if the process ends or is late."""
        deadline = time.monotonic() + within_s
        while not ready():
            if not self.alive():
                raise LocalError(f"{self.name} ended at start ({self.returncode()}): {self.tail()}")
            if time.monotonic() > deadline:
                self.stop()
                raise LocalError(f"{self.name} not ready within {within_s:g} s: {self.tail()}")
            time.sleep(0.01)

    def tail(self, lines: int = 12) -> str:
        """Return the last lines of the process's log."""
        if not self.log.exists():
            return "(no log)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


class Server(ABC):
    """A server that runs in one child process: the common base of Postgres and both Kafkas."""

    NAME: ClassVar[str]
    """The server's name in messages."""

    _server: Child | None

    @abstractmethod
    def start(self) -> None:
        """Start, and wait until it answers clients. Raises: LocalError."""

    @abstractmethod
    def stop(self) -> None:
        """Stop cleanly; does nothing if not started."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def child(self) -> Child:
        """The server's process. Raises: LocalError before the first start."""
        if self._server is None:
            raise LocalError(f"{self.NAME} is not started")
        return self._server


def began(pid: int) -> str:
    """Return when a process began, in ticks since the machine started: an id that is used again has another time.

    Empty if no process has the id, and where there is no /proc.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[_BEGAN]


def _rotate(log: Path) -> None:
    """Rotate a large log; keeps one earlier log."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_MAX_BYTES:
        log.replace(log.with_suffix(log.suffix + ".1"))


def as_account(account: Account | None) -> dict[str, Any]:
    """Return subprocess's arguments for another account; empty if None."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def die_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """Make the kernel signal the child when its parent dies, even after kill -9 (Linux)."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)

    return ask
