"""`make verify-audit`: recomputes the embedded stack's audit log, whether the stack runs or not.

Reads the data in ./var, else those of `make demo`, or those at DATABASE_URL if set. Other arguments are passed to
`python -m services.audit verify`, e.g. `--checkpoint FILE` for a checkpoint kept elsewhere, or `--vkey KEY`;
without a key it verifies with the stack's own.
"""

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from local.commands.administer import environment
from local.stack.postgres import Postgres
from local.stack.process import LocalError
from services.audit.__main__ import COMMANDS
from services.audit.spec import SPEC
from shared.service.command import status_of

FOLDERS = (Path("var"), Path("var/demo/stack"))


@contextlib.contextmanager
def database(folder: Path, given: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Yield audit's environment for a stack's data; starts its Postgres if the stack is down.

    Raises: LocalError if there are no such data.
    """
    with contextlib.ExitStack() as stack:
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


def verify(folder: Path, arguments: Sequence[str]) -> int:
    """Recompute the log; returns 0 if it holds, 1 if it does not, 2 if it cannot be read."""
    with database(folder, os.environ) as added:
        os.environ.update(added)
        own = [] if "--vkey" in arguments else ["--own-key"]
        return status_of(SPEC, COMMANDS, ["verify", *own, *arguments])


def main() -> int:
    """Verify the first folder that has data."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="the stack's data")
    chosen, rest = parser.parse_known_args()
    there = [folder for folder in FOLDERS if (folder / "postgres" / "data").exists()]
    folder = chosen.folder or (there or FOLDERS)[0]
    try:
        return verify(folder.absolute(), rest)
    except LocalError as fault:
        print(f"plateward: {fault}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
