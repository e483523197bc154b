"""A run: its name and `run.toml`, which has all that its pictures, its schedule and its code follow from."""

import json
import re
import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from training.rendering import Rendering

ROOT: Final = Path(__file__).parents[1]
RUNS: Final = Path("training/runs")
CODE: Final = (
    "training", "scenes", "services/recognition/engine", "services/recognition/models", "requirements/training.txt"
)  # fmt: skip
"""What a run's pictures and steps follow from, apart from `run.toml`."""
OPTIONAL: Final = ("widths", "teachers")
"""Lists that the first runs did not write; without them they are empty."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")


class CannotRun(Exception):
    """A run cannot begin or go on; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a run is, from its first step to its last."""

    name: str
    net: str
    purpose: str
    commit: str
    """The commit of the code; a run goes on with no other."""
    seed: int
    start: str
    """File of the weights that it begins with, from the repository's root; empty for random ones."""
    dashcam: int
    """How many dashcam frames the detector's scenes are cut from; 0 for none."""
    steps: int
    rate: float
    """The highest learning rate."""
    batch: int
    reuse: int
    gap: int
    """How often and how far apart a picture is used; see `training.fresh`."""
    held_out: int
    """Pictures of the validation set."""
    held_out_seed: int
    training: Rendering
    validation: Rendering
    widths: tuple[int, ...] = ()
    """Channels of the reader's convolutions; empty for the usual ones, and for the detector."""
    teachers: tuple[str, ...] = ()
    """Files of the readers' weights that the reader also learns from, from the repository's root; see
    `training.distilling`."""


def named(name: str) -> Path:
    """Return a run's folder, from the repository's root. Raises: CannotRun."""
    if not _NAME.fullmatch(name):
        raise CannotRun(f"{name!r} names no run: small letters, digits and hyphens, 80 at most")
    return RUNS / name


def text_of(run: Run) -> str:
    """Return the contents of a run's `run.toml`."""
    values = asdict(run)
    tables = {name: values.pop(name) for name in ("training", "validation")}
    lines = _lines(values)
    for name, table in tables.items():
        lines += ["", f"[{name}]", *_lines(table)]
    return "\n".join(lines) + "\n"


def _lines(table: Mapping[str, Any]) -> list[str]:
    """TOML writes texts, numbers and lists of them as JSON does."""
    return [f"{key} = {json.dumps(value)}" for key, value in table.items()]


def read(folder: Path) -> Run:
    """Read a run's `run.toml`. Raises: CannotRun."""
    values = tomllib.loads((folder / "run.toml").read_text(encoding="utf-8"))
    known = {field.name for field in fields(Run)}
    missing = known - {*OPTIONAL} - values.keys() | values.keys() - known
    if missing:
        raise CannotRun(
            f"{folder}/run.toml has too much or too little: {', '.join(sorted(missing))}"
        )
    renderings = {name: _rendering(values[name]) for name in ("training", "validation")}
    lists = {name: tuple(values.get(name, ())) for name in OPTIONAL}
    return Run(**values | renderings | lists)


def _rendering(table: Mapping[str, Any]) -> Rendering:
    """Read a configuration; it has every value, as a run must not change with the defaults."""
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in table.items()
    }
    return Rendering(**values)


def head(root: Path) -> str:
    """Return the commit that is checked out. Raises: CannotRun if the code differs from it."""
    commit = _git(root, "rev-parse", "HEAD").strip()
    if changed := differing(root, commit):
        raise CannotRun(
            f"Commit the code first, a run names its commit. Changed: {', '.join(changed)}"
        )
    return commit


def check(root: Path, run: Run) -> None:
    """Check that the code is that of the run's commit. Raises: CannotRun."""
    if changed := differing(root, run.commit):
        tree = f"../run-{run.name}"
        raise CannotRun(
            f"Run {run.name} goes on with the code of commit {run.commit[:12]} only, and here it differs: "
            f"{', '.join(changed[:5])}{' …' if len(changed) > 5 else ''}.\n"
            f"Give the run a worktree of its own:\n"
            f"  git worktree add --detach {tree} {run.commit[:12]}\n"
            f"  mkdir -p {tree}/{RUNS} && cp -r {RUNS}/{run.name} {tree}/{RUNS}/\n"
            f"  cd {tree} && make train-{run.net} RUN={run.name}"
        )


def differing(root: Path, commit: str) -> list[str]:
    """Return the files of the code that differ from a commit, runs apart. Raises: CannotRun."""
    where = ["--", *CODE, f":(exclude){RUNS}"]
    changed = _git(root, "diff", "--name-only", commit, *where).splitlines()
    new = _git(root, "ls-files", "--others", "--exclude-standard", *where).splitlines()
    return sorted({*changed, *new})


def git_bytes(root: Path, *arguments: str) -> bytes:
    """Return what a git command prints. Raises: CannotRun."""
    done = subprocess.run(
        ["git", "-C", str(root), *arguments],  # noqa: S607
        capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise CannotRun(f"A run needs git and its commit: {done.stderr.decode().strip()}")
    return done.stdout


def _git(root: Path, *arguments: str) -> str:
    return git_bytes(root, *arguments).decode()
