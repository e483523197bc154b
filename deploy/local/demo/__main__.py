"""`make demo`: the main job by one command. The last line printed is JSON; 0 only if every step held."""

import argparse
import asyncio
import json
import shutil
import sys
import time
from pathlib import Path

import httpx
from rich.console import Console

from deploy.local.demo.fault import StepFailed
from deploy.local.demo.frames import NoFrames, photos
from deploy.local.demo.model import Frame, Story
from deploy.local.demo.progress import render_all
from deploy.local.demo.report import write_report
from deploy.local.demo.steps import tell
from deploy.local.demo.table import print_table
from deploy.local.demo.truth import TruthFault
from deploy.local.launch import running
from deploy.local.process import LocalError, held

ENVIRONMENT = {"AUDIT_CHECKPOINT_S": "5"}
"""A demonstration does not wait a minute for the next signed checkpoint."""
SURE = 0.9
"""A listed plate read with this confidence must have raised a hit, whatever the policy's bound."""


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.demo", description=__doc__)
    parser.add_argument("--photos", type=Path, help="post the photos of a folder instead of scenes")
    parser.add_argument("--count", type=int, default=40, help="how many scenes to render")
    parser.add_argument("--seed", type=int, default=468, help="which scenes")
    parser.add_argument("--every-s", type=float, default=1.0, help="one frame begun so often")
    parser.add_argument("--folder", type=Path, default=Path("var/demo"), help="data and report")
    return parser.parse_args(arguments)


def main() -> int:
    """Return 0 if everything held, 1 otherwise, with the reason on stderr."""
    chosen = options()
    console = Console()
    try:
        line = run(chosen, console)
    except (StepFailed, LocalError, NoFrames, TruthFault, httpx.HTTPError) as fault:
        print(f"demo: {fault or type(fault).__name__}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: interrupted; everything is stopped", file=sys.stderr)
        return 130
    print(json.dumps(line))
    return 0


def run(chosen: argparse.Namespace, console: Console) -> dict[str, object]:
    """Render, start, tell, report, stop; gives the last line. Raises: what `main` tells apart."""
    began = time.monotonic()
    folder: Path = chosen.folder.absolute()
    frames, source = _frames(chosen, console)
    _clear(folder / "stack")
    with running(folder / "stack", "--port", "0", environment=ENVIRONMENT) as up:
        console.print(f"The stack is up on {up.urls['']}/ after {time.monotonic() - began:.0f} s")
        story = asyncio.run(
            tell(up.urls, folder, frames, source, every_s=chosen.every_s, console=console)
        )
        report = folder / "report.html"
        write_report(story, report)
    print_table(console, story)
    for note in story.notes:
        console.print(note)
    console.print(f"Report: {report}")
    console.print(f"Everything is stopped; all took {time.monotonic() - began:.0f} s")
    _check(story)
    return story.summary()


def _frames(chosen: argparse.Namespace, console: Console) -> tuple[list[Frame], str]:
    if chosen.photos is not None:
        found = photos(chosen.photos)
        return found, f"{len(found)} photos"
    frames = render_all(chosen.count, chosen.seed, console)
    return frames, f"{len(frames)} street scenes, rendered (seed {chosen.seed})"


def _clear(folder: Path) -> None:
    """Remove an earlier demonstration's data, unless it still runs. Raises: LocalError."""
    if folder.exists():
        with held(folder, "a demonstration's stack"):
            shutil.rmtree(folder)


def _check(story: Story) -> None:
    """Raise StepFailed when what was seen does not add up."""
    if story.audit is None or not story.audit.ok:
        raise StepFailed("the audit log does not hold; see the report")
    listed, alerted = {plate for plate, _ in story.listed}, {a.plate_listed for a in story.alerts}
    surely = {read.plate for read in story.reads if read.confidence >= SURE}
    if missing := len(surely & listed - alerted):
        raise StepFailed(f"{missing} listed plates were read surely and raised no alert")


if __name__ == "__main__":
    sys.exit(main())
