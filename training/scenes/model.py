"""A training patch, and the canvas on which it is composed."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from scenes.model import Image, Points

Boxes = NDArray[np.float32]
"""(n, 4) float32: x, y, width, height in px."""

MIN_WIDTH_PX = 12.0
MIN_HEIGHT_PX = 5.0
"""A plate smaller than this is ignored in training."""
CUT_OFF_PX = 1.5
"""How far a corner may be outside the patch before the plate counts as cut off."""


@dataclass(frozen=True)
class DetectorSample:
    """One training patch.

    `image` (H, W, 3) uint8 BGR. `corners` (n, 4, 2) float32 px, clockwise from each plate's own top left, where the
    pixel in column i spans i to i + 1. `exact` (n,) bool: the corners are known, not only the upright box around
    the plate. `ignore` (m, 4) float32, x, y, width, height in px: regions that training ignores.
    """

    image: Image
    corners: Points
    exact: NDArray[np.bool_]
    ignore: Boxes


@dataclass
class Canvas:
    """A patch in progress, with the boxes and plates on it so far."""

    image: Image
    corners: list[Points] = field(default_factory=list)
    exact: list[bool] = field(default_factory=list)
    ignore: list[tuple[float, float, float, float]] = field(default_factory=list)
    occupied: list[tuple[float, float, float, float]] = field(default_factory=list)
    """Boxes (x, y, width, height) that later things must not cover."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in px."""
        return self.image.shape[1], self.image.shape[0]

    def is_free(self, points: Points, margin_px: float = 2.0) -> bool:
        """Whether the box around `points`, (n, 2) px, is clear of all reserved boxes."""
        x, y, w, h = box_around(points, margin_px)
        return not any(
            x < left + width and left < x + w and y < top + height and top < y + h
            for left, top, width, height in self.occupied
        )

    def reserve(self, points: Points, margin_px: float = 2.0) -> None:
        """Reserve the box around `points`, (n, 2) px, against later things."""
        self.occupied.append(box_around(points, margin_px))

    def add(self, corners: Points, *, exact: bool) -> None:
        """Add a plate, (4, 2) px: a target if it is whole and large enough, else ignored."""
        self.reserve(corners)
        width, height = self.size
        outside = (corners < -CUT_OFF_PX).any() or (
            corners > np.array([width, height], np.float32) + CUT_OFF_PX
        ).any()
        if outside or not _is_large_enough(corners):
            self.ignore.append(box_around(corners, 1.0))
        else:
            self.corners.append(corners.astype(np.float32))
            self.exact.append(exact)

    def clear(self, points: Points) -> None:
        """Drop ignored regions whose middle is in the box around `points`: they are painted over."""
        x, y, w, h = box_around(points, 0.0)
        self.ignore = [
            box
            for box in self.ignore
            if not (x <= box[0] + box[2] / 2 <= x + w and y <= box[1] + box[3] / 2 <= y + h)
        ]

    def finish(self) -> DetectorSample:
        """Return the sample, without ignored regions outside the patch."""
        width, height = self.size
        seen = [b for b in self.ignore if b[0] < width and b[1] < height]
        seen = [b for b in seen if b[0] + b[2] > 0 and b[1] + b[3] > 0]
        return DetectorSample(
            self.image,
            np.array(self.corners, np.float32).reshape(-1, 4, 2),
            np.array(self.exact, np.bool_),
            np.array(seen, np.float32).reshape(-1, 4),
        )


def box_around(points: Points, margin_px: float = 0.0) -> tuple[float, float, float, float]:
    """Return the upright box around (n, 2) points: x, y, width, height in px, grown by `margin_px`."""
    low, high = points.min(axis=0) - margin_px, points.max(axis=0) + margin_px
    return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])


def box_corners(x: float, y: float, width: float, height: float) -> Points:
    """Return a box's corners, (4, 2) float32, clockwise from the top left."""
    right, bottom = x + width, y + height
    return np.array([[x, y], [right, y], [right, bottom], [x, bottom]], np.float32)


def _is_large_enough(corners: Points) -> bool:
    across = np.linalg.norm(corners[1] - corners[0]), np.linalg.norm(corners[2] - corners[3])
    down = np.linalg.norm(corners[3] - corners[0]), np.linalg.norm(corners[2] - corners[1])
    return bool(min(across) >= MIN_WIDTH_PX and min(down) >= MIN_HEIGHT_PX)
