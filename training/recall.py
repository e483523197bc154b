"""Counts the legible plates that a detector finds in held-out patches: `python -m training.recall NETWORK …`.

A network is an ONNX file of a detector, or the file `last` of a detector's run. Prints one JSON line for each.

With `--confirmed` each network is counted once more as the service asks it: a place's score is then how sure the
network, its closer look and both readers are of a plate together. With `--engine` the last line is what the service's
whole engine reads of the same patches.

Only plates count that a person could read: wide enough, and legible to the service's reader from their true corners.
Every other plate of a patch, and every region that training ignores, counts neither as found nor as wrong.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Final, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from services.recognition.engine.corner_refiner import CornerRefiner
from services.recognition.engine.cuts import CutReader, rectify
from services.recognition.engine.detector import Detection, PlateDetector
from services.recognition.engine.factory import chosen_engine
from services.recognition.engine.geometry import Quad, size_px
from services.recognition.engine.network import OnnxNetwork
from services.recognition.engine.odds import log_odds, of_both, probability
from services.recognition.engine.own_weights import find_own
from services.recognition.engine.protocol import Engine
from services.recognition.engine.reader import LEGIBLE
from services.recognition.settings import Settings
from training.export import export_detector
from training.files import joined
from training.fresh import held_out
from training.patches import Patches
from training.rendering import VALIDATION
from training.saved import NAME
from training.scenes.model import box_corners
from training.tasks import GROUP, SCENES, composed, loaded

SEED: Final = 903
"""Others than those of a run's log."""
WIDE_PX: Final = 40.0
LOW: Final = 0.02
"""Score from which a place is looked at; at lower ones far more than one in a hundred is wrong."""
SAME: Final = 0.4
"""Intersection over union with a plate from which a place is that plate."""
PACKS: Final = ("us",)
"""Region packs of the engine; held-out patches have US plates alone."""
WRONG: Final = 0.01
"""Share of the places that may be wrong."""


class Finds(Protocol):
    """Finds places of plates in frames, each with a score."""

    def find(self, frames: Sequence[NDArray[np.uint8]]) -> Sequence[Sequence[Detection]]:
        """Return the places of each frame, (H, W, 3) uint8 BGR."""


