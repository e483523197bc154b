"""Runs identity's command line on the running embedded stack: `python -m local.commands.administer`.

For the machine's operator, above all to create the first administrator (`bootstrap`), who then invites all others
through the API. All arguments but `--folder` are passed to identity.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from local.stack.keys import stored_keys
from local.stack.mac_keys import audits_mac_keys
from local.stack.postgres import Postgres
from local.stack.process import LocalError
from local.stack.servers import ROOT
from local.stack.services import environment_of
from services.identity.__main__ import COMMANDS
from services.identity.spec import SPEC
from shared.service.command import run

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
    try:
        lines = (servers / "data" / "postmaster.pid").read_text().splitlines()
        return int(lines[_PORT_LINE])
    except (OSError, IndexError, ValueError) as exc:
        raise LocalError(f"no stack with a database of its own runs on {servers.parent}") from exc


def main() -> None:
    """Run identity's command line."""
    parser = argparse.ArgumentParser(
        prog="python -m local.commands.administer", description=__doc__
    )
    parser.add_argument("--folder", type=Path, default=Path("var"), help="the stack's data")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="e.g. bootstrap --username NAME")
    chosen = parser.parse_args()
    if not chosen.command:
        parser.error("a command is needed; `bootstrap --help` tells more of the first")
    try:
        os.environ.update(environment(chosen.folder.absolute(), os.environ))
    except LocalError as fault:
        sys.exit(f"plateward: {fault}")
    run(SPEC, COMMANDS, chosen.command)


if __name__ == "__main__":
    main()
