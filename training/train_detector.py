"""Train the plate detector on composed scenes: `python -m training.train_detector`."""

import argparse
import copy
import json
import time
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from training.detector_net import STRIDE, DetectorNet
from training.patches import Patches, load
from training.train_reader import average

BATCH: Final = 24
CORE: Final = 0.3
"""Cells within this share of the plate, around its middle, are positive."""
AROUND: Final = 0.75
"""Cells within this share that are not positive are not trained as negative either."""


class Targets:
    """What each cell of a batch should say."""

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
            # Cells that touch a positive one see nearly the same.
            beside = cv2.dilate(core.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
            self.ignored[i] |= beside | self._inside(middle + AROUND * (quad - middle))
            self.positive[i] |= core
            self.corners[i][core] = quad.reshape(8)
            self.exact[i][core] = 1.0 if known else 0.3
            self.size[i][core] = max(4.0, float(np.linalg.norm(quad[1] - quad[0])))
        self.ignored[i] &= ~self.positive[i]

    def _inside(self, quad: NDArray[np.float32]) -> NDArray[np.bool_]:
        mask = np.zeros(self._centres.shape[:2], np.uint8)
        points = np.rint((quad / STRIDE - 0.5) * 16).astype(np.int32)
        cv2.fillConvexPoly(mask, points, 1, shift=4)
        return mask.astype(bool)


def loss_of(net: DetectorNet, images: NDArray[np.uint8], targets: Targets) -> torch.Tensor:
    """Focal loss on scores and a smooth distance between corners, in shares of the plate's width."""
    with torch.autocast("cpu", torch.bfloat16):
        score, corners = net(torch.from_numpy(images))
    score = score.float()
    positive = torch.from_numpy(targets.positive)
    trained = torch.from_numpy(~targets.ignored).float()
    p = score.sigmoid()
    wrong = torch.where(positive, 1 - p, p)
    weight = torch.where(positive, 2.0, 1.0) * wrong.square() * trained
    count = positive.sum().clamp(min=1)
    bce = F.binary_cross_entropy_with_logits(score, positive.float(), reduction="none")
    scoring = (weight * bce).sum() / count
    mine, theirs = corners[positive], torch.from_numpy(targets.corners)[positive]
    size = torch.from_numpy(targets.size)[positive].unsqueeze(1)
    sure = torch.from_numpy(targets.exact)[positive].unsqueeze(1)
    off = F.smooth_l1_loss(mine / size, theirs / size, beta=0.03, reduction="none") * sure
    return scoring + 6 * off.sum() / count / 8


@torch.no_grad()
def validate(net: DetectorNet, patches: Patches, batch: int = 50) -> dict[str, float]:
    """Plates found at a score of 0.3, false finds a hundred patches, and the corners' mean error."""
    net.eval()
    found = plates = false = 0
    errors: list[float] = []
    for start in range(0, len(patches.images), batch):
        at = np.arange(start, min(start + batch, len(patches.images)))
        targets = Targets(patches, at)
        with torch.autocast("cpu", torch.bfloat16):
            score, corners = net(torch.from_numpy(np.array(patches.images[at])))
        probability, quads = score.float().sigmoid().numpy(), corners.numpy()
        false += int(((probability > 0.3) & ~targets.positive & ~targets.ignored).any((1, 2)).sum())
        for i, number in enumerate(at):
            for quad, known in zip(patches.corners[number], patches.exact[number], strict=True):
                if not np.isfinite(quad[0, 0]):
                    continue
                plates += 1
                cell = np.clip(
                    (quad.mean(0) / STRIDE).astype(int), 0, np.array(score.shape[:0:-1]) - 1
                )
                near = np.s_[max(0, cell[1] - 1) : cell[1] + 2, max(0, cell[0] - 1) : cell[0] + 2]
                here = probability[i][near]
                found += bool(here.max() > 0.3)
                if known and here.max() > 0.3:
                    best = quads[i][near].reshape(-1, 4, 2)[int(here.argmax())]
                    width = max(4.0, float(np.linalg.norm(quad[1] - quad[0])))
                    errors.append(float(np.linalg.norm(best - quad, axis=1).mean() / width))
    net.train()
    return {
        "recall": found / max(1, plates), "false_per_100": 100 * false / len(patches.images),
        "corner_error": float(np.median(errors)) if errors else 1.0,
    }  # fmt: skip


def disturbed(rng: np.random.Generator, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Brightness, contrast and colour of each patch changed a little."""
    gain = rng.uniform(0.7, 1.25, (len(images), 1, 1, 3)) ** rng.integers(
        0, 2, (len(images), 1, 1, 1)
    )
    lift = rng.normal(0, 12, (len(images), 1, 1, 1))
    return np.clip(images * gain.astype(np.float32) + lift.astype(np.float32), 0, 255).astype(
        np.uint8
    )


def train(
    patches: Patches,
    validation: Patches,
    out: Path,
    *,
    steps: int,
    rate: float,
    seed: int,
    report_every: int,
    start: Path | None = None,
) -> None:
    """Train for `steps` batches and write `last.pt` (averaged weights) and `log.jsonl`."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    out.mkdir(parents=True, exist_ok=True)
    net = DetectorNet().to(memory_format=torch.channels_last)
    if start is not None:
        net.load_state_dict(torch.load(start, weights_only=True))
    averaged = copy.deepcopy(net)
    optimiser = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=0.02, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, rate, total_steps=steps + 1, pct_start=0.06, final_div_factor=200
    )
    order = np.empty(0, np.int64)
    log = (out / "log.jsonl").open("a")
    began, total = time.monotonic(), 0.0
    for step in range(1, steps + 1):
        if len(order) < BATCH:
            order = rng.permutation(len(patches.images))
        at, order = np.sort(order[:BATCH]), order[BATCH:]
        loss = loss_of(net, disturbed(rng, np.array(patches.images[at])), Targets(patches, at))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        average(averaged, net, min(0.998, step / (step + 20)))
        total += float(loss.detach())
        if step % report_every == 0 or step == steps:
            figures = {
                "step": step, "loss": round(total / report_every, 4), "rate": schedule.get_last_lr()[0],
                **{k: round(v, 4) for k, v in validate(averaged, validation).items()},
                "per_s": round(BATCH * step / (time.monotonic() - began), 1),
            }  # fmt: skip
            total = 0.0
            print(json.dumps(figures), flush=True)
            log.write(json.dumps(figures) + "\n")
            log.flush()
            torch.save(averaged.state_dict(), out / "last.pt")


def main() -> None:
    """Train the detector."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("patches", type=Path)
    parser.add_argument("validation", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report-every", type=int, default=200)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--start", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    train(
        load(args.patches), load(args.validation), args.out, steps=args.steps, rate=args.rate,
        seed=args.seed, report_every=args.report_every, start=args.start,
    )  # fmt: skip


if __name__ == "__main__":
    main()