class Confirmed:
    """A detector whose places a closer look and readers confirm or doubt, as in the service's engine.

    The score has the sum of two log odds: those of a plate, by the detector and the closer look, and those of a
    legible one, by the readers.
    """

    def __init__(
        self, detector: Finds, closer: CornerRefiner, readers: Sequence[CutReader]
    ) -> None:
        self._detector, self._closer, self._readers = detector, closer, readers

    def find(self, frames: Sequence[NDArray[np.uint8]]) -> list[list[Detection]]:
        """See `Finds`."""
        found = self._detector.find(frames)
        return [self._confirmed(*one) for one in zip(frames, found, strict=True)]

    def _confirmed(self, frame: NDArray[np.uint8], found: Sequence[Detection]) -> list[Detection]:
        places = [(frame, one.quad) for one in found]
        examined = self._closer.examine(places)
        quads = self._closer.place(places, examined)
        cuts = [rectify(frame, quad, *self._readers[0].margins) for quad in quads]
        said = [[one.legible for one in reader.read(cuts)] for reader in self._readers]
        legible = [np.mean([log_odds(one) for one in each]) for each in zip(*said, strict=True)]
        plate = [
            log_odds(of_both(first.score, second.score))
            for first, second in zip(found, examined, strict=True)
        ]
        return [
            Detection(probability(one + float(other)), quad)
            for one, other, quad in zip(plate, legible, quads, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Counted:
    """What a detector finds in a set of patches."""

    legible: int
    """Plates that count."""
    recall: float
    """Share of them that is found at `score`."""
    score: float
    """The lowest score from which no more places are wrong than may be."""
    recall_at_half: float
    wrong_at_half: float
    """Places without a plate in a hundred patches, at a score of 0.5."""


@dataclass(frozen=True, slots=True)
class CountedReads:
    """What an engine reads in a set of patches; whether the text is right does not count."""

    legible: int
    """Plates that count."""
    read: float
    """Share of them that it gives a reading of."""
    wrong: float
    """Share of its readings that are where there is no plate."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A patch and what is in it."""

    image: NDArray[np.uint8]
    """(H, W, 3) BGR."""
    legible: Sequence[Quad]
    """The plates that count."""
    others: Sequence[Quad]
    """Plates that do not, and regions that training ignores."""


def sorted_out(patches: Patches, reader: CutReader, wide_px: float = WIDE_PX) -> list[Patch]:
    """Return patches with their plates sorted by whether they count."""
    return [_sorted_out(patches, i, reader, wide_px) for i in range(len(patches.images))]


def _sorted_out(patches: Patches, i: int, reader: CutReader, wide_px: float) -> Patch:
    known = np.isfinite(patches.corners[i, :, 0, 0])
    legible: list[Quad] = []
    others = [box_corners(*box) for box in patches.ignore[i] if np.isfinite(box[0])]
    for quad, exact in zip(patches.corners[i][known], patches.exact[i][known], strict=True):
        counts = (
            exact and size_px(quad)[0] >= wide_px and _is_legible(patches.images[i], quad, reader)
        )
        (legible if counts else others).append(quad)
    return Patch(patches.images[i], legible, others)


def _is_legible(image: NDArray[np.uint8], quad: Quad, reader: CutReader) -> bool:
    [reading] = reader.read([rectify(image, quad, *reader.margins)])
    return reading.legible >= LEGIBLE


def counted(detector: Finds, patches: Sequence[Patch], wrong: float = WRONG) -> Counted:
    """Count what a detector finds, which reports places from `LOW` on."""
    hits: list[float] = []
    misses: list[float] = []
    for patch in patches:
        [found] = detector.find([patch.image])
        scores, astray = _matched(found, patch)
        hits += scores
        misses += astray
    legible = len(hits)
    score = _lowest(np.array(hits), np.array(misses), wrong)
    return Counted(
        legible=legible,
        recall=round(_share(hits, score), 4),
        score=round(score, 3),
        recall_at_half=round(_share(hits, 0.5), 4),
        wrong_at_half=round(100 * sum(one >= 0.5 for one in misses) / len(patches), 2),
    )


def counted_reads(engine: Engine, patches: Sequence[Patch]) -> CountedReads:
    """Count the legible plates that an engine reads, and its readings where there is none."""
    hits: list[float] = []
    misses = readings = 0
    for patch in patches:
        found = [Detection(1.0, box_corners(*astuple(one.box))) for one in engine.read(patch.image)]
        scores, astray = _matched(found, patch)
        hits += scores
        misses += len(astray)
        readings += len(found)
    return CountedReads(
        legible=len(hits),
        read=round(_share(hits, 1.0), 4),
        wrong=round(misses / max(1, readings), 4),
    )


def _matched(found: Sequence[Detection], patch: Patch) -> tuple[list[float], list[float]]:
    """Return each counting plate's best score, 0 if it was not found; and the scores of wrong places."""
    best = [
        max((one.score for one in found if _alike(one.quad, quad) >= SAME), default=0.0)
        for quad in patch.legible
    ]
    known = (*patch.legible, *patch.others)
    astray = [one.score for one in found if not any(_touches(one.quad, quad) for quad in known)]
    return best, astray


def _alike(one: Quad, other: Quad) -> float:
    """Return the intersection over union of two places' upright bounds."""
    low, high = np.maximum(one.min(0), other.min(0)), np.minimum(one.max(0), other.max(0))
    shared = float(np.maximum(high - low, 0).prod())
    return shared / (float(np.ptp(one, axis=0).prod() + np.ptp(other, axis=0).prod()) - shared)


def _touches(one: Quad, other: Quad) -> bool:
    """Whether the bounds of two places have anything in common: a plate found badly is no place without one."""
    return bool((one.max(0) > other.min(0)).all() and (other.max(0) > one.min(0)).all())


def _lowest(hits: NDArray[np.float64], misses: NDArray[np.float64], wrong: float) -> float:
    """Return the lowest score from which the share of wrong places is at most `wrong`; 1 if there is none."""
    lowest = 1.0
    for score in np.sort(hits[hits > 0]):
        astray, right = int((misses >= score).sum()), int((hits >= score).sum())
        if astray <= wrong * (astray + right):
            lowest = min(lowest, float(score))
    return lowest


def _share(hits: Sequence[float], score: float) -> float:
    return sum(one >= score for one in hits) / max(1, len(hits))


def drawn(
    count: int, cache: Path, dashcam: Path | None, seed: int = SEED, scenes: int = SCENES
) -> Patches:
    """Compose held-out patches, the same for the same seed; see `tasks.loaded`."""
    held = loaded("val", VALIDATION, cache=cache, dashcam=dashcam, scenes=scenes)
    groups = range(-(-count // GROUP))
    return joined([composed(held_out(seed, n), held, VALIDATION, GROUP) for n in groups])


def opened(file: Path, folder: Path) -> OnnxNetwork:
    """Return the network of an ONNX file or of a run; `folder` is for the file that a run's is exported to."""
    if file.name == NAME:
        target = folder / f"{file.parent.name}.onnx"
        export_detector(file, target, version=file.parent.name)
        file = target
    return OnnxNetwork(file)


def say(figures: Counted | CountedReads, **about: object) -> None:
    """Print a line of figures."""
    print(json.dumps(about | asdict(figures)), flush=True)


def main() -> None:
    """Count for each network that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", type=Path, nargs="*", help="ONNX files, or `last` of runs")
    parser.add_argument("--confirmed", action="store_true", help="count as the engine asks, too")
    parser.add_argument("--engine", action="store_true", help="count what the engine reads too")
    parser.add_argument("--count", type=int, default=2048, help="patches")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--dashcam", type=Path, help="dashcam frames with boxes.csv")
    parser.add_argument("--scenes", type=int, default=SCENES, help="rendered streets in the cache")
    parser.add_argument("--cache", type=Path, default=Path("var/training/cache"))
    args = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    weights = find_own()
    readers = [CutReader(OnnxNetwork(file)) for file in (weights.reader, weights.second_reader)]
    patches = sorted_out(
        drawn(args.count, args.cache, args.dashcam, args.seed, args.scenes), readers[0]
    )
    with tempfile.TemporaryDirectory() as folder:
        for file in args.networks:
            network = opened(file, Path(folder))
            detector = PlateDetector(network, longest_px=800, minimum=LOW)
            say(counted(detector, patches), network=str(file))
            if args.confirmed:
                confirmed = Confirmed(detector, CornerRefiner(network), readers)
                say(counted(confirmed, patches), network=str(file), confirmed=True)
    if args.engine:
        engine = chosen_engine(Settings(), PACKS)()
        say(counted_reads(engine, patches), engine=engine.name)


if __name__ == "__main__":
    main()
