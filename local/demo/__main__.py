"""`make demo`: the demonstration in one command. Its last line is JSON; it exits with 0 only if every step held."""

import argparse
import asyncio
import json
import math
import shutil
import sys
import time
from pathlib import Path

import httpx
from rich.console import Console

from local.demo.frames import MOST_OF_A_FILM, NoFrames, absent, of_film, photos
from local.demo.progress import render_all
from local.demo.report import write_report
from local.demo.steps import play
from local.demo.story import Frame, StepFailed, Story
from local.demo.table import print_table
from local.demo.truth import TruthFault
from local.stack.launch import running
from local.stack.process import LocalError, held
from scenes.footage import NoFootage, is_film

ENVIRONMENT = {"AUDIT_CHECKPOINT_S": "5"}
"""Shortens the wait for the next signed checkpoint from a minute."""
SCENE_EVERY_S, FILM_EVERY_S = 1.0, 0.5
NAMED_AT_MOST = 5
SURE = 0.9
"""A listed plate read with this confidence must raise a hit, whatever the policy's minimum."""


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(prog="python -m local.demo", description=__doc__)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--photos", type=Path, help="post a folder's photos (or a film) instead")
    source.add_argument("--video", type=Path, help="post a film's frames (MP4, AVI) instead")
    parser.add_argument("--count", type=int, default=40, help="how many scenes to render")
    parser.add_argument("--seed", type=int, default=468, help="which scenes")
    parser.add_argument("--every-s", type=float, help="one frame begun so often; 1, of a film 0.5")
    parser.add_argument("--folder", type=Path, default=Path("var/demo"), help="data and report")
    return parser.parse_args(arguments)


def main() -> int:
    """Return 0 if everything held, 1 otherwise, with the reason on stderr."""
    chosen = options()
    console = Console()
    try:
        line = run(chosen, console)
    except (StepFailed, LocalError, NoFrames, NoFootage, TruthFault, httpx.HTTPError) as fault:
        print(f"demo: {fault or type(fault).__name__}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: interrupted; everything is stopped", file=sys.stderr)
        return 130
    print(json.dumps(line))
    return 0


def run(chosen: argparse.Namespace, console: Console) -> dict[str, object]:
    """Render, start, run the steps, report, stop; returns the last line. Raises: the faults that `main` reports."""
    began = time.monotonic()
    folder: Path = chosen.folder.absolute()
    every_s = chosen.every_s
    if every_s is None:
        every_s = SCENE_EVERY_S if _film(chosen) is None else FILM_EVERY_S
    frames, source = _frames(chosen, every_s, console)
    _clear(folder / "stack")
    with running(folder / "stack", "--port", "0", environment=ENVIRONMENT) as up:
        console.print(f"The stack is up on {up.urls['']}/ after {time.monotonic() - began:.0f} s")
        story = asyncio.run(play(up.urls, folder, frames, source, every_s=every_s, console=console))
        report = folder / "report.html"
        write_report(story, report)
    print_table(console, story)
    for note in story.notes:
        console.print(note)
    console.print(f"Report: {report}")
    console.print(f"Everything is stopped; all took {time.monotonic() - began:.0f} s")
    _check(story)
    return story.summary()


def _film(chosen: argparse.Namespace) -> Path | None:
    """Return the film whose frames to post, or None."""
    if chosen.video is not None:
        return Path(chosen.video)
    return chosen.photos if chosen.photos is not None and is_film(chosen.photos) else None


def _frames(
    chosen: argparse.Namespace, every_s: float, console: Console
) -> tuple[list[Frame], str]:
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
    sys.exit(main())
