"""Make the committed networks anew: `python -m training reader` or `python -m training detector`.

Renders what they learn from, trains, calibrates, writes the ONNX file beside the weights and a
picture of the loss, and ends with one JSON line. `--smoke` does all of it in a minute or two, too
little to learn to read, enough to see that every step works.
"""

import argparse
import json
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

from training import train_detector, train_reader
from training.calibrate import calibration
from training.curve import draw_loss
from training.export import export_detector, export_reader
from training.patches import load as load_patches
from training.samples import load as load_samples
from training.samples import write as write_samples

SEED = 1
HELD_OUT_SEED = 900


@dataclass(frozen=True, slots=True)
class Size:
    """How much is rendered and trained."""

    samples: int
    held_out: int
    steps: int
    rate: float
    report_every: int


READER = Size(samples=300_000, held_out=4_000, steps=20_000, rate=1.5e-3, report_every=500)
READER_SMOKE = Size(samples=600, held_out=100, steps=30, rate=1.5e-3, report_every=10)
DETECTOR = Size(samples=32_000, held_out=800, steps=9_000, rate=2e-3, report_every=300)
DETECTOR_SMOKE = Size(samples=120, held_out=24, steps=12, rate=2e-3, report_every=4)


def make_reader(out: Path, size: Size, workers: int, version: str) -> dict[str, object]:
    """Render, train, calibrate and export the reader; its figures."""
    for name, count, seed in (("train", size.samples, SEED), ("val", size.held_out, HELD_OUT_SEED)):
        if not (out / name / "plates.npy").exists():
            write_samples(out / name, count, seed, workers)
    held_out = load_samples(out / "val")
    train_reader.train(
        load_samples(out / "train"),
        held_out,
        out,
        steps=size.steps,
        rate=size.rate,
        seed=SEED,
        report_every=size.report_every,
    )
    fitted = calibration(out / "last.pt", held_out)
    export_reader(
        out / "last.pt", out / "reader.onnx", temperature=fitted.temperature, version=version
    )
    return last(out / "log.jsonl") | {"temperature": fitted.temperature, "ece": fitted.ece}


def make_detector(
    out: Path, size: Size, dashcam: Path | None, cache: Path, version: str, scenes: int
) -> dict[str, object]:
    """Compose scenes, train and export the detector; its figures."""
    for split, count, seed in (
        ("train", size.samples, SEED),
        ("val", size.held_out, HELD_OUT_SEED),
    ):
        if not (out / split / "ignore.npy").exists():
            # In a process of its own, which gives back what rendering holds.
            subprocess.run(
                [
                    sys.executable, "-m", "training.scenes", "--out", str(out / split), "--count", str(count),
                    "--seed", str(seed), "--split", split, "--cache", str(cache), "--scenes", str(scenes),
                    "--plates", str(10 * scenes), *(["--dashcam", str(dashcam)] if dashcam else []),
                ],
                check=True,
            )  # fmt: skip
    train_detector.train(
        load_patches(out / "train"),
        load_patches(out / "val"),
        out,
        steps=size.steps,
        rate=size.rate,
        seed=SEED,
        report_every=size.report_every,
    )
    export_detector(out / "last.pt", out / "detector.onnx", version=version)
    return last(out / "log.jsonl")


def last(log: Path) -> dict[str, object]:
    """The last line of a training log."""
    return dict(json.loads(log.read_text(encoding="utf-8").splitlines()[-1]))


def main() -> None:
    """Make one network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", choices=("reader", "detector"))
    parser.add_argument("--out", type=Path, default=Path("var/training"))
    parser.add_argument(
        "--dashcam", type=Path, help="dashcam frames with boxes.csv, for the detector"
    )
    parser.add_argument("--version", default="local")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--smoke", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.workers)
    out = args.out / (args.network + ("-smoke" if args.smoke else ""))
    out.mkdir(parents=True, exist_ok=True)
    (out / "log.jsonl").unlink(missing_ok=True)
    if args.network == "reader":
        size = READER_SMOKE if args.smoke else READER
        figures = make_reader(out, size, args.workers, args.version)
    else:
        size = DETECTOR_SMOKE if args.smoke else DETECTOR
        scenes = 6 if args.smoke else 300
        figures = make_detector(out, size, args.dashcam, out / "cache", args.version, scenes)
    draw_loss(out / "log.jsonl", out / "loss.png", f"{args.network}, seed {SEED}")
    machine = f"{platform.machine()}, {args.workers} threads"
    print(
        json.dumps(
            {"network": args.network, **figures, "samples": size.samples, "machine": machine}
        )
    )


if __name__ == "__main__":
    main()
