"""Fits the temperature that calibrates the reader's probabilities, on rendered plates."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from training.reader_net import ReaderNet
from training.samples import Samples
from training.saved import weights_of
from training.train_reader import spelled

TEMPERATURES = np.geomspace(0.5, 3.0, 37)
BINS = 15


@dataclass(frozen=True, slots=True)
class Calibration:
    """The fitted temperature, and the calibration error that remains."""

    temperature: float
    ece: float
    """Expected calibration error of whole texts, 15 bins of equal width."""


@torch.no_grad()
def calibration(weights: Path, samples: Samples) -> Calibration:
    """Fit the temperature of the reader whose weights are in a file, on legible plates."""
    net = ReaderNet.of(weights_of(weights)).eval()
    legible = np.flatnonzero(samples.plates)
    logits = torch.cat(
        [
            net(torch.from_numpy(np.array(samples.pictures[part])))[0]
            for part in np.array_split(legible, max(1, len(legible) // 250))
        ]
    )
    texts = np.array(samples.texts[legible])
    return fit(logits, [tuple(int(c) for c in row if c) for row in texts])


def fit(logits: torch.Tensor, truth: list[tuple[int, ...]]) -> Calibration:
    """Fit the temperature at which the true texts are most likely.

    The likelihood is CTC's, over all paths that spell a text, as the service computes it.

    Args:
        logits: (n, T, 37).
        truth: n texts as classes, 1 to 36.
    """
    losses = [float(_loss(logits / t, truth).mean()) for t in TEMPERATURES]
    best = float(TEMPERATURES[int(np.argmin(losses))])
    read = spelled((logits / best).argmax(2).numpy())
    sure = torch.exp(-_loss(logits / best, read)).numpy()
    right = np.array([a == b for a, b in zip(read, truth, strict=True)])
    return Calibration(round(best, 3), round(_ece(sure, right), 4))


def _loss(logits: torch.Tensor, texts: list[tuple[int, ...]]) -> torch.Tensor:
    """Minus the log-probability of each text by logits (n, T, 37)."""
    lengths = torch.tensor([len(text) for text in texts])
    targets = torch.tensor([c for text in texts for c in text], dtype=torch.int64)
    steps = torch.full((len(texts),), logits.shape[1])
    logs = logits.log_softmax(2).transpose(0, 1)
    return functional.ctc_loss(logs, targets, steps, lengths, reduction="none", zero_infinity=True)


def _ece(sure: NDArray[np.float32], right: NDArray[np.bool_]) -> float:
    """Expected calibration error of texts, (n,) probabilities and whether each is right."""
    which = np.minimum((sure * BINS).astype(int), BINS - 1)
    gaps = [
        abs(float(sure[which == b].mean()) - float(right[which == b].mean())) * (which == b).mean()
        for b in range(BINS)
        if (which == b).any()
    ]
    return float(sum(gaps))
