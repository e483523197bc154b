"""One background frame, where its plates are, and how to take them off."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from deploy.local.scenes.model import Image, Points
from training.scenes.model import Boxes, box_around

MAX_SUSPECTS = 10
_SUSPECT_HEIGHTS_PX = (9, 15, 24)
_SUSPECT_ASPECT = 4.0
_SUSPECT_SCORE = 0.27
_ROAD_TOP, _ROAD_BOTTOM = 0.30, 0.97
"""Between these shares of a frame's height a car's plate is to be expected."""
_INPAINT_WIDTH_PX = 44


@dataclass(frozen=True)
class Patch:
    """A piece of a frame with its plate taken off; (left, top) px is where it belongs."""

    left: int
    top: int
    pixels: Image


@dataclass(frozen=True)
class Frame:
    """A background, (H, W, 3) uint8 BGR, and its plates, (n, 4, 2) px.

    `exact`: the corners are true ones, not those of an upright box. `complete`: it has no other plate
    than these; if not, whatever looks like one is a suspect.
    """

    pixels: Image
    plates: Points
    exact: bool
    complete: bool

    @cached_property
    def cleaned(self) -> tuple[Patch, ...]:
        """A patch for every plate, in the order of `plates`."""
        return tuple(take_off(self.pixels, box_around(corners)) for corners in self.plates)

    @cached_property
    def suspects(self) -> Boxes:
        """Where plates may be that nobody marked, (m, 4) x, y, width, height px."""
        if self.complete:
            return np.zeros((0, 4), np.float32)
        return find_suspects(self.pixels, [box_around(corners) for corners in self.plates])


def take_off(image: Image, box: tuple[float, float, float, float]) -> Patch:
    """Fill a box (x, y, width, height px) from what surrounds it, with grain; (H, W, 3) uint8.

    The filling is done small and enlarged, so that it is smooth as a body panel, and its seam is soft.
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
    """Noise as strong as that around the hole; the same picture gives the same noise."""
    fine = around.astype(np.float32) - cv2.GaussianBlur(around, (0, 0), 1.5).astype(np.float32)
    outside = fine[hole == 0]
    sigma = float(np.median(np.abs(outside)) * 1.48) if outside.size else 1.0
    rng = np.random.default_rng(around.shape[0] * 7919 + around.shape[1])
    noise = rng.standard_normal(around.shape, np.float32)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 0.8) * np.float32(1.9 * sigma), np.float32)


def find_suspects(image: Image, known: list[tuple[float, float, float, float]]) -> Boxes:
    """Regions as full of upright strokes as a plate's, strongest first, (m, 4) px.

    Nobody marked the plates of parked and distant cars in the dashcam's frames. What this finds is
    not a plate for sure; it is only kept from being learnt as none. `known` boxes are left out.
    """
    score = _stroke_score(image)
    top, bottom = round(_ROAD_TOP * len(score)), round(_ROAD_BOTTOM * len(score))
    score[:top] = 0
    score[bottom:] = 0
    for x, y, w, h in known:
        score[
            max(0, int(y - 0.8 * h)) : int(y + 1.8 * h), max(0, int(x - 0.4 * w)) : int(x + 1.4 * w)
        ] = 0
    found: list[tuple[float, float, float, float]] = []
    while len(found) < MAX_SUSPECTS:
        _, best, _, (x, y) = cv2.minMaxLoc(score)
        if best < _SUSPECT_SCORE:
            break
        found.append((x - 42.0, y - 18.0, 84.0, 36.0))
        score[max(0, y - 26) : y + 26, max(0, x - 60) : x + 60] = 0
    return np.array(found, np.float32).reshape(-1, 4)


def _stroke_score(image: Image) -> NDArray[np.float32]:
    """How much each place, (H, W), looks like a row of characters: upright edges of both signs."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)
    level = cv2.blur(grey, (61, 31)) + 12
    across = cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=3) / level
    down = np.abs(cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=3)) / level
    best = np.zeros_like(grey)
    for height in _SUSPECT_HEIGHTS_PX:
        size = (round(_SUSPECT_ASPECT * height), height)
        rising = cv2.blur(np.maximum(across, 0), size)
        falling = cv2.blur(np.maximum(-across, 0), size)
        both = np.minimum(rising, falling) * 2 - 0.35 * cv2.blur(down, size)
        np.maximum(best, both, out=best)
    return best
