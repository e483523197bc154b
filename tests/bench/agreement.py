"""Whether held-out pictures rank a network's checkpoints as photos do: rank correlations, one JSON line.

python -m tests.bench.agreement CHECKPOINTS --photos DIR --crops DIR [--vary K]

CHECKPOINTS has a folder for each, as `python -m training.checkpoints` writes it: a network, and `held-out.json` with
its figures. Each network takes the place of the shipped one of its name; the rest of the engine stays.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from local.demo.truth import TruthFault
from services.recognition.engine.decode import UndecodableImage
from services.recognition.engine.framing import framed
from tests.bench import engines
from tests.bench.accuracy import MINIMUM, at_least_one, measure, on_one_core
from tests.bench.rig import machine, say
from tests.bench.samples import Sample, crops, photos
from tests.bench.scoring import shares
from tests.bench.variation import varied

FIGURES: Final = {"exact": "reader", "recall": "detector"}
"""The held-out figure that ranks a network's checkpoints."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A network's state and its figure on held-out pictures."""

    folder: Path
    held_out: float


class NoCheckpoints(Exception):
    """A folder has too few checkpoints, or others than of one network."""


def checkpoints(folder: Path) -> list[Checkpoint]:
    """Return the checkpoints of a folder. Raises: NoCheckpoints."""
    found = [
        _checkpoint(file.parent, json.loads(file.read_text(encoding="utf-8")))
        for file in sorted(folder.glob("*/held-out.json"))
    ]
    if len(found) < 3:
        raise NoCheckpoints(
            f"{folder} needs three checkpoints of python -m training.checkpoints, has {len(found)}"
        )
    return found


def _checkpoint(folder: Path, figures: Mapping[str, Any]) -> Checkpoint:
    for figure in FIGURES:
        if figure in figures:
            return Checkpoint(folder, float(figures[figure]))
    raise NoCheckpoints(f"{folder}/held-out.json has none of {', '.join(FIGURES)}")


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Return Spearman's rank correlation, -1 to 1; None where one of the two has only equal values."""
    ranks = _ranks(one), _ranks(other)
    if any(np.ptp(one) == 0 for one in ranks):
        return None
    return float(np.corrcoef(*ranks)[0, 1])


def _ranks(values: Sequence[float]) -> NDArray[np.float64]:
    """Return the rank of each value from 0; equal values share the mean of theirs."""
    array = np.array(values, np.float64)
    below = (array[:, None] > array).sum(1)
    equal = (array[:, None] == array).sum(1)
    return np.asarray(below + (equal - 1) / 2, np.float64)


def shares_read(
    checkpoint: Checkpoint, sets: Mapping[str, Sequence[Sample]], vary: int | None
) -> dict[str, float]:
    """Return the share of plates that the engine with this network reads (folded) of each set."""
    engine = engines.make_engine(engines.DEFAULT, instead=checkpoint.folder)
    return {
        name: shares(
            measure(
                samples,
                engine.read,
                MINIMUM,
                framed if name == "crops" else None,
                varied(vary, as_at_a_road=False),
            ).judged
        )["folded"]
        for name, samples in sets.items()
    }


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure every checkpoint. Raises: NoCheckpoints, NoSuchEngine, TruthFault, UndecodableImage."""
    found = checkpoints(args.checkpoints)
    sets = {"photos": photos(args.photos, args.n), "crops": crops(args.crops, args.n)}
    rows = []
    for one in found:
        rows.append(
            {"checkpoint": one.folder.name, "held_out": round(one.held_out, 4)}
            | shares_read(one, sets, args.vary)
        )
        say(str(rows[-1]))
    held_out = [one.held_out for one in found]
    correlation = {name: rank_correlation(held_out, [row[name] for row in rows]) for name in sets}
    return {
        "correlation": {
            name: None if value is None else round(value, 3) for name, value in correlation.items()
        },
        "n": len(rows),
        "checkpoints": rows,
        "machine": machine(args.checkpoints),
    }


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.agreement", description=__doc__)
    parser.add_argument("checkpoints", type=Path)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--crops", type=Path, required=True)
    parser.add_argument("--n", type=at_least_one, help="so many pictures of each, by a fixed seed")
    parser.add_argument("--vary", type=at_least_one, help="so many small changes of each picture")
    return parser.parse_args(arguments)


def main() -> None:
    """Print the figures; the last line is JSON."""
    args = options()
    on_one_core()
    try:
        print(json.dumps(run(args)))
    except (NoCheckpoints, TruthFault, UndecodableImage, engines.NoSuchEngine) as fault:
        sys.exit(f"agreement: {fault}")


if __name__ == "__main__":
    main()
