"""How well the chosen engine reads a folder of photos with a truth.csv: one JSON line.

python -m tests.bench.accuracy PHOTOS [--model NAME] [--minimum P] [--misses]
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deploy.local.demo.truth import COLUMNS, TruePlate, TruthFault, bare, fold, read_truth
from services.recognition.decode import UndecodableImage, decode
from services.recognition.engine import PlateReading
from services.recognition.paddle import PaddleEngine


def edits(one: str, other: str) -> int:
    """Levenshtein distance."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        last, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (a != b))
    return row[-1]


def at_truth(reading: PlateReading, true: TruePlate) -> bool:
    """Whether a reading's centre lies in the true box, a third of its size around it allowed."""
    x, y, w, h = true.box
    cx = sum(point[0] for point in reading.corners) / 4
    cy = sum(point[1] for point in reading.corners) / 4
    return x - w / 3 <= cx <= x + w * 4 / 3 and y - h / 3 <= cy <= y + h * 4 / 3


def photos_with_truth(folder: Path) -> dict[str, tuple[TruePlate, ...]]:
    """Return the true plates of each photo. Raises: TruthFault where there are none to hold against."""
    listed = folder / "truth.csv"
    if not listed.is_file():
        raise TruthFault(f"{folder} holds no truth.csv with the columns {','.join(COLUMNS)}")
    truth = read_truth(listed)
    if absent := sorted(name for name in truth if not (folder / name).is_file()):
        raise TruthFault(f"{listed} names {len(absent)} files that are not there: {absent[0]}")
    if not truth:
        raise TruthFault(f"{listed} names no plate")
    return truth


def measure(photos: Path, model: str, minimum: float, show_misses: bool) -> dict[str, object]:
    """Read every photo of the folder once, decoding left out of the times."""
    truth = photos_with_truth(photos)
    engine = PaddleEngine(model)
    read: list[tuple[str, TruePlate, PlateReading | None]] = []
    extras, took_ms = [], []
    for file, plates in truth.items():
        frame = decode((photos / file).read_bytes()).pixels
        start = time.perf_counter()
        found: Sequence[PlateReading] = engine.read(frame)
        took_ms.append(1000 * (time.perf_counter() - start))
        kept = [reading for reading in found if reading.confidence >= minimum]
        for true in plates:
            mine = [reading for reading in kept if at_truth(reading, true)]
            read.append((file, true, mine[0] if mine else None))
        extras += [(file, one) for one in kept if not any(at_truth(one, t) for t in plates)]
    if show_misses:
        for file, true, got in read:
            if got is None or fold(got.plate) != fold(true.plate):
                print(file, true.plate, got and (got.plate_as_read, round(got.confidence, 2)))
        for file, reading in extras:
            print("extra", file, reading.plate_as_read, round(reading.confidence, 2))
    hits = [(bare(true.plate), got.plate) for _, true, got in read if got is not None]
    n = len(read)
    return {
        "n": n,
        "exact": round(sum(a == b for a, b in hits) / n, 4),
        "folded": round(sum(fold(a) == fold(b) for a, b in hits) / n, 4),
        "le1": round(sum(edits(fold(a), fold(b)) <= 1 for a, b in hits) / n, 4),
        "no_read": round(sum(got is None for *_, got in read) / n, 4),
        "extra_reads": len(extras),
        "ms_p50": round(statistics.median(took_ms), 1),
        "ms_p95": round(float(np.quantile(took_ms, 0.95)), 1),
        "model": f"{engine.name}@{engine.digest[:16]}",
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--model", default="ppocrv6-small")
    parser.add_argument("--minimum", type=float, default=0.35)
    parser.add_argument("--misses", action="store_true")
    args = parser.parse_args()
    try:
        print(json.dumps(measure(args.photos, args.model, args.minimum, args.misses)))
    except (TruthFault, UndecodableImage) as fault:
        sys.exit(f"accuracy: {fault}")


if __name__ == "__main__":
    main()
