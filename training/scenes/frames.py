"""A background frame with its plates, and their removal."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from scenes.model import Image, Points
from training.scenes.model import Boxes, box_around

_INPAINT_WIDTH_PX = 44


@dataclass(frozen=True)
class Patch:
    """A piece of a frame with its plate removed; (left, top) px is its position in the frame."""

    left: int
    top: int
    pixels: Image


@dataclass(frozen=True)
class Frame:
    """A background, (H, W, 3) uint8 BGR, and its plates, (n, 4, 2) px.

    `exact`: the corners are the true ones, not those of an upright box. `suspects` (m, 4) x, y, width, height px:
    regions that may hold unmarked plates.
    """

    pixels: Image
    plates: Points
    exact: bool
    suspects: Boxes

    @cached_property
    def cleaned(self) -> tuple[Patch, ...]:
        """A patch for every plate, in the order of `plates`."""
        return tuple(paint_over(self.pixels, box_around(corners)) for corners in self.plates)


def paint_over(image: Image, box: tuple[float, float, float, float]) -> Patch:
    """Fill a box (x, y, width, height px) from its surroundings, with grain; (H, W, 3) uint8.

    The fill is computed small and enlarged, so it is as smooth as a body panel, and its seam is soft.
    """
    height, width = image.shape[:2]
    x, y, w, h = box
    pad_x, pad_y = 0.12 * w + 2, 0.30 * h + 2
    reach = 0.8 * h + 6
    left, top = max(0, int(x - pad_x - reach)), max(0, int(y - pad_y - reach))
    right, bottom = int(x + w + pad_x + reach), int(y + h + pad_y + reach)
    around = np.array(image[top : min(height, bottom), left : min(width, right)])
    hole = np.zeros(around.shape[:2], np.uint8)
    inner = np.array([x - pad_x - left, y - pad_y - top, x + w + pad_x - left, y + h + pad_y - top])
    x0, y0, x1, y1 = np.rint(np.maximum(inner, 0)).astype(int).tolist()
    hole[y0:y1, x0:x1] = 255
    filled = _fill(around, hole, min(1.0, _INPAINT_WIDTH_PX / w))
    soft = cv2.GaussianBlur(hole, (0, 0), max(0.8, 0.07 * h)).astype(np.float32)[..., None] / 255
    grain = _grain(around, hole)
    mixed = around + (filled + grain - around) * soft
    return Patch(left, top, np.clip(np.rint(mixed), 0, 255).astype(np.uint8))


def _fill(around: Image, hole: Image, scale: float) -> NDArray[np.float32]:
    size = (max(6, round(around.shape[1] * scale)), max(6, round(around.shape[0] * scale)))
    small = cv2.resize(around, size, interpolation=cv2.INTER_AREA)
    where = (cv2.resize(hole, size, interpolation=cv2.INTER_AREA) > 0).astype(np.uint8)
    filled = cv2.inpaint(small, where, 4, cv2.INPAINT_TELEA)
    whole = (around.shape[1], around.shape[0])
    return np.asarray(cv2.resize(filled, whole, interpolation=cv2.INTER_CUBIC), np.float32)


def _grain(around: Image, hole: Image) -> NDArray[np.float32]:
    """Return noise as strong as that around the hole; the same picture gives the same noise."""
    fine = around.astype(np.float32) - cv2.GaussianBlur(around, (0, 0), 1.5).astype(np.float32)
    outside = fine[hole == 0]
    sigma = float(np.median(np.abs(outside)) * 1.48) if outside.size else 1.0
    rng = np.random.default_rng(around.shape[0] * 7919 + around.shape[1])
    noise = rng.standard_normal(around.shape, np.float32)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 0.8) * np.float32(1.9 * sigma), np.float32)
