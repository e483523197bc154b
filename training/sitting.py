"""Begins or continues a run: `python -m training.sitting reader NAME`; docs/training.md.

A run may be cut at any moment. Every ten minutes it replaces `training/runs/NAME/last` and adds a line to `log.jsonl`;
the next sitting goes on from there. It runs at the lowest priority and pauses while a bench holds its lock.
"""

import argparse
import copy
import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from training import loop, pausing, reader_net, saved
from training import run as runs
from training.ahead import NICE, Ahead, rendered
from training.fresh import Fresh, Key, augmenting, held_out
from training.pausing import Pause
from training.rendering import NAMED, VALIDATION
from training.restored import NotTheNetwork, start_of
from training.run import CannotRun, Run
from training.saved import Saved
from training.scenes.backgrounds import read_boxes
from training.tasks import GROUP, Detecting, Naming, Reading, Task

WRITE_EVERY_S: Final = 600.0
WARM_UP_STEPS: Final = 100
"""After each start the optimiser knows nothing of the gradients' size; the rate rises over these steps."""
USUAL: Final[dict[str, dict[str, Any]]] = {
    "reader": {"steps": 120_000, "rate": 1.5e-3, "reuse": 4, "gap": 64, "held_out": 2000},
    "detector": {"steps": 45_000, "rate": 2e-3, "reuse": 4, "gap": 64, "held_out": 800},
    "states": {"steps": 100_000, "rate": 1.5e-3, "reuse": 8, "gap": 64, "held_out": 3000},
}
"""Ten times the steps of the first networks, as many uses of a picture."""
RECIPES: Final = {
    "reader": Reading.recipe, "detector": Detecting.recipe, "states": Naming.recipe
}  # fmt: skip
SEED: Final = 1
HELD_OUT_SEED: Final = 900


class Log:
    """The lines of `log.jsonl`: one for each write, those after the step that `last` has dropped."""

    def __init__(self, folder: Path, step: int) -> None:
        self._path = folder / "log.jsonl"
        text = self._path.read_text(encoding="utf-8") if self._path.exists() else ""
        lines = [json.loads(line) for line in text.splitlines()]
        self.lines: list[dict[str, float]] = [line for line in lines if line["step"] <= step]

    def add(self, figures: dict[str, float]) -> None:
        """Add a line."""
        self.lines.append(figures)
        text = "".join(json.dumps(line) + "\n" for line in self.lines)
        saved.replace(self._path, text.encode())
        print(json.dumps(figures), flush=True)


class _IsOver(Exception):
    """The sitting ends before the step is done."""


