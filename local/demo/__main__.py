"""`plateward demo`: the demonstration in one command."""

import asyncio
import json
import math
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import httpx
from rich.console import Console

from local.demo.frames import MOST_OF_A_FILM, NoFrames, absent, of_film, photos
from local.demo.progress import render_all
from local.demo.report import write_report
from local.demo.sign_ins import (
    next_code,
    sign_ins_of,
    wait_for_ctrl_c,
    wait_until,
    write_sign_ins,
)
from local.demo.steps import play
from local.demo.story import Frame, StepFailed, Story
from local.demo.table import print_sign_ins, print_table
from local.demo.truth import TruthFault
from local.stack.launch import running
from local.stack.process import LocalError, held, page_address
from scenes.footage import NoFootage, is_film
from shared.service.command import Answer, by_name, command, status_of_group

ENVIRONMENT = {"AUDIT_CHECKPOINT_S": "5"}
"""Shortens the wait for the next signed checkpoint from a minute."""
SCENE_EVERY_S, FILM_EVERY_S = 1.0, 0.5
NAMED_AT_MOST = 5
SURE = 0.9
"""A listed plate read with this confidence must raise a hit, whatever the policy's minimum."""


@dataclass(frozen=True)
class Choice:
    """What to show."""

    photos: Path | None = None
    """A folder of photos, or a film."""
    video: Path | None = None
    count: int = 40
    """How many scenes to render."""
    seed: int = 468
    """Which scenes."""
    every_s: float | None = None
    """Time between the begins of two frames."""
    folder: Path = Path("var/demo")
    """Data and report."""
    stays: bool = False
    """Whether the stack stays up until Ctrl-C."""
    port: int = 0
    """The port of all APIs and the console; 0: a free one."""


PATH = click.Path(path_type=Path)
FOLDER = click.Option(
    ["--folder"], type=PATH, default=Path("var/demo"), show_default=True, help="Data and report."
)


@command(
    "code",
    click.Argument(["role"]),
    FOLDER,
    faults=(LocalError,),
)
def code_command(*, role: str, folder: Path) -> Answer:
    """Print the next one-time code of a person of the demonstration that is up (`--keep`).

    ROLE is a role that the demonstration printed, or a username. Each code works once; where the present ones are
    used up, the command waits for the next, half a minute at most.
    """
    person, code = next_code(folder.absolute(), role, time.time())
    wait_until(code.accepted_from)
    return Answer(code.text, {"role": person.role, "username": person.username, "code": code.text})


@command(
    "demo",
    click.Option(["--photos"], type=PATH, help="Post a folder's photos (or a film) instead."),
    click.Option(["--video"], type=PATH, help="Post a film's frames (MP4, AVI) instead."),
    click.Option(
        ["--count"], type=int, default=40, show_default=True, help="How many scenes to render."
    ),
    click.Option(["--seed"], type=int, default=468, show_default=True, help="Which scenes."),
    click.Option(
        ["--every-s"],
        type=float,
        help="Begin one frame so often; default: 1, of a film 0.5.",
    ),
    FOLDER,
    click.Option(["--keep", "stays"], is_flag=True, help="Keep the stack up until Ctrl-C."),
    click.Option(
        ["--port"],
        type=click.IntRange(0, 65535),
        default=0,
        envvar="PORT",
        show_envvar=True,
        help="The port of all APIs and the console; default: a free one.",
    ),
    faults=(StepFailed, LocalError, NoFrames, NoFootage, TruthFault, httpx.HTTPError),
)
def _demo(**chosen: Any) -> Answer:
    """Show the main job, end to end, on the embedded stack: cameras, reads, hits, a search, a release, the proof.

    Ends with 0 only if every step held. The last line is JSON.
    """
    choice = Choice(**chosen)
    if choice.photos is not None and choice.video is not None:
        raise click.UsageError("--photos and --video exclude each other")
    in_json = click.get_current_context().params["as_json"]
    line = run(choice, Console(stderr=in_json))
    return Answer(json.dumps(line), line)


