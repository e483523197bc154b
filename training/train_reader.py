"""Train the plate reader on rendered plates: `python -m training.train_reader`."""

import argparse
import copy
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from training.reader_net import COLUMNS, ROWS, ReaderNet
from training.samples import REGIONS, Samples, load

BATCH = 64
EARLY, LATE = 1.0, 0.3
"""Weights of saying each character in its own column, from columns alone and after attention.
Without them CTC is long in finding its feet; the renderer knows where characters stand."""
BLANK = 0.2
"""Weight of columns without a character, of which there are many."""
NOT_TRAINED = -100
WARM_UP = 0.04


def disturbed(rng: np.random.Generator, pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A cheap change to each picture, so that no two passes over the samples are alike."""
    out = pictures.copy()
    for one in out:
        if rng.random() < 0.25:
            one[:] = one[..., rng.permutation(3)]
        if rng.random() < 0.1:
            one[:] = 255 - one
        if rng.random() < 0.2:
            h, w = int(rng.integers(4, 20)), int(rng.integers(3, 14))
            y, x = int(rng.integers(0, 64 - h)), int(rng.integers(0, 160 - w))
            one[y : y + h, x : x + w] = rng.integers(0, 256, 3)
    return out


def spelled(classes: NDArray[np.integer[Any]]) -> list[tuple[int, ...]]:
    """Best paths as texts: (N, T) classes, repeats and blanks dropped."""
    texts = []
    for row in classes:
        kept = row[np.insert(row[1:] != row[:-1], 0, True)]
        texts.append(tuple(int(c) for c in kept if c))
    return texts


@torch.no_grad()
def validate(net: ReaderNet, samples: Samples, batch: int = 500) -> dict[str, float]:
    """Shares of plates read exactly, of regions guessed, of plates told from what is none."""
    net.eval()
    exact = region = plate = legible = known = 0
    n = len(samples.plates)
    for start in range(0, n, batch):
        at = slice(start, start + batch)
        with torch.autocast("cpu", torch.bfloat16):
            characters, regions, plates = net(torch.from_numpy(np.array(samples.pictures[at])))
        texts = spelled(characters.float().argmax(2).numpy())
        truth = [tuple(int(c) for c in row if c) for row in samples.texts[at]]
        ok = samples.plates[at].astype(bool)
        legible += int(ok.sum())
        exact += sum(a == b for a, b, good in zip(texts, truth, ok, strict=True) if good)
        named = ok & (samples.regions[at] > 0)
        known += int(named.sum())
        region += int((regions.float().argmax(1).numpy() == samples.regions[at])[named].sum())
        plate += int(((plates.float().numpy() > 0) == ok).sum())
    net.train()
    return {"exact": exact / legible, "region": region / max(1, known), "plate": plate / n}


def train(
    samples: Samples,
    validation: Samples,
    out: Path,
    *,
    steps: int,
    rate: float,
    seed: int,
    report_every: int,
    minutes: float = math.inf,
    start: Path | None = None,
) -> None:
    """Train for `steps` batches and write `last.pt` (averaged weights) and `log.jsonl`.

    Where `minutes` are fewer than the steps would take, the rate falls faster, to end by then.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    out.mkdir(parents=True, exist_ok=True)
    net = ReaderNet(len(REGIONS)).to(memory_format=torch.channels_last)
    if start is not None:
        net.load_state_dict(torch.load(start, weights_only=True))
    averaged = copy.deepcopy(net)
    decay = [p for p in net.parameters() if p.ndim > 1]
    rest = [p for p in net.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": decay, "weight_decay": 0.03}, {"params": rest, "weight_decay": 0.0}],
        lr=rate,
        betas=(0.9, 0.98),
    )
    order = np.empty(0, np.int64)
    log = (out / "log.jsonl").open("a")
    began, total = time.monotonic(), 0.0
    step, share = 0, 0.0
    while share < 1:
        step += 1
        share = max(step / steps, (time.monotonic() - began) / (60 * minutes))
        for group in optimiser.param_groups:
            group["lr"] = rate * of_rate(share)
        if len(order) < BATCH:
            order = rng.permutation(rendered(samples))
        at, order = np.sort(order[:BATCH]), order[BATCH:]
        loss = loss_of(net, samples, at, rng)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimiser.step()
        average(averaged, net, min(0.999, step / (step + 20)))
        total += float(loss.detach())
        if step % report_every == 0 or share >= 1:
            figures = {
                "step": step, "loss": round(total / report_every, 4), "rate": rate * of_rate(share),
                **{k: round(v, 4) for k, v in validate(averaged, validation).items()},
                "per_s": round(BATCH * step / (time.monotonic() - began), 1),
            }  # fmt: skip
            total = 0.0
            print(json.dumps(figures), flush=True)
            log.write(json.dumps(figures) + "\n")
            log.flush()
            torch.save(averaged.state_dict(), out / "last.pt")


def of_rate(share: float) -> float:
    """Share of the highest learning rate after a share of the training: up for 4%, then a cosine."""
    if share < WARM_UP:
        return max(share, 1e-3) / WARM_UP
    return 0.004 + 0.996 * 0.5 * (
        1 + math.cos(math.pi * min(1.0, (share - WARM_UP) / (1 - WARM_UP)))
    )


def rendered(samples: Samples) -> int:
    """How many samples are there already; training may begin while the rest are being rendered."""
    missing = np.flatnonzero(samples.places[:, -1, 1] == 0)
    return int(missing[0]) if len(missing) else len(samples.plates)


def loss_of(
    net: ReaderNet, samples: Samples, at: NDArray[np.int64], rng: np.random.Generator
) -> torch.Tensor:
    """CTC over all 80 steps, plus the region and the question whether it is a plate."""
    pictures = torch.from_numpy(disturbed(rng, np.array(samples.pictures[at])))
    with torch.autocast("cpu", torch.bfloat16):
        columns = net.columns(pictures)
        characters, region, plate = net.read(columns)
        early = net.early(columns)
    texts = np.array(samples.texts[at])
    lengths = torch.from_numpy((texts > 0).sum(1))
    targets = torch.from_numpy(texts[texts > 0].astype(np.int64))
    steps = torch.full((len(at),), characters.shape[1])
    logs = characters.float().log_softmax(2).transpose(0, 1)
    each = F.ctc_loss(logs, targets, steps, lengths, reduction="none", zero_infinity=True)
    spelling = (each / lengths.clamp(min=1)).mean()
    where = torch.from_numpy(aligned(texts, np.array(samples.places[at])))
    weights = torch.ones(characters.shape[2])
    weights[0] = BLANK
    is_plate = torch.from_numpy(samples.plates[at].astype(np.float32))
    has_text = (lengths > 0).float()
    named = F.cross_entropy(
        region.float(),
        torch.from_numpy(samples.regions[at].astype(np.int64)),
        label_smoothing=0.05,
        reduction="none",
    )
    return (
        spelling
        + EARLY * _at_places(early, where, weights)
        + LATE * _at_places(characters, where, weights)
        + 0.15 * (named * has_text).mean()
        + 0.3 * F.binary_cross_entropy_with_logits(plate.float(), is_plate)
    )


def aligned(texts: NDArray[np.uint8], places: NDArray[np.uint8]) -> NDArray[np.int64]:
    """What each of the 80 steps should say: a class, blank, or nothing in particular beside one.

    Reading order decides the row: the upper until the first character that stands below its
    predecessor (a stacked pair, a second line), the lower from there.
    """
    where = np.zeros((len(texts), ROWS, COLUMNS), np.int64)
    for mine, text, at in zip(where, texts, places, strict=True):
        row = 0
        for i in range(int((text > 0).sum())):
            x, y = int(at[i, 0]), int(at[i, 1])
            if i and y - int(at[i - 1, 1]) > 14:
                row = 1
            column = min(x // 4, COLUMNS - 1)
            beside = mine[row, max(0, column - 1) : column + 2]
            beside[beside == 0] = NOT_TRAINED
            mine[row, column] = text[i]
    return where.reshape(len(texts), -1)


def _at_places(logits: torch.Tensor, where: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    flat = logits.float().flatten(0, 1)
    return F.cross_entropy(flat, where.flatten(), weights, ignore_index=NOT_TRAINED)


@torch.no_grad()
def average(averaged: ReaderNet, net: ReaderNet, keep: float) -> None:
    """Move the averaged weights a little towards the trained ones."""
    for mine, theirs in zip(averaged.state_dict().values(), net.state_dict().values(), strict=True):
        if mine.dtype.is_floating_point:
            mine.lerp_(theirs, 1 - keep)
        else:
            mine.copy_(theirs)


def main() -> None:
    """Train the reader."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("samples", type=Path)
    parser.add_argument("validation", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report-every", type=int, default=250)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=math.inf)
    parser.add_argument("--start", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    train(
        load(args.samples), load(args.validation), args.out, steps=args.steps, rate=args.rate,
        seed=args.seed, report_every=args.report_every, minutes=args.minutes, start=args.start,
    )  # fmt: skip


if __name__ == "__main__":
    main()
