"""Files that hold a secret of a command alone."""

import re
from pathlib import Path

import click

from shared.service.command import Unfinished

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
"""The type of an option that names a file."""

_TOKEN = re.compile(rb"[!-~]+")
_LINE = re.compile(rb"[ -~]+")


def token_in(file: Path) -> str:
    """Return the token that a file holds alone. Raises: Unfinished, without what the file holds instead."""
    return _alone(file, _TOKEN, "a token alone, on one line")


def line_in(file: Path) -> str:
    """Return the one line that a file holds. Raises: Unfinished, without what the file holds instead."""
    return _alone(file, _LINE, "one line")


def _alone(file: Path, form: re.Pattern[bytes], named: str) -> str:
    text = file.read_bytes().strip()
    if not form.fullmatch(text):
        raise Unfinished(f"{file}: it has to hold {named}")
    return text.decode()