def _demo_unless_code(**chosen: Any) -> None:
    context = click.get_current_context()
    if context.invoked_subcommand is None:
        context.invoke(_demo, **chosen)


demo_command = click.Group(
    "demo",
    commands=by_name(code_command),
    params=_demo.params,
    callback=_demo_unless_code,
    invoke_without_command=True,
    help=_demo.help,
    epilog=_demo.epilog,
)


def run(chosen: Choice, console: Console) -> dict[str, object]:
    """Render, start, run the steps, report, stop; returns the last line. Raises: the faults of `demo_command`."""
    began = time.monotonic()
    folder = chosen.folder.absolute()
    every_s = chosen.every_s
    if every_s is None:
        every_s = SCENE_EVERY_S if _film(chosen) is None else FILM_EVERY_S
    frames, source = _frames(chosen, every_s, console)
    _clear(folder / "stack")
    stack = folder / "stack"
    with running(stack, "--port", str(chosen.port), environment=ENVIRONMENT) as up:
        console.print(f"The stack is up on {up.urls['']}/ after {time.monotonic() - began:.0f} s")
        story, people = asyncio.run(
            play(up.urls, folder, frames, source, every_s=every_s, console=console)
        )
        report = folder / "report.html"
        write_report(story, report)
        print_table(console, story)
        for note in story.notes:
            console.print(note)
        console.print(f"Report: {report}")
        if chosen.stays:
            _check(story)
            sign_ins = sign_ins_of(people)
            write_sign_ins(folder, sign_ins)
            print_sign_ins(console, page_address(up.urls["console"]), sign_ins, folder)
            wait_for_ctrl_c(stack)
    console.print(f"Everything is stopped; all took {time.monotonic() - began:.0f} s")
    _check(story)
    return story.summary()


def _film(chosen: Choice) -> Path | None:
    """Return the film whose frames to post, or None."""
    if chosen.video is not None:
        return chosen.video
    return chosen.photos if chosen.photos is not None and is_film(chosen.photos) else None


def _frames(chosen: Choice, every_s: float, console: Console) -> tuple[list[Frame], str]:
    """Return the frames to post, and a short description of them."""
    if (film := _film(chosen)) is not None:
        frames = of_film(film, 1 / every_s if every_s > 0 else math.inf)
        if len(frames) == MOST_OF_A_FILM:
            console.print(f"At most {MOST_OF_A_FILM} frames of a film are posted.")
        return frames, f"{len(frames)} frames of the film {film.name}"
    if chosen.photos is not None:
        found = photos(chosen.photos)
        if missing := absent(chosen.photos):
            console.print(_missing(missing), markup=False)
        return found, f"{len(found)} photos"
    frames = render_all(chosen.count, chosen.seed, console)
    return frames, f"{len(frames)} street scenes, rendered (seed {chosen.seed})"


def _missing(names: list[str]) -> str:
    """List the photos that only truth.csv names; they do not count as missed plates."""
    more = len(names) - NAMED_AT_MOST
    listed = ", ".join(names[:NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")
    return f"Named in truth.csv and not there, so left out: {listed}."


def _clear(folder: Path) -> None:
    """Remove an earlier demonstration's data, unless its stack still runs. Raises: LocalError."""
    if folder.exists():
        with held(folder, "a demonstration's stack"):
            shutil.rmtree(folder)


def _check(story: Story) -> None:
    """Raise StepFailed if the results are inconsistent."""
    if story.audit is None or not story.audit.ok:
        raise StepFailed("the audit log fails verification; see the report")
    listed, alerted = {plate for plate, _ in story.listed}, {a.plate_listed for a in story.alerts}
    surely = {read.plate for read in story.reads if read.confidence >= SURE}
    if missing := len(surely & listed - alerted):
        raise StepFailed(
            f"{missing} listed plates were read with high confidence and raised no alert"
        )


if __name__ == "__main__":
    sys.exit(status_of_group(demo_command, "python -m local.demo", "demo"))
