"""Trains the plate reader on rendered plates: `python -m training.train_reader`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from services.recognition.models import ALPHABET
from training import loop, precision
from training.columns import NOT_TRAINED, at_places
from training.distilling import WEIGHT, Teachers, divergence
from training.disturbing import cover, invert, swap_colours
from training.reader_net import COLUMNS, ROWS, ReaderNet
from training.samples import REGIONS, Samples, load

RECIPE: Final = loop.Recipe(batch=64, clip=2.0, decay=0.999)
WEIGHT_DECAY: Final = 0.03
EARLY, LATE = 1.0, 0.3
"""Weights of the loss on the character in each column, from columns alone and after attention. Without it CTC
converges slowly; the renderer knows the characters' positions."""
REGION, PLATE = 0.4, 0.5
"""Weights of the losses on the region and on whether the picture is a plate."""
LOWER_BY_PX: Final = 8
"""A character this much below the one before it is in the lower half."""
COLUMN_PX: Final = 4


def disturbed(rng: np.random.Generator, pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Augment each picture cheaply, so that no two passes over the samples are alike."""
    out = pictures.copy()
    for one in out:
        swap_colours(rng, one, 0.25)
        invert(rng, one, 0.1)
        cover(rng, one, 0.2, 14)
    return out


def spelled(classes: NDArray[np.integer[Any]]) -> list[tuple[int, ...]]:
    """Turn best paths into texts: (N, T) classes, repeats and blanks dropped."""
    texts = []
    for row in classes:
        collapsed = row[np.insert(row[1:] != row[:-1], 0, True)]
        texts.append(tuple(int(c) for c in collapsed if c))
    return texts


@torch.no_grad()
def validate(
    net: ReaderNet,
    samples: Samples,
    batch: int = 500,
    pause: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """Return shares: plates read exactly, with O and Q as 0 and I as 1, regions and kinds judged right.

    `pause` is called before each batch.
    """
    net.eval()
    exact = folded = region = plate = legible = known = 0
    n = len(samples.plates)
    for start in range(0, n, batch):
        pause()
        at = slice(start, start + batch)
        with precision.halved():
            characters, regions, plates = net(torch.from_numpy(np.array(samples.pictures[at])))
        texts = spelled(characters.float().argmax(2).numpy())
        truth = [tuple(int(c) for c in row if c) for row in samples.texts[at]]
        ok = samples.plates[at].astype(bool)
        legible += int(ok.sum())
        pairs = [(a, b) for a, b, good in zip(texts, truth, ok, strict=True) if good]
        exact += sum(a == b for a, b in pairs)
        folded += sum(_folded(a) == _folded(b) for a, b in pairs)
        named = ok & (samples.regions[at] > 0)
        known += int(named.sum())
        region += int((regions.float().argmax(1).numpy() == samples.regions[at])[named].sum())
        plate += int(((plates.float().numpy() > 0) == ok).sum())
    net.train()
    return {
        "exact": exact / legible,
        "folded": folded / legible,
        "region": region / max(1, known),
        "plate": plate / n,
    }


ALIKE: Final = {ALPHABET.index(a) + 1: ALPHABET.index(b) + 1 for a, b in ("O0", "Q0", "I1")}
"""Classes that many plates do not distinguish, and the class that stands for both."""


def _folded(text: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(ALIKE.get(one, one) for one in text)


def train(samples: Samples, validation: Samples, out: Path, plan: loop.Plan) -> None:
    """Train the reader by a plan; see `loop.run` for what it writes."""
    torch.manual_seed(plan.seed)
    rng = np.random.default_rng(plan.seed)
    net = loop.started(ReaderNet(len(REGIONS)), plan)
    loop.run(
        net,
        loop.adamw(net, plan.rate, WEIGHT_DECAY),
        out,
        plan,
        RECIPE,
        batches=loop.shuffled(rng, lambda: rendered(samples), plan.batch_of(RECIPE)),
        loss_of=lambda at, own: loss_of(net, samples, at, own),
        validate=lambda averaged: validate(averaged, validation),
    )


def rendered(samples: Samples) -> int:
    """Return the number of samples already rendered; training may begin while the rest is being rendered."""
    missing = np.flatnonzero(samples.places[:, -1, 1] == 0)
    return int(missing[0]) if len(missing) else len(samples.plates)


def loss_of(
    net: ReaderNet,
    samples: Samples,
    at: NDArray[np.int64],
    rng: np.random.Generator,
    teachers: Teachers | None = None,
) -> torch.Tensor:
    """Return the loss: CTC over all 80 steps, the class at each step, the region, and whether it is a plate; with
    teachers, also the divergence from what they say."""
    pictures = torch.from_numpy(disturbed(rng, np.array(samples.pictures[at])))
    with precision.halved():
        columns = net.columns(pictures)
        characters, region, plate = net.read(columns)
        early = net.early(columns)
    texts = np.array(samples.texts[at])
    lengths = torch.from_numpy((texts > 0).sum(1))
    where = torch.from_numpy(aligned(texts, np.array(samples.places[at])))
    is_plate = torch.from_numpy(samples.plates[at].astype(np.float32))
    known = torch.from_numpy(samples.regions[at].astype(np.int64))
    naming = functional.cross_entropy(region.float(), known, label_smoothing=0.02, reduction="none")
    return (
        _spelling(characters, texts, lengths)
        + EARLY * at_places(early, where)
        + LATE * at_places(characters, where)
        + REGION * (naming * (lengths > 0).float()).mean()
        + PLATE * functional.binary_cross_entropy_with_logits(plate.float(), is_plate)
        + (WEIGHT * divergence(characters, teachers.opinion(pictures), lengths) if teachers else 0)
    )


def _spelling(
    characters: torch.Tensor, texts: NDArray[np.uint8], lengths: torch.Tensor
) -> torch.Tensor:
    """CTC loss of logits (N, T, 37) for texts (N, 10), per character."""
    targets = torch.from_numpy(texts[texts > 0].astype(np.int64))
    steps = torch.full((len(texts),), characters.shape[1])
    logs = characters.float().log_softmax(2).transpose(0, 1)
    each = functional.ctc_loss(logs, targets, steps, lengths, reduction="none", zero_infinity=True)
    return (each / lengths.clamp(min=1)).mean()


def aligned(texts: NDArray[np.uint8], places: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the label of each of the 80 steps: a class, blank, or NOT_TRAINED beside a character.

    Reading order decides the row: characters are in the upper row until the first one below its predecessor (a
    stacked pair, a second line), and in the lower row from there.

    Args:
        texts: (N, 10) classes, then 0.
        places: (N, 10, 2) px of the picture.

    Returns: (N, 80), NOT_TRAINED beside a character.
    """
    where = np.zeros((len(texts), ROWS, COLUMNS), np.int64)
    for mine, text, at in zip(where, texts, places, strict=True):
        row = 0
        for i in range(int((text > 0).sum())):
            x, y = int(at[i, 0]), int(at[i, 1])
            if i and y - int(at[i - 1, 1]) > LOWER_BY_PX:
                row = 1
            column = min(x // COLUMN_PX, COLUMNS - 1)
            beside = mine[row, max(0, column - 1) : column + 2]
            beside[beside == 0] = NOT_TRAINED
            mine[row, column] = text[i]
    return where.reshape(len(texts), -1)


def main() -> None:
    """Train the reader."""
    loop.main(
        __doc__,
        "training.samples",
        loop.Plan(steps=20_000, rate=1.5e-3, report_every=250),
        load,
        train,
    )


if __name__ == "__main__":
    main()
