"""The embedded stack that runs here, if this is a checkout and there is one."""

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

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


def stack_on(folder: Path) -> "Running | None":
    """Return the stack that runs on a folder; None if none does."""
    try:
        from local.stack.state_file import StateFile
    except ModuleNotFoundError:  # an image
        return None
    return StateFile(folder / "stack.json").read()
