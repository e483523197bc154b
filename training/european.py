"""Renders photos of European plates and their truth, for `make bench-europe`: `python -m training.european FOLDER`.

The folder is one of photos as `tests/bench/accuracy.py` reads it: JPEGs and a truth.csv. No training has seen these
styles or this configuration. Each picture shows one plate on its car's bodywork, often in a dealer's holder; each plate
has a serial that its country issues.
"""

import argparse
import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from scenes.model import Image, Points
from training.faces import words
from training.fittings import DEALERS, fit_hardware, worn
from training.painting import contrasting, lay, one_of
from training.photography import photograph
from training.plates import PlateRenderer, RenderedPlate, face_of
from training.press import press
from training.rendering import VALIDATION, Rendering
from training.scenes.model import box_around
from training.serials import issue, text_of
from training.styles import parse

SEED: Final = 2026
COUNT: Final = 700
AROUND: Final = (0.7, 2.0)
"""Bodywork around a plate, shares of its width and height."""
WIDTHS_PX: Final = (85.0, 330.0)
"""Widths of the plates. At the same distance a US plate (305 mm, not 520 mm) is 50 px to 194 px wide."""
JPEG_QUALITY: Final = 95
HOLDERS: Final = 0.6
"""Share of plates in a dealer's holder."""
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
FILE: Final = Path(__file__).with_name("european.toml")


@dataclass(frozen=True, slots=True)
class Rendered:
    """A photograph with one plate, and its truth."""

    pixels: Image
    """(H, W, 3) uint8 BGR."""
    corners: Points
    """(4, 2) px of the plate."""
    country: str
    plate: str


class EuropeanRenderer(PlateRenderer):
    """Draws plates of these styles, each with a serial of its country, and often in a dealer's holder."""

    def __init__(self, rendering: Rendering) -> None:
        super().__init__(parse(FILE.read_text(), FILE.name), rendering=rendering)

    def render(self, rng: np.random.Generator) -> RenderedPlate:
        """Draw a plate; deterministic by the generator's state."""
        number = int(rng.choice(len(self._styles), p=self._shares))
        style = self._styles[number]
        marks = issue(rng, style.serials[int(rng.integers(len(style.serials)))])
        plate = self._background(rng, number)
        ink = contrasting(rng, plate, one_of(rng, style.ink))
        places = press(rng, plate, marks, face_of(rng, style, self.rendering), style, ink)
        fit_hardware(rng, plate, 0.0)
        middles = np.array(places, np.float32).reshape(-1, 2)
        if rng.random() < HOLDERS:
            plate, middles = _held(rng, plate, middles)
        return RenderedPlate(
            worn(rng, plate, self.rendering), text_of(marks), style.region, middles
        )


def _held(rng: np.random.Generator, plate: Image, middles: Points) -> tuple[Image, Points]:
    """Put a plate into a dealer's holder: a dark rim, and below it a strip that mostly has words."""
    high = len(plate)
    rim, strip = round(rng.uniform(0.02, 0.07) * high), round(rng.uniform(0.05, 0.22) * high)
    shade = int(rng.integers(5, 60))
    held = np.asarray(
        cv2.copyMakeBorder(plate, rim, strip, rim, rim, cv2.BORDER_CONSTANT, value=(shade,) * 3),
        np.uint8,
    )
    if strip > 10 and rng.random() < 0.8:
        text = str(rng.choice(DEALERS))
        mask = words(rng, "sans", text, round(strip * 0.7))[:strip, : plate.shape[1]]
        at = (held.shape[1] - mask.shape[1]) // 2, rim + high + (strip - mask.shape[0]) // 2
        lay(held, mask, at, (225, 225, 225))
    return held, middles + np.float32(rim)


def rendered(count: int, seed: int, widths_px: tuple[float, float]) -> Iterator[Rendered]:
    """Yield photographs; the same for the same seed and widths."""
    rng, renderer = np.random.default_rng(seed), EuropeanRenderer(ROAD)
    for _ in range(count):
        plate = renderer.render(rng)
        width_px = float(np.exp(rng.uniform(*np.log(widths_px))))
        photo = photograph(rng, plate.pixels, width_px, plate.places, ROAD, AROUND)
        yield Rendered(photo.pixels, photo.corners, plate.region, plate.text)


def write(folder: Path, count: int, seed: int, widths_px: tuple[float, float]) -> None:
    """Write photographs and their truth into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "truth.csv").open("w", newline="") as opened:
        table = csv.writer(opened)
        table.writerow(("file", "x", "y", "w", "h", "plate"))
        for number, one in enumerate(rendered(count, seed, widths_px)):
            x, y, w, h = (round(value) for value in box_around(one.corners))
            name = f"{number:04d}-{one.country}-{w:03d}px.jpg"
            quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
            cv2.imwrite(str(folder / name), one.pixels, quality)
            table.writerow((name, x, y, w, h, one.plate))


def main() -> None:
    """Render as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m training.european", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--n", type=int, default=COUNT)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--widths", type=float, nargs=2, default=WIDTHS_PX, help="px, from and to")
    args = parser.parse_args()
    low_px, high_px = args.widths
    write(args.folder, args.n, args.seed, (low_px, high_px))


if __name__ == "__main__":
    main()