class Sitting:
    """One process's stretch of a run.

    Args:
        folder: the run's.
        run: what it is.
        task: its network's.
        pause: called between pieces of work.
        every_s: seconds between two writes.
        threads: the shares of a batch are learnt by so many threads.
        ahead: processes that render the groups of the next steps; None to render between the steps.
    """

    def __init__(
        self,
        folder: Path,
        run: Run,
        task: Task,
        pause: Pause,
        every_s: float,
        threads: int = 1,
        ahead: Ahead | None = None,
    ) -> None:
        self._folder, self._run, self._task, self._pause = folder, run, task, pause
        self._every_s, self._ahead = every_s, ahead
        self._began_s, self._cpu_s = time.monotonic(), time.process_time()
        torch.manual_seed(run.seed)
        self._net = task.net()
        before = saved.read(folder)
        if before is None:
            self._start()
        elif before.seed != run.seed:
            raise CannotRun(
                f"{folder}/last has the pictures of seed {before.seed}, run.toml has {run.seed}"
            )
        else:
            self._net.load_state_dict(before.tensors())
        self._net = self._net.to(memory_format=torch.channels_last).train()
        self._averaged = copy.deepcopy(self._net)
        self._hands = loop.Hands(self._net, threads)
        self._optimiser = task.optimiser(self._net, run.rate)
        self.step = self._first = before.step if before else 0
        self._log = Log(folder, self.step)
        self._losses: list[float] = []
        self._validation: Any = None
        if before is None:
            self._save()

    def _start(self) -> None:
        """Load the weights that the run begins with, if it names any. Raises: CannotRun."""
        if not self._run.start:
            return
        try:
            self._net.load_state_dict(start_of(runs.ROOT / self._run.start))
        except NotTheNetwork as fault:
            raise CannotRun(str(fault)) from fault

    def go_on(self, until: int | None = None) -> None:
        """Train until the run's last step, a given one, or until the pause is over."""
        run = self._run
        fresh: Fresh[Any] = Fresh(
            self._begin,
            run.seed,
            reuse=run.reuse,
            gap=run.gap,
            ahead=0 if self._ahead is None else 2 * self._ahead.processes,
        )
        last = min(run.steps, until or run.steps)
        written = time.monotonic()
        while self.step < last:
            group = self._task.join(fresh.of(self.step + 1))
            if not self._learnt(group):
                break
            self.step += 1
            if time.monotonic() - written >= self._every_s and self.step < last:
                self._write()
                written = time.monotonic()
        if self.step > self._first:
            # What ends by a signal has no time to count on held-out pictures.
            self._save() if self._pause.is_over else self._write()

    def _begin(self, key: Key) -> Callable[[], Any]:
        """Begin to render the pictures of a group; returns what waits for them."""
        count = self._run.batch // self._run.reuse
        if self._ahead is None:
            return partial(rendered, self._task, key, count, self._pause)
        return self._ahead.begin(key, count)

    def _learnt(self, group: Any) -> bool:
        """Learn from the pictures of the next step; False if the sitting ends before that is done."""
        run, number = self._run, self.step + 1
        shares = np.array_split(np.arange(run.batch), self._task.shares)
        rngs = augmenting(run.seed, number, len(shares))
        losses = [partial(self._loss, group, *one) for one in zip(shares, rngs, strict=True)]
        try:
            self._losses.append(self._hands.learn(losses))
        except _IsOver:
            return False
        warm = min(1.0, (number - self._first) / WARM_UP_STEPS)
        self._rate = run.rate * loop.of_rate(number / run.steps) * warm
        recipe = self._task.recipe
        loop.stepped(self._net, self._optimiser, self._rate, recipe.clip)
        loop.average(self._averaged, self._net, min(recipe.decay, number / (number + 20)))
        return True

    def _loss(self, group: Any, at: NDArray[np.int64], rng: np.random.Generator) -> torch.Tensor:
        """Return the loss of a share. Raises: _IsOver."""
        self._pause()
        if self._pause.is_over:
            raise _IsOver
        return self._task.loss(self._net, group, at, rng)

    def _write(self) -> None:
        """Write `last`, then count on the validation set and add a line to the log."""
        self._save()
        if self._validation is None:
            self._validation = self._held_out()
        figures = self._task.validate(self._averaged, self._validation, self._pause)
        line = {
            "step": self.step,
            "loss": round(float(np.mean(self._losses)), 4),
            **{name: round(value, 4) for name, value in figures.items()},
            "rate": self._rate,
            "wall_s": self._so_far("wall_s", time.monotonic() - self._began_s),
            "cpu_s": self._so_far("cpu_s", time.process_time() - self._cpu_s),
            "paused_s": self._so_far("paused_s", self._pause.s),
            "sitting_from": self._first,
        }
        self._losses.clear()
        self._log.add(line)

    def _so_far(self, name: str, here_s: float) -> float:
        """Return the seconds of the sittings before this one and of this one."""
        before = [line for line in self._log.lines if line["sitting_from"] < self._first]
        return round((before[-1][name] if before else 0.0) + here_s, 1)

    def _held_out(self) -> Any:
        """Render the validation set, the same at every sitting; it is not stored either."""
        groups = []
        for number in range(-(-self._run.held_out // GROUP)):
            self._pause()
            count = min(GROUP, self._run.held_out - number * GROUP)
            groups.append(
                self._task.draw_held_out(held_out(self._run.held_out_seed, number), count)
            )
        return self._task.join(groups)

    def _save(self) -> None:
        weights = {
            name: tensor.detach().contiguous().numpy()
            for name, tensor in self._averaged.state_dict().items()
        }
        saved.write(self._folder, Saved(weights, self.step, self._run.seed))


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a run's folder against a second sitting. Raises: CannotRun if another one is going on."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotRun(f"{folder} is in use: another sitting of this run goes on") from None
        yield
    finally:
        os.close(descriptor)


def begun(args: argparse.Namespace, folder: Path) -> Run:
    """Return the run of a folder; write its `run.toml` if it is new. Raises: CannotRun."""
    given = [name for name in NEW_ONLY if getattr(args, name) is not None]
    if (folder / "run.toml").exists():
        if given:
            raise CannotRun(
                f"{folder} exists, and run.toml has its settings: leave out {', '.join(given)}"
            )
        run = runs.read(folder)
        if run.net != args.network or run.name != folder.name:
            raise CannotRun(f"{folder} is run {run.name} of the {run.net}, not {args.network}")
        runs.check(runs.ROOT, run)
        return run
    run = _new(args, folder.name)
    folder.mkdir(parents=True, exist_ok=True)
    saved.replace(folder / "run.toml", runs.text_of(run).encode())
    return run


NEW_ONLY: Final = ("steps", "rate", "seed", "start", "purpose", "rendering", "widths", "teachers")
"""Options that describe a new run."""


def _new(args: argparse.Namespace, name: str) -> Run:
    usual = USUAL[args.network]
    start = args.start or ""
    teachers = tuple(args.teachers or ())
    for file in (start, *teachers):
        if file and not (runs.ROOT / file).is_file():
            raise CannotRun(f"{file} is no file; name one from the repository's root")
    if teachers and args.network != "reader":
        raise CannotRun("only a reader has teachers")
    return Run(
        name=name,
        net=args.network,
        purpose=args.purpose or "",
        commit=runs.head(runs.ROOT),
        seed=SEED if args.seed is None else args.seed,
        start=start,
        dashcam=len(read_boxes(args.dashcam / "boxes.csv")) if args.dashcam else 0,
        steps=args.steps or usual["steps"],
        rate=args.rate or usual["rate"],
        batch=RECIPES[args.network].batch,
        reuse=usual["reuse"],
        gap=usual["gap"],
        held_out=usual["held_out"],
        held_out_seed=HELD_OUT_SEED,
        training=NAMED[args.rendering or "hard"],
        validation=VALIDATION,
        widths=tuple(args.widths or ()),
        teachers=teachers,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Begin or continue a run, until its last step or a signal to end."""
    args = _arguments().parse_args(arguments)
    os.nice(NICE)
    torch.set_num_threads(1)
    pause = Pause(pausing.locks())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: setattr(pause, "is_over", True))
    try:
        folder = runs.ROOT / runs.named(args.name)
        run = begun(args, folder)
        with alone(folder), _ahead(args, run) as ahead:
            task = _task(args, run, pause)
            sitting = Sitting(folder, run, task, pause, args.every_s, args.threads, ahead)
            print(
                f"run {run.name}: step {sitting.step} of {run.steps}, process {os.getpid()}",
                flush=True,
            )
            sitting.go_on(args.until)
    except CannotRun as fault:
        sys.exit(str(fault))


def _ahead(args: argparse.Namespace, run: Run) -> AbstractContextManager[Ahead | None]:
    """Return the processes that render, if the command line wants any."""
    if not args.renderers:
        return nullcontext()
    return closing(Ahead(partial(_task, args, run, Pause(())), args.renderers))


def _task(args: argparse.Namespace, run: Run, pause: Pause) -> Task:
    match run.net:
        case "reader":
            return Reading(run)
        case "states":
            return Naming(run)
        case _:
            return Detecting(run, args.cache, args.dashcam, pause)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", choices=tuple(USUAL))
    parser.add_argument("name", help="the run's, in training/runs")
    parser.add_argument("--every-s", type=float, default=WRITE_EVERY_S, help="between two writes")
    parser.add_argument("--until", type=int, help="a step to end the sitting after")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--renderers", type=int, default=0, help="processes that render ahead")
    parser.add_argument("--dashcam", type=Path, help="dashcam frames with boxes.csv")
    parser.add_argument("--cache", type=Path, default=Path("var/training/cache"))
    new = parser.add_argument_group("a new run")
    new.add_argument("--steps", type=int)
    new.add_argument("--rate", type=float, help="the highest learning rate")
    new.add_argument("--seed", type=int)
    new.add_argument(
        "--start",
        help="weights to begin with: the file `last` of another run, a .pt file, or states.onnx",
    )
    new.add_argument("--purpose", help="what the run is for, in a sentence")
    new.add_argument("--rendering", choices=tuple(NAMED))
    new.add_argument(
        "--widths",
        type=int,
        nargs=len(reader_net.USUAL),
        help="channels of the reader's convolutions",
    )
    new.add_argument(
        "--teachers",
        nargs="+",
        help="weights of readers to learn from, beside the truth: each the file `last` of a run, or a .pt file",
    )
    return parser


if __name__ == "__main__":
    main()
