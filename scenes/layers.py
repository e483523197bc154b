"""The layers that are painted before light is applied: surfaces, lamps, and retroreflection."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from scenes.model import Colour, Image, Points

_SUBPIXEL_BITS = 4
_FAR_PX = 12_000


@dataclass
class Layers:
    """A picture in progress; all layers have one size.

    `surface` (H, W, 3) uint8 BGR in even daylight; `glow` (H, W, 3) uint8, light from lamps; `retro` (H, W) uint8,
    share of the camera's own light that is reflected straight back (plates, signs).
    """

    surface: Image
    glow: Image
    retro: Image

    @classmethod
    def blank(cls, width_px: int, height_px: int) -> "Layers":
        """Empty layers."""
        colour = (height_px, width_px, 3)
        return cls(
            np.zeros(colour, np.uint8), np.zeros(colour, np.uint8), np.zeros(colour[:2], np.uint8)
        )

    def polygon(self, points: Points, colour: Colour) -> None:
        """Fill the outline of a solid thing; it hides the light and reflections behind it."""
        outline = [_fixed(points)]
        cv2.fillPoly(self.surface, outline, colour, cv2.LINE_AA, _SUBPIXEL_BITS)
        cv2.fillPoly(self.glow, outline, (0, 0, 0), cv2.LINE_8, _SUBPIXEL_BITS)
        cv2.fillPoly(self.retro, outline, (0,), cv2.LINE_8, _SUBPIXEL_BITS)

    def shine(self, points: Points, colour: Colour) -> None:
        """Make an outline emit light."""
        cv2.fillPoly(self.glow, [_fixed(points)], colour, cv2.LINE_AA, _SUBPIXEL_BITS)

    def reflect(self, points: Points, strength: int) -> None:
        """Make an outline reflect the camera's light straight back; strength 0 to 255."""
        cv2.fillPoly(self.retro, [_fixed(points)], (strength,), cv2.LINE_AA, _SUBPIXEL_BITS)

    def line(self, points: Points, colour: Colour, thickness_px: int = 1) -> None:
        """Draw an open line."""
        cv2.polylines(
            self.surface, [_fixed(points)], False, colour, thickness_px, cv2.LINE_AA, _SUBPIXEL_BITS
        )

    def warp(
        self, texture: Image, source: Points, target: Points, mask: Image | None = None
    ) -> None:
        """Lay the quadrilateral `source` of a texture, (h, w, 3), over `target`; both (4, 2) px.

        `mask` (h, w) uint8 marks the solid part of the texture; without it, all of it is solid. Edges are hard: the
        lens softens them later.
        """
        left, top, right, bottom = self._bounds(target)
        if right - left < 1 or bottom - top < 1:
            return
        matrix = cv2.getPerspectiveTransform(source, target - np.array([left, top], np.float32))
        size = (right - left, bottom - top)
        picture = cv2.warpPerspective(texture, matrix, size, borderMode=cv2.BORDER_REPLICATE)
        cover = np.zeros((size[1], size[0]), np.uint8)
        cv2.fillConvexPoly(
            cover, _fixed(target - np.array([left, top])), (255,), cv2.LINE_8, _SUBPIXEL_BITS
        )
        if mask is not None:
            solid = cv2.warpPerspective(mask, matrix, size)
            cover = np.minimum(cover, solid)
        where = np.s_[top:bottom, left:right]
        cv2.copyTo(picture, (cover > 127).astype(np.uint8), self.surface[where])
        self.glow[where][cover > 127] = 0
        self.retro[where][cover > 127] = 0

    def warp_glow(self, texture: Image, source: Points, target: Points) -> None:
        """Add the light of a quadrilateral of a texture, (h, w, 3), over `target`."""
        left, top, right, bottom = self._bounds(target)
        if right - left < 1 or bottom - top < 1:
            return
        matrix = cv2.getPerspectiveTransform(source, target - np.array([left, top], np.float32))
        light = cv2.warpPerspective(texture, matrix, (right - left, bottom - top))
        where = self.glow[top:bottom, left:right]
        np.maximum(where, light, out=where, casting="unsafe")

    def darken(self, outlines: Sequence[Points], strength: float, blur_px: float) -> None:
        """Lay soft shadows over surfaces: `strength` 0 to 1 is the share of light that they remove."""
        step = 4
        height, width = self.retro.shape
        small = np.zeros((-(-height // step), -(-width // step)), np.uint8)
        for outline in outlines:
            cv2.fillPoly(small, [_fixed(outline / step)], (255,), cv2.LINE_AA, _SUBPIXEL_BITS)
        rows = np.flatnonzero(small.any(axis=1))
        if not len(rows):
            return
        soft = cv2.GaussianBlur(small, (0, 0), max(0.4, blur_px / step))
        margin = int(blur_px / step * 3) + 1
        top, bottom = max(0, rows[0] - margin), min(small.shape[0], rows[-1] + margin + 1)
        transparency = cv2.resize(
            255 - np.rint(soft[top:bottom] * strength).astype(np.uint8), None, fx=step, fy=step
        )
        band = self.surface[top * step : bottom * step]
        transparency = transparency[: band.shape[0], : band.shape[1]]
        cv2.multiply(
            band, cv2.merge([transparency, transparency, transparency]), dst=band, scale=1 / 255
        )

    def _bounds(self, points: Points) -> tuple[int, int, int, int]:
        height, width = self.retro.shape
        low = np.clip(np.floor(points.min(axis=0)), 0, (width, height)).astype(int)
        high = np.clip(np.ceil(points.max(axis=0)) + 1, 0, (width, height)).astype(int)
        return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _fixed(points: ArrayLike) -> NDArray[np.int32]:
    scaled = np.clip(points, -_FAR_PX, _FAR_PX) * (1 << _SUBPIXEL_BITS)
    fixed: NDArray[np.int32] = np.rint(scaled).astype(np.int32)
    return fixed
