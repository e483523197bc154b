"""Trains the plate detector on composed scenes: `python -m training.train_detector`."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from training import loop, precision
from training.detector_net import STRIDE, DetectorNet
from training.patches import Patches, load

RECIPE: Final = loop.Recipe(batch=24, clip=5.0, decay=0.998)
WEIGHT_DECAY: Final = 0.02
CORE: Final = 0.3
"""Cells within this share of the plate, around its middle, are positive."""
AROUND: Final = 0.75
"""Cells within this share that are not positive are ignored, not negative."""
NARROWEST_PX: Final = 4.0
"""Corner errors are shares of the plate's width; this is the least width that they are divided by."""
CORNERS: Final = 6.0
"""Weight of the corner loss, relative to the score loss."""
FOUND: Final = 0.3
"""Score from which a plate counts as found in validation."""


class Targets:
    """The expected score and corners of each cell of a batch."""

    def __init__(self, patches: Patches, at: NDArray[np.int64]) -> None:
        n, h, w = len(at), patches.images.shape[1] // STRIDE, patches.images.shape[2] // STRIDE
        self.positive = np.zeros((n, h, w), bool)
        self.ignored = np.zeros((n, h, w), bool)
        self.corners = np.zeros((n, h, w, 8), np.float32)
        self.exact = np.zeros((n, h, w), np.float32)
        self.size = np.ones((n, h, w), np.float32)
        x = (np.arange(w) + 0.5) * STRIDE
        y = (np.arange(h) + 0.5) * STRIDE
        self._centres = np.stack(np.meshgrid(x, y), axis=2).astype(np.float32)
        for i, number in enumerate(at):
            self._add(i, patches.corners[number], patches.exact[number], patches.ignore[number])

    def _add(
        self,
        i: int,
        corners: NDArray[np.float32],
        exact: NDArray[np.bool_],
        ignore: NDArray[np.float32],
    ) -> None:
        for x, y, w, h in ignore[np.isfinite(ignore[:, 0])]:
            low = np.floor(np.array([x, y]) / STRIDE).astype(int).clip(0)
            high = np.ceil(np.array([x + w, y + h]) / STRIDE).astype(int)
            self.ignored[i, low[1] : high[1], low[0] : high[0]] = True
        for quad, known in zip(corners, exact, strict=True):
            if not np.isfinite(quad[0, 0]):
                continue
            middle = quad.mean(0)
            core = self._inside(middle + CORE * (quad - middle))
            at = np.clip((middle / STRIDE).astype(int), 0, np.array(core.shape[::-1]) - 1)
            core[at[1], at[0]] = True
            # Cells beside a positive one see nearly the same.
            beside = cv2.dilate(core.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
            self.ignored[i] |= beside | self._inside(middle + AROUND * (quad - middle))
            self.positive[i] |= core
            self.corners[i][core] = quad.reshape(8)
            self.exact[i][core] = 1.0 if known else 0.3
            self.size[i][core] = _width(quad)
        self.ignored[i] &= ~self.positive[i]

    def _inside(self, quad: NDArray[np.float32]) -> NDArray[np.bool_]:
        mask = np.zeros(self._centres.shape[:2], np.uint8)
        points = np.rint((quad / STRIDE - 0.5) * 16).astype(np.int32)
        cv2.fillConvexPoly(mask, points, 1, shift=4)
        return mask.astype(bool)


def loss_of(net: DetectorNet, images: NDArray[np.uint8], targets: Targets) -> torch.Tensor:
    """Focal loss on scores and a smooth distance between corners, in shares of the plate's width."""
    with precision.halved():
        score, corners = net(torch.from_numpy(images))
    score = score.float()
    positive = torch.from_numpy(targets.positive)
    trained = torch.from_numpy(~targets.ignored).float()
    p = score.sigmoid()
    wrong = torch.where(positive, 1 - p, p)
    weight = torch.where(positive, 2.0, 1.0) * wrong.square() * trained
    count = positive.sum().clamp(min=1)
    bce = functional.binary_cross_entropy_with_logits(score, positive.float(), reduction="none")
    scoring = (weight * bce).sum() / count
    mine, theirs = corners[positive], torch.from_numpy(targets.corners)[positive]
    size = torch.from_numpy(targets.size)[positive].unsqueeze(1)
    sure = torch.from_numpy(targets.exact)[positive].unsqueeze(1)
    off = functional.smooth_l1_loss(mine / size, theirs / size, beta=0.03, reduction="none") * sure
    return scoring + CORNERS * off.sum() / count / 8


@torch.no_grad()
def validate(
    net: DetectorNet,
    patches: Patches,
    batch: int = 50,
    pause: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """Return the share of plates found at 0.3, false finds per 100 patches, and the corners' median error.

    The error is in shares of the plate's width, 1 for a plate that was not found. `pause` is called before each batch.
    """
    net.eval()
    false = 0
    outcomes: list[tuple[bool, float | None]] = []
    for start in range(0, len(patches.images), batch):
        pause()
        at = np.arange(start, min(start + batch, len(patches.images)))
        targets = Targets(patches, at)
        with precision.halved():
            score, corners = net(torch.from_numpy(np.array(patches.images[at])))
        scores, quads = score.float().sigmoid().numpy(), corners.numpy()
        false += int(((scores > FOUND) & ~targets.positive & ~targets.ignored).any((1, 2)).sum())
        for i, number in enumerate(at):
            for quad, known in zip(patches.corners[number], patches.exact[number], strict=True):
                if np.isfinite(quad[0, 0]):
                    outcomes.append(_outcome(scores[i], quads[i], quad, bool(known)))
    net.train()
    errors = [error for _, error in outcomes if error is not None]
    return {
        "recall": sum(found for found, _ in outcomes) / max(1, len(outcomes)),
        "false_per_100": 100 * false / len(patches.images),
        "corner_error": float(np.median(errors)) if errors else 1.0,
    }


def _outcome(
    scores: NDArray[np.float32],
    quads: NDArray[np.float32],
    quad: NDArray[np.float32],
    known: bool,
) -> tuple[bool, float | None]:
    """Return whether a plate was found, and the error of its corners.

    Args:
        scores: (h, w) of the cells.
        quads: (h, w, 8) px.
        quad: (4, 2) px, the true plate.
        known: whether these are its corners, not only its upright box.

    Returns: the second is None if the plate was not found or its corners are not known.
    """
    x, y = np.clip((quad.mean(0) / STRIDE).astype(int), 0, np.array(scores.shape[::-1]) - 1)
    near = np.s_[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
    here = scores[near]
    if here.max() <= FOUND:
        return False, None
    if not known:
        return True, None
    best = quads[near].reshape(-1, 4, 2)[int(here.argmax())]
    return True, float(np.linalg.norm(best - quad, axis=1).mean() / _width(quad))


def _width(quad: NDArray[np.float32]) -> float:
    return max(NARROWEST_PX, float(np.linalg.norm(quad[1] - quad[0])))


def disturbed(rng: np.random.Generator, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Change brightness, contrast and colour of each patch a little."""
    gain = rng.uniform(0.7, 1.25, (len(images), 1, 1, 3)) ** rng.integers(
        0, 2, (len(images), 1, 1, 1)
    )
    lift = rng.normal(0, 12, (len(images), 1, 1, 1))
    return np.clip(images * gain.astype(np.float32) + lift.astype(np.float32), 0, 255).astype(
        np.uint8
    )


def train(patches: Patches, validation: Patches, out: Path, plan: loop.Plan) -> None:
    """Train the detector by a plan; see `loop.run` for what it writes."""
    torch.manual_seed(plan.seed)
    rng = np.random.default_rng(plan.seed)
    net = loop.started(DetectorNet(), plan)
    optimiser = torch.optim.AdamW(
        net.parameters(), lr=plan.rate, weight_decay=WEIGHT_DECAY, betas=loop.BETAS
    )
    loop.run(
        net,
        optimiser,
        out,
        plan,
        RECIPE,
        batches=loop.shuffled(rng, lambda: len(patches.images), plan.batch_of(RECIPE)),
        loss_of=lambda at, own: loss_of(
            net, disturbed(own, np.array(patches.images[at])), Targets(patches, at)
        ),
        validate=lambda averaged: validate(averaged, validation),
    )


def main() -> None:
    """Train the detector."""
    loop.main(
        __doc__, "training.scenes", loop.Plan(steps=6000, rate=2e-3, report_every=200), load, train
    )


if __name__ == "__main__":
    main()
