"""What each threshold of our engine gains and loses on a folder of photos: a row for each value, one JSON line.

python -m tests.bench.thresholds --photos DIR [--only NAME ...] [--n N]

One threshold at a time gets other values; the rest stays as it is. `points` is the share of plates read right less the
share read wrong: a wrong read costs as much as a right one gains. The threshold's best value is the one with the most
points.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final
from unittest.mock import patch

from local.demo.truth import TruthFault
from services.recognition.engine import plate_search, plateward
from services.recognition.engine.decode import UndecodableImage
from services.recognition.engine.factory import chosen_engine
from services.recognition.settings import Settings
from shared.core.region_packs import DEFAULT as DEFAULT_PACKS
from tests.bench.accuracy import at_least_one, figures, measure, on_one_core
from tests.bench.rig import machine, say
from tests.bench.samples import Sample, photos


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold and the values that are tried."""

    name: str
    values: tuple[float, ...]
    module: ModuleType | None = None
    """Where the constant is; None for a setting."""

    @property
    def as_set(self) -> float:
        """The value in service."""
        of = Settings() if self.module is None else self.module
        return float(getattr(of, self.name))


THRESHOLDS: Final = (
    Threshold("recognition_min_confidence", (0.2, 0.4, 0.5)),
    Threshold("recognition_legible_minimum", (0.9, 0.95, 0.98, 0.995)),
    Threshold("recognition_detector_minimum", (0.25, 0.45)),
    Threshold("recognition_looks_below", (0.6, 0.95)),
    Threshold("SURE_TOGETHER", (8.0, 9.0, 11.0, 12.0), plateward),
    Threshold("SURE_AGAIN", (0.4, 0.5, 0.6, 0.7, 0.8, 0.9), plateward),
    Threshold("LEAST_PROBABLE", (0.001, 0.005, 0.01, 0.02, 0.05), plateward),
    Threshold("PROBABLE", (0.3, 0.4, 0.6, 0.7), plate_search),
)


def read_with(threshold: Threshold, value: float, samples: Sequence[Sample]) -> dict[str, Any]:
    """Return the shares of plates that the engine reads with another value of one threshold."""
    settings = Settings()
    if threshold.module is None:
        settings = settings.model_copy(update={threshold.name: value})
    constant = (
        nullcontext()
        if threshold.module is None
        else patch.object(threshold.module, threshold.name, value)
    )
    with constant:
        engine = chosen_engine(settings, DEFAULT_PACKS)()
        tally = measure(samples, engine.read, settings.recognition_min_confidence)
    found = figures(tally)
    wrong = 1 - found["folded"] - found["no_read"]
    return {
        "threshold": threshold.name,
        "value": value,
        "right": found["folded"],
        "no_read": found["no_read"],
        "wrong": round(wrong, 4),
        "points": round(found["folded"] - wrong, 4),
        "ece": found["ece"],
        "extra_reads": found["extra_reads"],
    }


def rows(thresholds: Sequence[Threshold], samples: Sequence[Sample]) -> Iterator[dict[str, Any]]:
    """Yield a row for the engine as it is, then one for each other value of each threshold."""
    usual = read_with(thresholds[0], thresholds[0].as_set, samples)
    yield usual | {"threshold": "as set", "value": None}
    for threshold in thresholds:
        for value in threshold.values:
            if value != threshold.as_set:
                yield read_with(threshold, value, samples)


def best(
    thresholds: Sequence[Threshold], found: Sequence[dict[str, Any]]
) -> dict[str, dict[str, float]]:
    """Return each threshold's value in service and the one with the most points; a tie stays as it is."""
    usual = found[0]["points"]
    chosen = {}
    for threshold in thresholds:
        points = {
            row["value"]: row["points"] for row in found if row["threshold"] == threshold.name
        }
        value = max([threshold.as_set, *points], key=lambda one: points.get(one, usual))
        chosen[threshold.name] = {"as_set": threshold.as_set, "best": value}
    return chosen


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure every value. Raises: TruthFault, UndecodableImage."""
    samples = photos(args.photos, args.n)
    thresholds = [one for one in THRESHOLDS if one.name in args.only]
    found = []
    for row in rows(thresholds, samples):
        found.append(row)
        say(str(row))
    return {
        "n": len(samples),
        "best": best(thresholds, found),
        "rows": found,
        "machine": machine(args.photos),
    }


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.thresholds", description=__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    names = [one.name for one in THRESHOLDS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--n", type=at_least_one, help="so many photos, by a fixed seed")
    return parser.parse_args(arguments)


def main() -> None:
    """Print the figures; the last line is JSON."""
    args = options()
    on_one_core()
    try:
        print(json.dumps(run(args)))
    except (TruthFault, UndecodableImage) as fault:
        sys.exit(f"thresholds: {fault}")


if __name__ == "__main__":
    main()
