"""Samples for the plate reader, written once and read often: `python -m training.samples`."""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from scenes.model import Image, Points
from services.recognition.models import ALPHABET, READER_HEIGHT_PX, READER_WIDTH_PX
from training import files
from training.files import mapped, write_blocks
from training.photography import cut_out, photograph, width_px
from training.plates import PlateRenderer
from training.scenes.negatives import draw_negative

LONGEST: Final = 10
# fmt: off
REGIONS: Final = (
    "unknown", "AL", "AK", "AZ", "AR", "CA", "CO", "CT", "DC", "DE", "FL", "GA", "HI", "IA", "ID", "IL", "IN", "KS", "KY",
    "LA", "MA", "MD", "ME", "MI", "MN", "MO", "MS", "MT", "NC", "ND", "NE", "NH", "NJ", "NM", "NV", "NY", "OH", "OK", "OR",
    "PA", "RI", "SC", "SD", "TN", "TX", "UT", "VA", "VT", "WA", "WI", "WV", "WY",
)
# fmt: on
NO_PLATE_SHARE: Final = 0.11
BLOCK: Final = 2000
"""Samples per seed, rendered together."""
SHAPES: Final[dict[str, tuple[int, ...]]] = {
    "pictures": (READER_HEIGHT_PX, READER_WIDTH_PX, 3),
    "texts": (LONGEST,),
    "regions": (),
    "plates": (),
    "places": (LONGEST, 2),
}
"""The files of a folder of samples, and the shape of one sample in each; see `Samples`."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Arrays of equal length, memory-mapped."""

    pictures: NDArray[np.uint8]
    """(N, 64, 160, 3) BGR."""
    texts: NDArray[np.uint8]
    """(N, 10): classes 1 to 36, then 0."""
    regions: NDArray[np.uint8]
    """(N,) indices into REGIONS."""
    plates: NDArray[np.uint8]
    """(N,) 1 for a plate, 0 for anything else."""
    places: NDArray[np.uint8]
    """(N, 10, 2): x, y px of each character's middle; 255 after the last."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture as the reader sees it, (64, 160, 3) uint8 BGR, with its labels."""

    picture: Image
    places: Points
    """(n, 2) px: the middles of the characters of `text`."""
    text: str
    region: str
    legible: bool


def sample(rng: np.random.Generator, renderer: PlateRenderer) -> Sample:
    """Render one picture as the reader sees it."""
    if rng.random() < NO_PLATE_SHARE:
        nothing = draw_negative(rng) if rng.random() < 0.6 else renderer.blank(rng)
        photo = photograph(rng, nothing, width_px(rng), rendering=renderer.rendering)
        if rng.random() < 0.25:
            # A cut from inside a picture, far from any plate's edges.
            away = (rng.normal(0, 0.5, 2) * 60).astype(np.float32)
            photo = replace(photo, corners=photo.corners + away)
        return Sample(*cut_out(rng, photo), "", "unknown", legible=False)
    plate = renderer.render(rng)
    photo = photograph(rng, plate.pixels, width_px(rng), plate.places, renderer.rendering)
    return Sample(*cut_out(rng, photo), plate.text, plate.region, legible=True)


def _block(job: tuple[int, int]) -> tuple[NDArray[np.uint8], ...]:
    """Render a number of samples from one seed: the arrays of `Samples` in their order."""
    seed, count = job
    cv2.setNumThreads(1)
    return drawn(np.random.default_rng((7, seed)), _renderer(), count)


def drawn(
    rng: np.random.Generator, renderer: PlateRenderer, count: int
) -> tuple[NDArray[np.uint8], ...]:
    """Render a number of samples: the arrays of `Samples` in their order; the same for the same generator."""
    pictures = np.empty((count, READER_HEIGHT_PX, READER_WIDTH_PX, 3), np.uint8)
    texts = np.zeros((count, LONGEST), np.uint8)
    regions, plates = np.zeros(count, np.uint8), np.zeros(count, np.uint8)
    places = np.full((count, LONGEST, 2), 255, np.uint8)
    for i in range(count):
        one = sample(rng, renderer)
        text = one.text[:LONGEST]
        pictures[i], regions[i], plates[i] = one.picture, REGIONS.index(one.region), one.legible
        texts[i, : len(text)] = [ALPHABET.index(c) + 1 for c in text]
        places[i, : len(text)] = np.rint(np.clip(one.places[:LONGEST], 0, 254))
    return pictures, texts, regions, plates, places


@cache
def _renderer() -> PlateRenderer:
    """Return this process's renderer, so that its painted backgrounds are reused."""
    return PlateRenderer()


def write(folder: Path, count: int, seed: int, workers: int) -> None:
    """Render `count` samples into `folder` as .npy files; the same for the same seed."""
    write_blocks(folder, SHAPES, _block, count=count, seed=seed, block=BLOCK, workers=workers)


def load(folder: Path) -> Samples:
    """Memory-map samples that `write` made."""
    return Samples(*mapped(folder, SHAPES))


def main() -> None:
    """Render samples."""
    files.main(__doc__, 200_000, write)


if __name__ == "__main__":
    main()
