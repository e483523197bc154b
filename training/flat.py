"""Flat plates for scenes: every style with a US plate's proportions."""

from functools import cache

import numpy as np

from scenes.model import Image
from training.plates import PlateRenderer
from training.rendering import USUAL, Rendering
from training.styles import STYLES


@cache
def _renderer(rendering: Rendering) -> PlateRenderer:
    styles = [style for style in STYLES if 1.5 < style.aspect < 2.5]
    return PlateRenderer(styles, cached_per_style=6, rendering=rendering)


def flat_plate(rng: np.random.Generator, rendering: Rendering = USUAL) -> Image:
    """Draw a plate, (160, w, 3) uint8 BGR; deterministic by the generator's state."""
    return _renderer(rendering).render(rng).pixels
