"""Commands of services on the data of the running embedded stack: `plateward bootstrap`, `rotate-key` and others."""

import os
from pathlib import Path
from typing import Any

import click

from local.stack.data import environment
from local.stack.process import LocalError
from services.audit.__main__ import COMMANDS as OF_AUDIT
from services.hotlist.__main__ import COMMANDS as OF_HOTLIST
from services.identity.__main__ import COMMANDS as OF_IDENTITY
from services.retention.__main__ import COMMANDS as OF_RETENTION
from shared.service.command import Unfinished

FOLDER = click.Option(
    ["--folder"],
    type=click.Path(path_type=Path),
    default=Path("var"),
    show_default=True,
    help="The data of the embedded stack.",
)


def on_stack(service: str, own: click.Command) -> click.Command:
    """Return a service's command, which uses the settings of the stack that runs on `--folder`.

    What the environment names goes first.
    """

    def run(*, folder: Path, as_json: bool, **given: Any) -> Any:
        try:
            added = environment(folder.absolute(), os.environ, service)
        except LocalError as fault:
            raise Unfinished(str(fault), as_json=as_json) from fault
        os.environ.update(added)
        return click.get_current_context().invoke(own, as_json=as_json, **given)

    return click.Command(
        own.name, params=[*own.params, FOLDER], callback=run, help=own.help, epilog=own.epilog
    )


COMMANDS = {name: on_stack("identity", own) for name, own in OF_IDENTITY.items()}
ROTATE_KEY = {
    "identity": COMMANDS["rotate-key"],
    "audit": on_stack("audit", OF_AUDIT["rotate-key"]),
    "retention": on_stack("retention", OF_RETENTION["rotate-key"]),
}
NOTICES = on_stack("audit", OF_AUDIT["notices"])
ALERT_NOTICES = on_stack("hotlist", OF_HOTLIST["alert-notices"])
