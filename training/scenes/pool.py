"""Flat plates, rendered once and used often."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from scenes.model import Image
from scenes.plate_image import draw_plate
from scenes.plates import issue

PLATE_SIZE_PX = (240, 120)
"""Width and height of a plate in the pool."""

Render = Callable[[np.random.Generator], Image]
"""Draws one flat plate, (300, 600, 3) uint8 BGR."""


def render_simple(rng: np.random.Generator) -> Image:
    """Draw a plate as in the demo's scenes, (300, 600, 3) uint8 BGR."""
    return draw_plate(rng, issue(rng))


@dataclass(frozen=True)
class PlatePool:
    """Plates ready to paste: (n, 120, 240, 3) uint8 BGR."""

    pixels: NDArray[np.uint8]

    @classmethod
    def render(cls, render: Render, count: int, seed: int) -> "PlatePool":
        """Render a pool; deterministic by `seed`."""
        shape = (count, PLATE_SIZE_PX[1], PLATE_SIZE_PX[0], 3)
        pixels = np.empty(shape, np.uint8)
        for place in range(count):
            flat = render(np.random.default_rng([seed, place]))
            pixels[place] = cv2.resize(flat, PLATE_SIZE_PX, interpolation=cv2.INTER_AREA)
        return cls(pixels)

    @classmethod
    def cached(cls, path: Path, render: Render, count: int, seed: int) -> "PlatePool":
        """Load the pool from the file `path`; renders and stores it there first if it is absent."""
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = path.with_suffix(".part.npy")
            np.save(fresh, cls.render(render, count, seed).pixels)
            fresh.replace(path)
        return cls(np.load(path, mmap_mode="r"))

    def draw(self, rng: np.random.Generator) -> Image:
        """Return a random plate of the pool, (120, 240, 3) uint8 BGR."""
        return np.array(self.pixels[int(rng.integers(len(self.pixels)))])
