"""The loop that trains every network: steps, learning rate, averaged weights, a log."""

import argparse
import copy
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from training.saved import weights_of

WARM_UP: Final = 0.04
"""Share of the training during which the rate rises."""
LAST: Final = 0.004
"""Share of the highest rate that remains at the end."""
BETAS: Final = (0.9, 0.98)

Samples = TypeVar("Samples")

LossOf = Callable[[NDArray[np.int64], np.random.Generator], torch.Tensor]
"""Returns the loss of some samples; the generator drives their augmentation."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast to train."""

    steps: int
    rate: float
    """The highest learning rate."""
    report_every: int
    """Steps between two lines of the log."""
    minutes: float = math.inf
    """If the steps would take longer than this, the rate falls faster, so that training ends by then."""
    seed: int = 1
    threads: int = 2
    """Each trains on its share of every batch: two are a fifth faster than one whose operators use two
    cores each."""
    start: Path | None = None
    """Weights to continue from."""
    batch: int | None = None
    """Samples a step; None: as many as the network's recipe says."""

    def batch_of(self, recipe: "Recipe") -> int:
        """Return the samples of each step."""
        return self.batch or recipe.batch


@dataclass(frozen=True, slots=True)
class Recipe:
    """Settings that every run of one network shares."""

    batch: int
    clip: float
    """The largest norm of a gradient; longer ones are clipped."""
    decay: float
    """Share of the averaged weights that each step keeps."""


def of_rate(share: float) -> float:
    """Return the rate as a share of the highest: it rises for 4% of the training, then falls along a cosine."""
    if share < WARM_UP:
        return max(share, 1e-3) / WARM_UP
    along = min(1.0, (share - WARM_UP) / (1 - WARM_UP))
    return LAST + (1 - LAST) * 0.5 * (1 + math.cos(math.pi * along))


def started(net: torch.nn.Module, plan: Plan) -> torch.nn.Module:
    """Return the network in the memory layout for training, with the plan's start weights loaded."""
    net = net.to(memory_format=torch.channels_last)
    if plan.start is not None:
        net.load_state_dict(weights_of(plan.start))
    return net


def adamw(net: torch.nn.Module, rate: float, decay: float) -> torch.optim.Optimizer:
    """Return AdamW; it decays weights, but not biases and scales."""
    weights = [p for p in net.parameters() if p.ndim > 1]
    rest = [p for p in net.parameters() if p.ndim <= 1]
    return torch.optim.AdamW(
        [{"params": weights, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}],
        lr=rate,
        betas=BETAS,
    )


class Hands:
    """Threads that each compute the gradients of their share of a batch."""

    def __init__(self, net: torch.nn.Module, threads: int) -> None:
        self._parameters = [one for one in net.parameters() if one.requires_grad]
        self._threads = ThreadPoolExecutor(
            threads, "hand", initializer=torch.set_num_threads, initargs=(1,)
        )

    def learn(self, losses: Sequence[Callable[[], torch.Tensor]]) -> float:
        """Store the mean gradients of all shares in the network; returns the mean of their losses."""
        found = list(self._threads.map(self._share, losses))
        for parameter, *each in zip(self._parameters, *(grads for _, grads in found), strict=True):
            parameter.grad = torch.stack(each).mean(0) if len(each) > 1 else each[0]
        return float(np.mean([loss for loss, _ in found]))

    def _share(self, loss_of: Callable[[], torch.Tensor]) -> tuple[float, tuple[torch.Tensor, ...]]:
        loss = loss_of()
        return float(loss.detach()), torch.autograd.grad(loss, self._parameters)

    def close(self) -> None:
        """Stop the threads."""
        self._threads.shutdown()


