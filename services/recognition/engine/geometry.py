"""Quadrilaterals in a frame: measure, enlarge, straighten, compare."""

from math import dist

import cv2
import numpy as np
from numpy.typing import NDArray

from services.recognition.engine.protocol import Box, Corners

Quad = NDArray[np.float32]
"""(4, 2) float32 pixels, clockwise from the text's top left."""


def size_px(quad: Quad) -> tuple[float, float]:
    """Return the mean width and height of a quadrilateral, px."""
    top_left, top_right, bottom_right, bottom_left = quad.tolist()
    width = (dist(top_left, top_right) + dist(bottom_left, bottom_right)) / 2
    height = (dist(top_left, bottom_left) + dist(top_right, bottom_right)) / 2
    return width, height


def tilt_deg(quad: Quad) -> float:
    """Return the angle between the reading direction and horizontal, degrees, 0 to 180."""
    along = (quad[1] - quad[0]) + (quad[2] - quad[3])
    return abs(float(np.degrees(np.arctan2(along[1], along[0]))))


def enlarge(quad: Quad, across: float, up: float) -> Quad:
    """Grow a quadrilateral on each side by shares of its width and height; negative shrinks."""
    centre = quad.mean(axis=0)
    half_width = ((quad[1] - quad[0]) + (quad[2] - quad[3])) / 4 * (1 + 2 * across)
    half_height = ((quad[3] - quad[0]) + (quad[2] - quad[1])) / 4 * (1 + 2 * up)
    return np.array(
        [
            centre - half_width - half_height,
            centre + half_width - half_height,
            centre + half_width + half_height,
            centre - half_width + half_height,
        ],
        np.float32,
    )


def straighten(
    frame: NDArray[np.uint8], quad: Quad, height_px: int | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Cut a quadrilateral out of a frame as an upright rectangle.

    Args:
        frame: (H, W, 3) uint8, BGR.
        quad: (4, 2) float32 pixels, clockwise from top left; may reach over the frame's edge; edge pixels
            are then repeated.
        height_px: output height; the quadrilateral's own height where None.

    Returns: (h, w, 3) uint8 BGR, at least 1x1; and the (3, 3) matrix from frame to it.
    """
    width, height = size_px(quad)
    scale = 1.0 if height_px is None else height_px / max(height, 1.0)
    out = (max(1, round(width * scale)), max(1, round(height * scale)))
    target = np.array([[0, 0], [out[0], 0], [out[0], out[1]], [0, out[1]]], np.float32)
    matrix = cv2.getPerspectiveTransform(quad.astype(np.float32), target)
    cut = cv2.warpPerspective(
        frame, matrix, out, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(cut, np.uint8), np.asarray(matrix, np.float64)


def back_to_frame(quad: Quad, matrix: NDArray[np.float64]) -> Quad:
    """Map a quadrilateral of a straightened cut back to its frame, px."""
    inverse = np.linalg.inv(matrix)
    points = cv2.perspectiveTransform(quad.reshape(1, 4, 2).astype(np.float64), inverse)
    return points.reshape(4, 2).astype(np.float32)


def bounding_box(quad: Quad, frame_shape: tuple[int, ...]) -> Box:
    """Return the upright box around a quadrilateral, clipped to the frame, at least 1x1 px."""
    height, width = frame_shape[:2]
    x0 = int(np.clip(np.floor(quad[:, 0].min()), 0, width - 1))
    y0 = int(np.clip(np.floor(quad[:, 1].min()), 0, height - 1))
    x1 = int(np.clip(np.ceil(quad[:, 0].max()), x0 + 1, width))
    y1 = int(np.clip(np.ceil(quad[:, 1].max()), y0 + 1, height))
    return Box(x0, y0, x1 - x0, y1 - y0)


def overlap(one: Quad, other: Quad) -> float:
    """Return the shared area of the two upright boxes, as a share of the smaller one, 0 to 1."""
    low = np.maximum(one.min(axis=0), other.min(axis=0))
    high = np.minimum(one.max(axis=0), other.max(axis=0))
    shared = float(np.prod(np.clip(high - low, 0, None)))
    areas = [float(np.prod(quad.max(axis=0) - quad.min(axis=0))) for quad in (one, other)]
    return shared / max(min(areas), 1e-6)


def corners(quad: Quad) -> Corners:
    """Return the quadrilateral as plain numbers, to a tenth of a pixel."""
    a, b, c, d = ((round(float(x), 1), round(float(y), 1)) for x, y in quad)
    return a, b, c, d
