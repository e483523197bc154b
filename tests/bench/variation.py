"""Varies a photo as the same camera might have: a little nearer, aside, lighter.

Some plates are read or not by a hair, so a figure over a few dozen photos moves by some points with
anything. Every photo in several such variants gives the figure that more photos like these would.
"""

import random
from dataclasses import dataclass

import cv2
import numpy as np

from scenes.model import Image

SCALE = (0.97, 1.03)
SHIFT_PX = (-4.0, 4.0)
LIGHT = (0.92, 1.08)
"""The factor of every value."""

Box = tuple[int, int, int, int]
"""x, y, width, height, px."""


@dataclass(frozen=True)
class Change:
    """One small change of a picture."""

    scale: float
    shift_px: tuple[float, float]
    """To the right and down."""
    light: float

    def picture(self, frame: Image) -> Image:
        """Return the changed frame in its old size; edges are repeated beyond its end."""
        height, width = frame.shape[:2]
        right, down = self.shift_px
        matrix = np.array([[self.scale, 0, right], [0, self.scale, down]], np.float32)
        moved = cv2.warpAffine(
            frame, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(cv2.convertScaleAbs(moved, alpha=self.light), np.uint8)

    def box(self, box: Box) -> Box:
        """Return the place of a box in the changed frame."""
        x, y, width, height = (self.scale * side for side in box)
        right, down = self.shift_px
        return round(x + right), round(y + down), round(width), round(height)


def changes(name: str, count: int) -> list[Change]:
    """Return so many changes for the picture of that name, always the same."""
    rng = random.Random(name)
    return [
        Change(
            rng.uniform(*SCALE),
            (rng.uniform(*SHIFT_PX), rng.uniform(*SHIFT_PX)),
            rng.uniform(*LIGHT),
        )
        for _ in range(count)
    ]
