"""The data of an embedded stack, for commands: a service's settings for the stack's database and keys."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from local.stack.keys import stored_keys
from local.stack.mac_keys import audits_mac_keys
from local.stack.postgres import Postgres, serves
from local.stack.process import LocalError
from local.stack.servers import ROOT
from local.stack.services import environment_of

_PORT_LINE = 3  # of postmaster.pid, counted from 0 (PostgreSQL, miscadmin.h: LOCK_FILE_LINE_PORT)


def environment(
    folder: Path, given: Mapping[str, str], service: str = "identity"
) -> dict[str, str]:
    """Return the settings that `given` lacks for a service to use a running stack's data. Contains secrets.

    Raises: LocalError if no stack runs there.
    """
    added = {"POLICY_FILE": str(ROOT / "policy.toml")}
    if "DATABASE_URL" not in given:
        servers = folder / "postgres"
        added["DATABASE_URL"] = Postgres(servers, port=port_of(servers)).service_url(service)
    added |= stored_keys(folder / "keys", given, first_start=False)
    added |= audits_mac_keys({**added, **given})
    return environment_of(service, {**added, **given})


def port_of(servers: Path) -> int:
    """Return the port of the Postgres that runs on a folder. Raises: LocalError if none does."""
    nothing = LocalError(f"no stack with a database of its own runs on {servers.parent}")
    try:
        lines = (servers / "data" / "postmaster.pid").read_text().splitlines()
        pid, port = int(lines[0]), int(lines[_PORT_LINE])
    except (OSError, IndexError, ValueError) as exc:
        raise nothing from exc
    if Path("/proc").exists() and not serves(pid, servers / "data"):
        raise nothing  # it was killed, and left its lock file
    return port


@contextmanager
def database(folder: Path, given: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Yield audit's environment for a stack's data; starts its Postgres if the stack is down.

    Raises: LocalError if there are no such data.
    """
    with ExitStack() as stack:
        try:
            added = environment(folder, given, "audit")
        except LocalError:
            if not (folder / "postgres" / "data").exists():
                raise LocalError(f"no stack has run on {folder}") from None
            server = stack.enter_context(Postgres(folder / "postgres"))
            added = environment(
                folder, {**given, "DATABASE_URL": server.service_url("audit")}, "audit"
            )
        yield added
