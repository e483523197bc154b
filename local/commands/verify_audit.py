"""`plateward verify-audit`: recomputes the embedded stack's audit log, whether the stack runs or not.

Reads the data in ./var, else those of `make demo`, or those at DATABASE_URL if set.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from local.stack.data import database
from local.stack.process import LocalError
from services.audit.__main__ import COMMANDS
from shared.service.command import Unfinished

FOLDERS = (Path("var"), Path("var/demo/stack"))

VERIFY = COMMANDS["verify"]


def verify(folder: Path, given: Mapping[str, Any]) -> Any:
    """Recompute the log of a stack's data. Raises: LocalError if there are no such data.

    Args:
        given: what audit's own command is given; without a key it verifies with the stack's own.
    """
    with database(folder, os.environ) as added:
        os.environ.update(added)
        values = {**given, "own_key": given["own_key"] or not given["vkey"]}
        return click.get_current_context().invoke(VERIFY, **values)


def _run(*, folder: Path | None, **given: Any) -> Any:
    there = [one for one in FOLDERS if (one / "postgres" / "data").exists()]
    chosen = folder or (there or FOLDERS)[0]
    try:
        return verify(chosen.absolute(), given)
    except LocalError as fault:
        raise Unfinished(str(fault), as_json=given["as_json"]) from fault


VERIFY_AUDIT = click.Command(
    "verify-audit",
    params=[
        *VERIFY.params,
        click.Option(
            ["--folder"],
            type=click.Path(path_type=Path),
            help="The data of the embedded stack; default: ./var, else those of the demonstration.",
        ),
    ],
    callback=_run,
    help="Recompute the audit log of the embedded stack, which may be down; by default with its own key.",
    epilog=VERIFY.epilog,
)
