"""Writes trained weights as the ONNX files that the service runs: `python -m training.export`.

`python -m training.export reader training/runs/NAME/last reader.onnx --fit 2000 --quantise` writes those of a run,
calibrated and with 8-bit convolutions.
"""

import argparse
from datetime import date
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from services.recognition.models import (
    MARGIN_ACROSS,
    MARGIN_UP,
    NAMES_HEIGHT_PX,
    NAMES_WIDTH_PX,
    READER_HEIGHT_PX,
    READER_WIDTH_PX,
)
from training import detector_net, name_net, names, reader_net, train_names
from training.calibrate import calibration
from training.plates import PlateRenderer
from training.quantised import quantise
from training.rendering import HARD, VALIDATION
from training.samples import REGIONS, Samples, drawn
from training.saved import weights_of

OPSET = 17
FIT_SEED = 901
TYPICAL_SEED = 902
TYPICAL = 300
"""Pictures that a network is quantised with."""

Pictures = NDArray[np.uint8] | None


def export_reader(
    weights: Path, target: Path, *, temperature: float, version: str, typical: Pictures = None
) -> None:
    """Write `reader.onnx`; its metadata holds everything that the service must know about it.

    `typical`: pictures to quantise it with; None for exact numbers.
    """
    net = reader_net.ReaderNet.of(weights_of(weights))
    torch.onnx.export(
        reader_net.Exported(net.eval()).eval(),
        (torch.zeros(1, READER_HEIGHT_PX, READER_WIDTH_PX, 3, dtype=torch.uint8),),
        target,
        dynamo=False,
        opset_version=OPSET,
        input_names=["plates"],
        output_names=["characters", "region", "plate"],
        dynamic_axes={name: {0: "n"} for name in ("plates", "characters", "region", "plate")},
    )
    if typical is not None:
        quantise(target, typical)
    describe(
        target,
        version=version,
        regions=",".join(REGIONS),
        margin_across=f"{MARGIN_ACROSS:g}",
        margin_up=f"{MARGIN_UP:g}",
        temperature=f"{temperature:.4g}",
    )


def export_detector(weights: Path, target: Path, *, version: str) -> None:
    """Write `detector.onnx`, which accepts any height and width that 32 divides.

    It is not quantised: it would take 15% less time, and find 1.3% fewer of the European plates.
    """
    net = detector_net.DetectorNet()
    net.load_state_dict(weights_of(weights))
    torch.onnx.export(
        detector_net.Exported(net.eval()).eval(),
        (torch.zeros(1, 384, 640, 3, dtype=torch.uint8),),
        target,
        dynamo=False,
        opset_version=OPSET,
        input_names=["frames"],
        output_names=["score", "corners"],
        dynamic_axes={
            "frames": {0: "n", 1: "h", 2: "w"},
            "score": {0: "n", 1: "rows", 2: "columns"},
            "corners": {0: "n", 1: "rows", 2: "columns"},
        },
    )
    describe(target, version=version)


def export_states(weights: Path, target: Path, *, temperature: float, version: str) -> None:
    """Write `states.onnx`, calibrated by the temperature that it contains."""
    net = name_net.NameNet(len(REGIONS))
    net.load_state_dict(weights_of(weights))
    torch.onnx.export(
        name_net.Exported(net.eval(), temperature).eval(),
        (torch.zeros(1, NAMES_HEIGHT_PX, NAMES_WIDTH_PX, 3, dtype=torch.uint8),),
        target,
        dynamo=False,
        opset_version=OPSET,
        input_names=["edges"],
        output_names=["region"],
        dynamic_axes={"edges": {0: "n"}, "region": {0: "n"}},
    )
    describe(target, version=version, regions=",".join(REGIONS))


def describe(target: Path, **facts: str) -> None:
    """Write facts into an ONNX file's metadata and check the file."""
    model = onnx.load(target)
    del model.metadata_props[:]
    for key, value in facts.items():
        model.metadata_props.add(key=key, value=value)
    model.producer_name = "plateward"
    onnx.checker.check_model(model)
    onnx.save(model, target)


def fitted(weights: Path, plates: int) -> float:
    """Return the temperature that fits on plates of the validation's configuration, others than a run's log has."""
    renderer = PlateRenderer(cached_per_style=4, rendering=VALIDATION)
    found = calibration(weights, Samples(*drawn(np.random.default_rng(FIT_SEED), renderer, plates)))
    print(f"temperature {found.temperature}, calibration error {found.ece}")
    return float(found.temperature)


def fitted_names(weights: Path, plates: int) -> float:
    """Return the temperature that fits a reader of states on held-out plates, others than a run's log has."""
    renderer = names.held_out_plates()
    found = train_names.calibration(
        weights, names.drawn(np.random.default_rng(FIT_SEED), renderer, plates)
    )
    print(f"temperature {found.temperature}, held-out loss {found.loss}")
    return found.temperature


def typical_pictures(count: int = TYPICAL) -> NDArray[np.uint8]:
    """Return plates of the hard configuration, in which runs train by default; others than a run draws."""
    return drawn(np.random.default_rng(TYPICAL_SEED), PlateRenderer(rendering=HARD), count)[0]


def main() -> None:
    """Export one network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", choices=("reader", "detector", "states"))
    parser.add_argument("weights", type=Path, help="a run's `last`, or a .pt file")
    parser.add_argument("target", type=Path)
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--fit", type=int, help="fit a reader's on so many plates of validation")
    parser.add_argument("--quantise", action="store_true", help="the reader's convolutions")
    parser.add_argument("--version", default=f"{date.today():%Y.%m.%d}")  # noqa: DTZ011
    args = parser.parse_args()
    if args.quantise and args.network != "reader":
        parser.error("only the reader is quantised")
    if args.network == "reader":
        typical = typical_pictures() if args.quantise else None
        temperature = fitted(args.weights, args.fit) if args.fit else args.temperature
        export_reader(
            args.weights,
            args.target,
            temperature=temperature,
            version=args.version,
            typical=typical,
        )
    elif args.network == "states":
        temperature = fitted_names(args.weights, args.fit) if args.fit else args.temperature
        export_states(args.weights, args.target, temperature=temperature, version=args.version)
    else:
        export_detector(args.weights, args.target, version=args.version)


if __name__ == "__main__":
    main()
