"""Makes the committed networks anew: `python -m training reader`, `detector` or `states`.

Renders the training data, trains, calibrates, writes the ONNX file beside the weights and a plot of the loss,
and ends with one JSON line. `--smoke` runs every step in some 20 s of CPU: too little to learn to read, enough to see
that every step works.
"""

import argparse
import json
import platform
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from training import names, train_detector, train_names, train_reader
from training.calibrate import calibration
from training.curve import draw_loss
from training.export import TYPICAL, export_detector, export_reader, export_states
from training.loop import Plan
from training.patches import load as load_patches
from training.samples import load as load_samples
from training.samples import write as write_samples

SEED = 1
HELD_OUT_SEED = 900


@dataclass(frozen=True, slots=True)
class Size:
    """How much to render and how long to train."""

    samples: int
    held_out: int
    plan: Plan
    scenes: int = 0
    """Rendered streets to cut from, for the detector."""


READER = Size(240_000, 4_000, Plan(steps=12_000, rate=1.5e-3, report_every=400, seed=SEED))
READER_SMOKE = Size(80, 32, Plan(steps=9, rate=1.5e-3, report_every=3, seed=SEED, batch=16))
DETECTOR = Size(24_000, 800, Plan(steps=4_500, rate=2e-3, report_every=300, seed=SEED), scenes=300)
DETECTOR_SMOKE = Size(
    32, 8, Plan(steps=9, rate=2e-3, report_every=3, seed=SEED, batch=16), scenes=2
)

STATES = Size(90_000, 3_000, Plan(steps=10_000, rate=1.5e-3, report_every=400, seed=SEED))
STATES_SMOKE = Size(80, 32, Plan(steps=9, rate=1.5e-3, report_every=3, seed=SEED, batch=16))


def make_reader(out: Path, size: Size, workers: int, version: str) -> dict[str, object]:
    """Render, train, calibrate and export the reader; returns its figures."""
    for split, count, seed in _splits(size):
        if not _rendered_before(out / split, count):
            write_samples(out / split, count, seed, workers)
    held_out, samples = load_samples(out / "val"), load_samples(out / "train")
    train_reader.train(samples, held_out, out, replace(size.plan, threads=workers))
    fitted = calibration(out / "last.pt", held_out)
    export_reader(
        out / "last.pt", out / "reader.onnx", temperature=fitted.temperature, version=version,
        typical=np.array(samples.pictures[:TYPICAL]),
    )  # fmt: skip
    return last(out / "log.jsonl") | {"temperature": fitted.temperature, "ece": fitted.ece}


def make_detector(
    out: Path, size: Size, workers: int, dashcam: Path | None, version: str
) -> dict[str, object]:
    """Compose scenes, train and export the detector; returns its figures."""
    for split, count, seed in _splits(size):
        if not _composed_before(out / split, count):
            # A process of its own, so that rendering's memory is freed before training.
            command = [
                sys.executable, "-m", "training.scenes", "--out", str(out / split), "--count", str(count),
                "--seed", str(seed), "--split", split, "--cache", str(out / "cache"),
                "--scenes", str(size.scenes), "--plates", str(10 * size.scenes),
            ]  # fmt: skip
            subprocess.run(
                [*command, *(["--dashcam", str(dashcam)] if dashcam else [])], check=True
            )
    plan = replace(size.plan, threads=workers)
    train_detector.train(load_patches(out / "train"), load_patches(out / "val"), out, plan)
    export_detector(out / "last.pt", out / "detector.onnx", version=version)
    return last(out / "log.jsonl")


def make_states(out: Path, size: Size, workers: int, version: str) -> dict[str, object]:
    """Render, train, calibrate and export the reader of states' names; returns its figures."""
    for split, count, seed in _splits(size):
        if not _named_before(out / split, count):
            names.write(out / split, count, seed, workers)
    held_out = names.load(out / "val")
    plan = replace(size.plan, threads=workers)
    train_names.train(names.load(out / "train"), held_out, out, plan)
    fitted = train_names.calibration(out / "last.pt", held_out)
    export_states(
        out / "last.pt", out / "states.onnx", temperature=fitted.temperature, version=version
    )
    fit = {"temperature": fitted.temperature, "held_out_loss": fitted.loss}
    return last(out / "log.jsonl") | fit


def _splits(size: Size) -> tuple[tuple[str, int, int], ...]:
    """Return the training split and the held-out one: name, count, seed."""
    return ("train", size.samples, SEED), ("val", size.held_out, HELD_OUT_SEED)


def _rendered_before(folder: Path, count: int) -> bool:
    """Whether an earlier run finished exactly this number of samples."""
    if not (folder / "places.npy").exists():
        return False
    samples = load_samples(folder)
    return len(samples.plates) == count == train_reader.rendered(samples)


def _named_before(folder: Path, count: int) -> bool:
    """Whether an earlier run finished exactly this number of samples."""
    marker = folder / names.DONE
    return marker.exists() and len(names.load(folder).states) == count


def _composed_before(folder: Path, count: int) -> bool:
    """Whether an earlier run finished exactly this number of patches; it writes ignore.npy last."""
    return (folder / "ignore.npy").exists() and len(load_patches(folder).images) == count


def last(log: Path) -> dict[str, object]:
    """Return the last line of a training log."""
    return dict(json.loads(log.read_text(encoding="utf-8").splitlines()[-1]))


def main() -> None:
    """Make one network."""
    args = _arguments().parse_args()
    torch.set_num_threads(args.workers)
    out = args.out / (args.network + ("-smoke" if args.smoke else ""))
    out.mkdir(parents=True, exist_ok=True)
    (out / "log.jsonl").unlink(missing_ok=True)
    size, figures = _made(args, out)
    draw_loss(out / "log.jsonl", out / "loss.png", f"{args.network}, seed {SEED}")
    about = {"samples": size.samples, "machine": f"{platform.machine()}, {args.workers} threads"}
    print(json.dumps({"network": args.network, **figures, **about}))


def _made(args: argparse.Namespace, out: Path) -> tuple[Size, dict[str, object]]:
    """Make the network that the command line names; returns its size and its figures."""
    match args.network:
        case "reader":
            size = READER_SMOKE if args.smoke else READER
            return size, make_reader(out, size, args.workers, args.version)
        case "states":
            size = STATES_SMOKE if args.smoke else STATES
            return size, make_states(out, size, args.workers, args.version)
        case _:
            size = DETECTOR_SMOKE if args.smoke else DETECTOR
            return size, make_detector(out, size, args.workers, args.dashcam, args.version)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", choices=("reader", "detector", "states"))
    parser.add_argument("--out", type=Path, default=Path("var/training"))
    parser.add_argument(
        "--dashcam", type=Path, help="dashcam frames with boxes.csv, for the detector"
    )
    parser.add_argument("--version", default="local")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--smoke", action="store_true")
    return parser


if __name__ == "__main__":
    main()
