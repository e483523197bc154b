"""Writes every committed state of a network's runs as an ONNX file: `python -m training.checkpoints reader FOLDER`.

Each gets a folder FOLDER/RUN@STEP with `reader.onnx` or `detector.onnx` and `held-out.json`, its figures on held-out
pictures, the same for all. `make bench-agreement` compares those figures with what the networks read of photos.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, cast

import cv2
import numpy as np
import torch

from training import patches, saved, train_detector, train_reader
from training.calibrate import calibration
from training.detector_net import DetectorNet
from training.export import FIT_SEED, export_detector, export_reader, typical_pictures
from training.plates import PlateRenderer
from training.reader_net import ReaderNet
from training.rendering import VALIDATION
from training.run import ROOT, RUNS, git_bytes
from training.samples import Samples, drawn
from training.tasks import SCENES, composed, loaded

HELD_OUT: Final = "held-out.json"
PICTURES: Final = {"reader": 2000, "detector": 800}


@dataclass(frozen=True, slots=True)
class Committed:
    """A state of a run that a commit has."""

    run: str
    step: int
    data: bytes
    """The file `last`."""

    @property
    def name(self) -> str:
        """Its run and step."""
        return f"{self.run}@{self.step}"


def committed(root: Path, net: str) -> Iterator[Committed]:
    """Yield the committed states of a network's runs, run by run, the first state first. Raises: CannotRun."""
    for folder in sorted((root / RUNS).iterdir()):
        if f"-{net}" in folder.name:
            yield from _states_of(root, folder.name)


def _states_of(root: Path, run: str) -> Iterator[Committed]:
    file = str(RUNS / run / saved.NAME)
    commits = git_bytes(root, "log", "--reverse", "--format=%H", "--diff-filter=AM", "--", file)
    for commit in commits.decode().split():
        data = git_bytes(root, "show", f"{commit}:{file}")
        yield Committed(run, saved.unpacked(data, file).step, data)


class Exporting(Protocol):
    """Writes a network and returns its figures on the held-out pictures."""

    def __call__(self, last: Path, target: Path, version: str) -> Mapping[str, float]:
        """Export the weights of a file `last` to a file."""


class Readers:
    """Exports readers as they ship: calibrated, with 8-bit convolutions."""

    def __init__(self, pictures: int) -> None:
        renderer = PlateRenderer(cached_per_style=4, rendering=VALIDATION)
        self._held_out = Samples(*drawn(np.random.default_rng(FIT_SEED), renderer, pictures))
        self._typical = typical_pictures()

    def __call__(self, last: Path, target: Path, version: str) -> Mapping[str, float]:
        """See `Exporting`."""
        temperature = calibration(last, self._held_out).temperature
        export_reader(last, target, temperature=temperature, version=version, typical=self._typical)
        net = ReaderNet.of(saved.weights_of(last))
        return cast("dict[str, float]", train_reader.validate(net, self._held_out))


class Detectors:
    """Exports detectors."""

    def __init__(
        self, pictures: int, cache: Path, dashcam: Path | None, scenes: int = SCENES
    ) -> None:
        held = loaded("val", VALIDATION, cache=cache, dashcam=dashcam, scenes=scenes)
        rng = np.random.default_rng(FIT_SEED)
        self._held_out: patches.Patches = composed(rng, held, VALIDATION, pictures)

    def __call__(self, last: Path, target: Path, version: str) -> Mapping[str, float]:
        """See `Exporting`."""
        export_detector(last, target, version=version)
        net = DetectorNet()
        net.load_state_dict(saved.weights_of(last))
        return cast("dict[str, float]", train_detector.validate(net, self._held_out))


def write(net: str, states: Iterator[Committed], folder: Path, export: Exporting) -> None:
    """Export states; those that an earlier call finished are left as they are."""
    for state in states:
        target = folder / state.name
        if (target / HELD_OUT).exists():
            continue
        target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as aside:
            last = Path(aside) / saved.NAME
            last.write_bytes(state.data)
            figures: dict[str, Any] = dict(export(last, target / f"{net}.onnx", state.name))
        line = json.dumps({"run": state.run, "step": state.step} | figures)
        saved.replace(target / HELD_OUT, line.encode())
        print(line, flush=True)


def main() -> None:
    """Export the committed states of one network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", choices=tuple(PICTURES))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, help="held-out ones")
    parser.add_argument("--dashcam", type=Path, help="dashcam frames with boxes.csv")
    parser.add_argument("--cache", type=Path, default=Path("var/training/cache"))
    parser.add_argument("--scenes", type=int, default=SCENES, help="rendered streets in the cache")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    pictures = args.pictures or PICTURES[args.network]
    export = (
        Readers(pictures)
        if args.network == "reader"
        else Detectors(pictures, args.cache, args.dashcam, args.scenes)
    )
    write(args.network, committed(ROOT, args.network), args.folder, export)


if __name__ == "__main__":
    main()
