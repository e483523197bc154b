"""Cuts of long plates, which the detector draws higher than they are.

A European plate is nearly five times as wide as high. The detector learnt mostly from US plates (2 to 1) and puts the
dealer's frame and the lamp's reflection above into a long plate, up to half as much again as its height. Each fit is a
part of the detected plate with the height of a long shape; the reader chooses the most legible one.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np

from services.recognition.engine.geometry import Quad, size_px
from shared.core.region_packs import PlateShape

LONG: Final = 3.0
"""Width over height from which a shape of plates is long."""
SPARE: Final = (1.1, 1.4)
"""Heights of the fits over that of a plate of the shape as wide as the detected one. Turned away, a plate looks
narrower, so the second is higher."""
PLACES: Final = (0.2, 0.4, 0.6, 0.8)
"""Positions of the fits within the detected plate: 0 at its top, 1 at its bottom."""


def fits(quad: Quad, shapes: Iterable[PlateShape]) -> list[Quad]:
    """Return further cuts of a detected plate; none if it is no higher than a long plate, or no shape is long.

    Args:
        quad: (4, 2) px, the detected corners, clockwise from the plate's top left.
        shapes: those of the chosen region packs.
    """
    width, height = size_px(quad)
    found = []
    for shape in shapes:
        aspect = shape.width_mm / shape.height_mm
        if aspect < LONG:
            continue
        for spare in SPARE:
            share = spare * width / aspect / max(height, 1e-6)
            if share < 1:
                found += [_part(quad, place * (1 - share), share) for place in PLACES]
    return found


def _part(quad: Quad, top: float, share: float) -> Quad:
    """Return the part of a plate from `top` on, `share` of its height."""
    left, right = quad[3] - quad[0], quad[2] - quad[1]
    bottom = top + share
    return np.array(
        [quad[0] + top * left, quad[1] + top * right, quad[1] + bottom * right, quad[0] + bottom * left],
        np.float32,
    )
