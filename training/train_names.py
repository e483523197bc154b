"""Trains the reader of states' names on rendered plates: `python -m training.train_names`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from training import loop, precision
from training.calibrate import TEMPERATURES
from training.columns import NOT_TRAINED, at_places
from training.disturbing import cover, invert, swap_colours
from training.name_net import NameNet
from training.names import Names, load
from training.samples import REGIONS
from training.saved import weights_of

RECIPE: Final = loop.Recipe(batch=64, clip=2.0, decay=0.998)
WEIGHT_DECAY: Final = 0.03
SPELLING: Final = 1.0
"""Weight of the loss on the letter in each column. Without it the network had learnt nothing from 64,000 plates;
the renderer knows the letters' positions."""
SURE: Final = 0.9
"""Probability from which `validate` counts a state as named."""


def disturbed(rng: np.random.Generator, pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Augment each picture cheaply, so that no two passes over the samples are alike."""
    out = pictures.copy()
    for one in out:
        swap_colours(rng, one, 0.3)
        invert(rng, one, 0.1)
        if rng.random() < 0.15:
            one[:] = one.mean(axis=2, keepdims=True).astype(np.uint8)
        cover(rng, one, 0.2, 24)
    return out


@torch.no_grad()
def logits_of(
    net: NameNet, samples: Names, batch: int = 500, pause: Callable[[], None] = lambda: None
) -> torch.Tensor:
    """Return a network's logits of all samples, (N, R) float32; `pause` is called before each batch."""
    net.eval()
    said = []
    for start in range(0, len(samples.states), batch):
        pause()
        with precision.halved():
            at = torch.from_numpy(np.array(samples.edges[start : start + batch]))
            said.append(net(at).float())
    net.train()
    return torch.cat(said)


def validate(
    net: NameNet, samples: Names, batch: int = 500, pause: Callable[[], None] = lambda: None
) -> dict[str, float]:
    """Return shares: of named plates, the likeliest state right, and named at 0.9; of those named, right."""
    odds = logits_of(net, samples, batch, pause).softmax(1).numpy()
    best, truth = odds.argmax(1), np.array(samples.states)
    named = truth > 0
    sure = (best > 0) & (odds.max(1) >= SURE)
    return {
        "right": float((best == truth)[named].mean()),
        "told": float(sure[named].mean()),
        "told_right": float((best == truth)[sure].mean()) if sure.any() else 0.0,
    }


@dataclass(frozen=True, slots=True)
class Calibration:
    """The fitted temperature, and the figures at that temperature."""

    temperature: float
    loss: float
    """Mean cross entropy at that temperature, nats."""


def calibration(weights: Path, samples: Names) -> Calibration:
    """Fit the temperature at which the true states are most likely, for weights in a file."""
    net = NameNet(len(REGIONS))
    net.load_state_dict(weights_of(weights))
    said = logits_of(net, samples)
    truth = torch.from_numpy(samples.states.astype(np.int64))
    losses = [float(functional.cross_entropy(said / t, truth)) for t in TEMPERATURES]
    best = int(np.argmin(losses))
    return Calibration(round(float(TEMPERATURES[best]), 3), round(losses[best], 4))


def train(samples: Names, validation: Names, out: Path, plan: loop.Plan) -> None:
    """Train by a plan; see `loop.run` for what it writes."""
    torch.manual_seed(plan.seed)
    rng = np.random.default_rng(plan.seed)
    net = loop.started(NameNet(len(REGIONS)), plan)
    loop.run(
        net,
        loop.adamw(net, plan.rate, WEIGHT_DECAY),
        out,
        plan,
        RECIPE,
        batches=loop.shuffled(rng, lambda: len(samples.states), plan.batch_of(RECIPE)),
        loss_of=lambda at, own: loss_of(net, samples, at, own),
        validate=lambda averaged: validate(averaged, validation),
    )


def loss_of(
    net: NameNet, samples: Names, at: NDArray[np.int64], rng: np.random.Generator
) -> torch.Tensor:
    """Cross entropy of the states, and of the letter in each column."""
    with precision.halved():
        columns = net.columns(torch.from_numpy(disturbed(rng, np.array(samples.edges[at]))))
        said, letters = net.read(columns), net.letters(columns)
    truth = torch.from_numpy(samples.states[at].astype(np.int64))
    where = torch.from_numpy(aligned(np.array(samples.letters[at])))
    naming = functional.cross_entropy(said.float(), truth, label_smoothing=0.02)
    return naming + SPELLING * at_places(letters, where)


def aligned(letters: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the label of each of the 96 columns: a letter, none, or NOT_TRAINED beside a letter.

    Args:
        letters: (N, 2, 48); see `Names`.

    Returns: (N, 96), NOT_TRAINED beside a letter.
    """
    there = letters > 0
    beside = np.zeros_like(there)
    beside[..., 1:] |= there[..., :-1]
    beside[..., :-1] |= there[..., 1:]
    return np.where(beside & ~there, NOT_TRAINED, letters.astype(np.int64)).reshape(len(there), -1)


def main() -> None:
    """Train the reader of names."""
    loop.main(
        __doc__,
        "training.names",
        loop.Plan(steps=8_000, rate=1.5e-3, report_every=250),
        load,
        train,
    )


if __name__ == "__main__":
    main()