def run(
    net: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    out: Path,
    plan: Plan,
    recipe: Recipe,
    *,
    batches: Iterator[NDArray[np.int64]],
    loss_of: LossOf,
    validate: Callable[[torch.nn.Module], dict[str, float]],
) -> None:
    """Train, and write `last.pt` (averaged weights) and `log.jsonl` (a line each report).

    Args:
        net: trained in place.
        optimiser: of its parameters.
        out: folder; an existing log is appended to.
        plan: how long and how fast.
        recipe: the network's own settings.
        batches: the samples of each step; see `shuffled`.
        loss_of: the loss of such a batch, or of a share of it, with augmentation by a generator.
        validate: returns figures of the averaged network on held-out samples.
    """
    out.mkdir(parents=True, exist_ok=True)
    averaged = copy.deepcopy(net)
    began = time.monotonic()
    losses: list[float] = []
    hands, rngs = Hands(net, plan.threads), np.random.default_rng(plan.seed).spawn(plan.threads)
    step, share = 0, 0.0
    while share < 1:
        step += 1
        share = max(step / plan.steps, (time.monotonic() - began) / (60 * plan.minutes))
        rate = plan.rate * of_rate(share)
        at = next(batches)
        shares = np.array_split(at, min(len(rngs), len(at)))
        losses.append(
            hands.learn([partial(loss_of, *one) for one in zip(shares, rngs, strict=False)])
        )
        stepped(net, optimiser, rate, recipe.clip)
        average(averaged, net, min(recipe.decay, step / (step + 20)))
        if step % plan.report_every == 0 or share >= 1:
            per_s = plan.batch_of(recipe) * step / (time.monotonic() - began)
            figures = {k: round(v, 4) for k, v in validate(averaged).items()}
            loss = round(sum(losses) / len(losses), 4)
            _report(out, {"step": step, "loss": loss, "rate": rate, **figures}, per_s)
            torch.save(averaged.state_dict(), out / "last.pt")
            losses.clear()
    hands.close()


def stepped(net: torch.nn.Module, optimiser: Any, rate: float, clip: float) -> None:
    """Apply the gradients: set the rate, clip, step."""
    for group in optimiser.param_groups:
        group["lr"] = rate
    torch.nn.utils.clip_grad_norm_(net.parameters(), clip)
    optimiser.step()


def _report(out: Path, figures: dict[str, float], per_s: float) -> None:
    line = json.dumps(figures | {"per_s": round(per_s, 1)})
    print(line, flush=True)
    with (out / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(line + "\n")


def shuffled(
    rng: np.random.Generator, count: Callable[[], int], batch: int
) -> Iterator[NDArray[np.int64]]:
    """Yield batches of sample indices without end, each in ascending order, the order of the files.

    Args:
        rng: shuffles each pass over the samples.
        count: returns the current number of samples; called before each pass.
        batch: indices per batch; the remainder of a pass is dropped.
    """
    order = np.empty(0, np.int64)
    while True:
        if len(order) < batch:
            order = rng.permutation(count())
        at, order = np.sort(order[:batch]), order[batch:]
        yield at


@torch.no_grad()
def average(averaged: torch.nn.Module, net: torch.nn.Module, decay: float) -> None:
    """Move the averaged weights a little towards the trained ones."""
    for mine, theirs in zip(averaged.state_dict().values(), net.state_dict().values(), strict=True):
        if mine.dtype.is_floating_point:
            mine.lerp_(theirs, 1 - decay)
        else:
            mine.copy_(theirs)


def main(
    description: str | None,
    samples: str,
    usual: Plan,
    load: Callable[[Path], Samples],
    train: Callable[[Samples, Samples, Path, Plan], object],
) -> None:
    """Train as the command line says, with the values of the `usual` plan as defaults; `samples` writes samples."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("samples", type=Path, help=f"folder written by {samples}")
    parser.add_argument("validation", type=Path, help="another, held out")
    parser.add_argument("out", type=Path, help="folder for last.pt and log.jsonl")
    parser.add_argument("--steps", type=int, default=usual.steps)
    parser.add_argument("--rate", type=float, default=usual.rate)
    parser.add_argument("--seed", type=int, default=usual.seed)
    parser.add_argument("--report-every", type=int, default=usual.report_every)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=usual.minutes)
    parser.add_argument("--start", type=Path, help="weights to continue from")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    train(load(args.samples), load(args.validation), args.out, _plan_of(args))


def _plan_of(args: argparse.Namespace) -> Plan:
    """Return the plan that a command line describes."""
    return Plan(
        steps=args.steps,
        rate=args.rate,
        report_every=args.report_every,
        minutes=args.minutes,
        threads=args.threads,
        seed=args.seed,
        start=args.start,
    )
