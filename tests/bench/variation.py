"""Varies a photo as the same camera might have: a little nearer, aside, lighter; or as one at a road might have.

Some plates are read or not by a hair, so a figure over a few dozen photos moves by some points with
anything. Every photo in several such variants gives the figure that more photos like these would.

Where nearly all plates of some photos are read, the few others say little about which engine is better. As a camera
at a road might have taken them (further away, turned, blurred, dark, noisy, compressed), the same photos show it.
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from scenes.model import Image

SCALE = (0.97, 1.03)
SHIFT_PX = (-4.0, 4.0)
LIGHT = (0.92, 1.08)
"""The factor of every value."""

ROAD_SCALE = (0.45, 0.95)
ROAD_SHIFT_PX = (-30.0, 30.0)
TURN_DEG = (-6.0, 6.0)
LEAN = (-0.12, 0.12)
"""To the right, px for each px down."""
DEFOCUS_PX = (0.4, 1.1)
"""The blur's standard deviation, in half the pictures."""
MOTION_PX = (3, 4, 5)
"""How far the picture moves across while the shutter is open, in three pictures of ten."""
CONTRAST = (0.55, 1.15)
ROAD_LIGHT = (0.55, 1.3)
NOISE = (1.0, 8.0)
"""The standard deviation of the noise, in values of 255."""
QUALITY = (35, 85)
"""Of the JPEG."""

Box = tuple[int, int, int, int]
"""x, y, width, height, px."""


class Change(Protocol):
    """A change of a picture."""

    def picture(self, frame: Image) -> Image:
        """Return the changed frame in its old size; edges are repeated beyond its end."""

    def box(self, box: Box, frame_shape: tuple[int, ...]) -> Box:
        """Return the place of a box in the changed frame, for a frame of this height and width."""


Changes = Callable[[str], Sequence[Change]]
"""The changes for the picture of a name, always the same."""


@dataclass(frozen=True)
class SmallChange:
    """One small change of a picture."""

    scale: float
    shift_px: tuple[float, float]
    """To the right and down."""
    light: float

    def picture(self, frame: Image) -> Image:
        """See `Change`."""
        height, width = frame.shape[:2]
        right, down = self.shift_px
        matrix = np.array([[self.scale, 0, right], [0, self.scale, down]], np.float32)
        moved = cv2.warpAffine(
            frame, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(cv2.convertScaleAbs(moved, alpha=self.light), np.uint8)

    def box(self, box: Box, frame_shape: tuple[int, ...]) -> Box:
        """See `Change`."""
        x, y, width, height = (self.scale * side for side in box)
        right, down = self.shift_px
        return round(x + right), round(y + down), round(width), round(height)


@dataclass(frozen=True)
class RoadChange:
    """A picture as a camera at a road might have taken it."""

    scale: float
    turn_deg: float
    """Clockwise."""
    lean: float
    shift_px: tuple[float, float]
    """To the right and down."""
    defocus_px: float
    motion_px: int
    """1 for none."""
    contrast: float
    light: float
    """The factor of every value."""
    grey: bool
    noise: float
    quality: int
    noise_seed: int

    def picture(self, frame: Image) -> Image:
        """See `Change`."""
        height, width = frame.shape[:2]
        if self.scale < 1:  # So that no stroke is skipped.
            frame = np.asarray(cv2.GaussianBlur(frame, (0, 0), 0.45 / self.scale), np.uint8)
        moved = cv2.warpAffine(
            frame,
            self._matrix(frame.shape),
            (width, height),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        ).astype(np.float32)
        if self.defocus_px > 0:
            moved = cv2.GaussianBlur(moved, (0, 0), self.defocus_px)
        seen = cv2.blur(moved, (self.motion_px, 1))
        middle = seen.mean()
        seen = ((seen - middle) * self.contrast + middle) * self.light
        if self.grey:
            seen = np.repeat(seen.mean(axis=2, keepdims=True), 3, axis=2)
        seen += np.random.default_rng(self.noise_seed).normal(0, self.noise, seen.shape)
        values = np.clip(seen, 0, 255).astype(np.uint8)
        _, data = cv2.imencode(".jpg", values, [cv2.IMWRITE_JPEG_QUALITY, self.quality])
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)

    def box(self, box: Box, frame_shape: tuple[int, ...]) -> Box:
        """See `Change`."""
        x, y, width, height = box
        corners = np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]])
        matrix = self._matrix(frame_shape)
        placed = corners @ matrix[:, :2].T + matrix[:, 2]
        low = placed.min(axis=0)
        left, top = np.rint(low).astype(int).tolist()
        wide, high = np.rint(placed.max(axis=0) - low).astype(int).tolist()
        return left, top, wide, high

    def _matrix(self, frame_shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Return the transformation about the frame's middle, (2, 3)."""
        turn = math.radians(self.turn_deg)
        across, down = self.scale * math.cos(turn), self.scale * math.sin(turn)
        turned = np.array([[across, -down + self.lean * self.scale], [down, across]])
        middle = np.array(frame_shape[1::-1]) / 2
        offset = middle + np.array(self.shift_px) - turned @ middle
        return np.column_stack([turned, offset])


def small_changes(name: str, count: int) -> list[SmallChange]:
    """Return so many small changes for the picture of that name, always the same."""
    rng = random.Random(name)
    return [
        SmallChange(
            rng.uniform(*SCALE),
            (rng.uniform(*SHIFT_PX), rng.uniform(*SHIFT_PX)),
            rng.uniform(*LIGHT),
        )
        for _ in range(count)
    ]


def road_changes(name: str, count: int) -> list[RoadChange]:
    """Return so many changes as at a road for the picture of that name, always the same."""
    rng = random.Random(name)
    return [
        RoadChange(
            scale=rng.uniform(*ROAD_SCALE),
            turn_deg=rng.uniform(*TURN_DEG),
            lean=rng.uniform(*LEAN),
            shift_px=(rng.uniform(*ROAD_SHIFT_PX), rng.uniform(*ROAD_SHIFT_PX)),
            defocus_px=rng.uniform(*DEFOCUS_PX) if rng.random() < 0.5 else 0.0,
            motion_px=rng.choice(MOTION_PX) if rng.random() < 0.3 else 1,
            contrast=rng.uniform(*CONTRAST),
            light=rng.uniform(*ROAD_LIGHT),
            grey=rng.random() < 0.25,
            noise=rng.uniform(*NOISE),
            quality=rng.randint(*QUALITY),
            noise_seed=rng.randrange(2**32),
        )
        for _ in range(count)
    ]


def varied(count: int | None, *, as_at_a_road: bool) -> Changes | None:
    """Return what changes each picture in so many ways; None for pictures as they are."""
    if count is None:
        return None
    return partial(road_changes if as_at_a_road else small_changes, count=count)
