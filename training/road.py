"""Renders photos of plates as a camera at a road meets them, and their truth: `python -m training.road us FOLDER`.

The folder is one of photos as `tests/bench/accuracy.py` reads it: JPEGs and a truth.csv. No training has seen this
configuration. Each picture shows one plate on its car's bodywork: `us` of the United States (`make bench-thresholds`),
`europe` of fourteen European countries (`make bench-europe`).
"""

import argparse
import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from scenes.model import Image, Points
from training.european import EuropeanRenderer
from training.photography import photograph
from training.plates import PlateRenderer
from training.rendering import VALIDATION, Rendering
from training.scenes.model import box_around

COUNT: Final = 700
AROUND: Final = (0.7, 2.0)
"""Bodywork around a plate, shares of its width and height."""
JPEG_QUALITY: Final = 95
ROAD: Final = replace(
    VALIDATION,
    heavy_narrow_dies=0.0,
    dirt=0.35,
    dust=0.03,
    fading=0.25,
    low_contrast=0.1,
    least_contrast=0.25,
    infrared=0.15,
    night=0.1,
)
"""The typefaces and dies of validation; wear and light as a camera at a road meets them."""


@dataclass(frozen=True, slots=True)
class Plates:
    """Plates of a region: how they are drawn, how wide they are in a photo, and the seed of a set of them."""

    renderer: Callable[[Rendering], PlateRenderer]
    widths_px: tuple[float, float]
    seed: int


def _american(rendering: Rendering) -> PlateRenderer:
    return PlateRenderer(cached_per_style=4, rendering=rendering)


PLATES: Final = {
    "us": Plates(_american, (55.0, 200.0), seed=2027),
    "europe": Plates(EuropeanRenderer, (85.0, 330.0), seed=2026),
}
"""At the same distance a European plate (520 mm) is wider than one of the United States (305 mm)."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A photograph with one plate, and its truth."""

    pixels: Image
    """(H, W, 3) uint8 BGR."""
    corners: Points
    """(4, 2) px of the plate."""
    region: str
    plate: str


def rendered(plates: Plates, seed: int, widths_px: tuple[float, float]) -> Iterator[Rendered]:
    """Yield photographs of plates with a serial, without end; the same for the same seed and widths."""
    rng, renderer = np.random.default_rng(seed), plates.renderer(ROAD)
    while True:
        plate = renderer.render(rng)
        if not plate.text:
            continue
        width_px = float(np.exp(rng.uniform(*np.log(widths_px))))
        photo = photograph(rng, plate.pixels, width_px, plate.places, ROAD, AROUND)
        yield Rendered(photo.pixels, photo.corners, plate.region, plate.text)


def write(folder: Path, photos: Iterator[Rendered], count: int) -> None:
    """Write so many photographs and their truth into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "truth.csv").open("w", newline="") as opened:
        table = csv.writer(opened)
        table.writerow(("file", "x", "y", "w", "h", "plate"))
        for number, one in enumerate(islice(photos, count)):
            x, y, w, h = (round(value) for value in box_around(one.corners))
            name = f"{number:04d}-{one.region}-{w:03d}px.jpg"
            quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
            cv2.imwrite(str(folder / name), one.pixels, quality)
            table.writerow((name, x, y, w, h, one.plate))


def main() -> None:
    """Render as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m training.road", description=__doc__)
    parser.add_argument("plates", choices=tuple(PLATES))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--n", type=int, default=COUNT)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--widths", type=float, nargs=2, help="px, from and to")
    args = parser.parse_args()
    plates = PLATES[args.plates]
    low_px, high_px = args.widths or plates.widths_px
    seed = plates.seed if args.seed is None else args.seed
    write(args.folder, rendered(plates, seed, (low_px, high_px)), args.n)


if __name__ == "__main__":
    main()
