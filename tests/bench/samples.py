"""Pictures with their truth for the accuracy bench: a folder of photos, or of crops."""

import csv
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from local.demo.truth import COLUMNS, TruePlate, TruthFault, bare, read_truth
from scenes.model import Image

CROP_COLUMNS = ("file", "state", "plate")


@dataclass(frozen=True)
class Sample:
    """A picture's file and the plates that are truly in it, possibly zero."""

    path: Path
    plates: tuple[TruePlate, ...]


def photos(folder: Path, n: int | None) -> list[Sample]:
    """Return the photos that a folder's truth.csv names. Raises: TruthFault if it is unusable."""
    truth = read_truth(_listed(folder, COLUMNS))
    return _drawn(folder, [Sample(folder / name, truth[name]) for name in sorted(truth)], n)


def crops(folder: Path, n: int | None) -> list[Sample]:
    """Return the plate crops that a folder's truth.csv names; `framed` sets the box of each plate.

    Raises: TruthFault where it cannot be used.
    """
    listed = _listed(folder, CROP_COLUMNS)
    return _drawn(folder, list(_crop_rows(folder, listed)), n)


def _crop_rows(folder: Path, listed: Path) -> Iterator[Sample]:
    with listed.open(newline="", encoding="utf-8-sig") as opened:
        table = csv.DictReader(opened)
        if lacking := set(CROP_COLUMNS) - set(table.fieldnames or ()):
            raise TruthFault(f"{listed}: no column {', '.join(sorted(lacking))}")
        for row in table:
            if bare(row["plate"] or ""):
                yield _crop(folder, row)


def _crop(folder: Path, row: Mapping[str, str]) -> Sample:
    state = (row["state"] or "").strip().upper()
    return Sample(folder / row["file"], (TruePlate(row["plate"], (0, 0, 0, 0), state or None),))


def _listed(folder: Path, columns: tuple[str, ...]) -> Path:
    listed = folder / "truth.csv"
    if not listed.is_file():
        raise TruthFault(f"{folder} holds no truth.csv with the columns {','.join(columns)}")
    return listed


def _drawn(folder: Path, samples: list[Sample], n: int | None) -> list[Sample]:
    """Return all samples, or `n` of them drawn by a fixed seed; every file must exist."""
    if not samples:
        raise TruthFault(f"{folder / 'truth.csv'} names no plate")
    if absent := [sample.path.name for sample in samples if not sample.path.is_file()]:
        raise TruthFault(
            f"{folder / 'truth.csv'} names {len(absent)} files that are not there: {absent[0]}"
        )
    if n is None or n >= len(samples):
        return samples
    chosen = sorted(random.Random(n).sample(range(len(samples)), n))
    return [samples[place] for place in chosen]


def whole(crop: Image) -> tuple[Image, tuple[int, int, int, int]]:
    """Return a crop unchanged, and the whole of it as its box."""
    return crop, (0, 0, crop.shape[1], crop.shape[0])
