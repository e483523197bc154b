"""The embedded stack that runs here, if this is a checkout and there is one."""

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from shared.service.command import Unfinished

if TYPE_CHECKING:
    from local.stack.state_file import Running

FOLDER = click.Option(
    ["--folder"],
    type=click.Path(path_type=Path),
    default=Path("var"),
    show_default=True,
    help="The data of the embedded stack.",
)


def is_address(url: str) -> bool:
    """Whether a text is the address of a service: scheme, host and perhaps a port and a path."""
    try:
        given = urlsplit(url)
        return given.scheme in ("http", "https") and bool(given.hostname) and given.port != 0
    except ValueError:
        return False


def address_of(service: str, folder: Path, otherwise: str = "--url") -> str:
    """Return the address of a service of the embedded stack.

    Raises: Unfinished if none runs on the folder, with what else would name the address (`otherwise`).
    """
    if (running := stack_on(folder.absolute())) is None:
        raise Unfinished(
            f"no stack runs on {folder.absolute()}: start it with `plateward serve`, or name {service} with {otherwise}"
        )
    return running.urls[service]


def stack_on(folder: Path) -> "Running | None":
    """Return the stack that runs on a folder; None if none does."""
    try:
        from local.stack.state_file import StateFile
    except ModuleNotFoundError:  # an image
        return None
    return StateFile(folder / "stack.json").read()
