"""The table that the demonstration prints."""

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from local.demo.sign_ins import SignIn
from local.demo.story import Alert, Read, Sent, Story
from local.demo.truth import fold

NAME_CHARACTERS = 22
"""Longer file names are cut; the report shows them whole."""


def print_table(console: Console, story: Story) -> None:
    """Print one line for each read, and one for each frame without a read."""
    table = Table(title="Frames, reads and hits", title_justify="left")
    table.add_column("frame", no_wrap=True, max_width=NAME_CHARACTERS)
    table.add_column("plate read", no_wrap=True)
    table.add_column("confidence", justify="right", no_wrap=True)
    table.add_column("hit", min_width=16)
    table.add_column("ms POST to alert", justify="right", max_width=8)
    for sent in story.sent:
        for number, read in enumerate(sent.reads or [None]):
            table.add_row(*_row(sent, read, first=number == 0))
    console.print(table)


def print_sign_ins(
    console: Console, address: str, sign_ins: Sequence[SignIn], folder: Path
) -> None:
    """Print the console's address, and how each person signs in there."""
    console.print(f"\nThe stack stays up. Console: {address}/", style="bold")
    console.print("Sign-ins: role, username, password, name and title", style="italic")
    for one in sign_ins:
        line = f"{one.role:<14} {one.username:<12} {one.password:<24} {one.name}, {one.title}"
        # A narrow terminal wraps the line: a table would cut the password.
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    default = folder == Path("var/demo").absolute()
    code = f"{_program()} demo code {'' if default else f'--folder {folder} '}ROLE"
    console.print(f"The next one-time code of a role: {code}", markup=False, soft_wrap=True)
    state = f"{_program()} status --folder {_short(folder / 'stack')}"
    console.print(f"The state of the services: {state}", markup=False, soft_wrap=True)
    console.print(
        "These are no secrets: the department is invented, and only this machine reaches it (loopback)."
    )
    console.print("Ctrl-C stops everything.")


def _program() -> Path:
    """Return the path of the command `plateward`, as short as it is from here."""
    return _short(Path(sys.executable).parent / "plateward")


def _short(path: Path) -> Path:
    """Return a path as it is from the current folder, if it is below that."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _row(sent: Sent, read: Read | None, *, first: bool) -> tuple[str | Text, ...]:
    name = sent.frame.name if first else ""
    if read is None:
        return name, Text("no plate", style="dim"), "", "", ""
    alert = next((a for a in sent.alerts if a.plate_read == read.plate), None)
    after = f"{alert.after_ms:.0f}" if alert else ""
    return name, _plate(sent, read), f"{read.confidence:.2f}", _hit(alert), after


def _plate(sent: Sent, read: Read) -> Text:
    """Green if it matches the truth, yellow if not, plain without truth."""
    if not sent.frame.truth:
        return Text(read.plate)
    right = fold(read.plate) in {fold(true.plate) for true in sent.frame.truth}
    return Text(read.plate, style="green" if right else "yellow")


def _hit(alert: Alert | None) -> Text | str:
    if alert is None:
        return ""
    words = f"{alert.record_kind.replace('_', ' ')} ({alert.tier}, {alert.status})"
    return Text(words, style="bold red")
