"""Refines the corners of each detected plate from the frame's own pixels.

The detector sees a reduced frame, in which a far plate is a dozen px high and its corners are off by a
tenth of that. This module runs the same network over a small cut around the plate, scaled so that every plate
is equally wide. The corners come out better, at a thirteenth of the cost of a frame.
"""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.recognition.engine.detector import GROUND, is_sound, merged
from services.recognition.engine.geometry import Quad, size_px
from services.recognition.engine.network import Network

CUT_PX: Final = (192, 96)
"""Width and height of a cut, multiples of 32."""
PLATE_PX: Final = 96
"""Width of a plate in its cut."""
MINIMUM: Final = 0.45
"""Score from which the network counts as seeing a plate there."""
AWAY: Final = 0.35
"""The most that the middle may move, share of the plate's width."""
GROWTH: Final = (0.5, 1.9)
"""The least and the most that the width may change by; beyond them, the network saw something else."""
STEADY: Final = 0.05
"""Share of the plate's width. If a look moves the middle by less, and the width by less than twice that,
the plate was centred and as wide as in training; otherwise a second look follows."""
BATCH: Final = 16


class CornerRefiner:
    """Refines corners, many plates at a time."""

    def __init__(self, network: Network) -> None:
        """`network` is the detector's."""
        self._network = network

    def place(self, plates: Sequence[tuple[NDArray[np.uint8], Quad]]) -> list[Quad | None]:
        """Return refined corners; None where the network sees no plate.

        Args:
            plates: frames, (H, W, 3) uint8 BGR, each with a plate's corners in it, px.
        """
        placed = self._placed(plates)
        moved = [
            (i, quad)
            for i, ((_, before), quad) in enumerate(zip(plates, placed, strict=True))
            if quad is not None and not _is_steady(before, quad)
        ]
        again = self._placed([(plates[i][0], quad) for i, quad in moved])
        for (i, quad), once_more in zip(moved, again, strict=True):
            placed[i] = quad if once_more is None else once_more
        return placed

    def _placed(self, plates: Sequence[tuple[NDArray[np.uint8], Quad]]) -> list[Quad | None]:
        placed: list[Quad | None] = []
        for start in range(0, len(plates), BATCH):
            part = plates[start : start + BATCH]
            cuts = [cut_around(frame, quad) for frame, quad in part]
            outputs = self._network.run(np.stack([picture for picture, _, _ in cuts]))
            for (frame, quad), (_, at, scale), score, corners in zip(
                part, cuts, outputs["score"], outputs["corners"], strict=True
            ):
                seen = [one / scale + at for _, one in merged(score, corners, MINIMUM)]
                placed.append(_chosen(quad, seen, frame.shape))
        return placed


def cut_around(
    frame: NDArray[np.uint8], quad: Quad
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
    """Cut out a plate with its surroundings, the plate in the middle; grey beyond the frame's edges.

    Returns: (96, 192, 3) uint8 BGR; where its top left lies in the frame, (2,) px; and how many of
        its px make one of the frame, (2,) across and down.
    """
    scale = PLATE_PX / max(1.0, size_px(quad)[0])
    size = np.maximum(1, np.ceil(np.array(CUT_PX) / scale)).astype(int)
    at = np.floor(quad.mean(axis=0) - size / 2).astype(int)
    low = np.clip(at, 0, frame.shape[1::-1])
    high = np.clip(at + size, 0, frame.shape[1::-1])
    inside = frame[low[1] : high[1], low[0] : high[0]]
    before, behind = low - at, at + size - high
    ground = cv2.copyMakeBorder(
        inside, before[1], behind[1], before[0], behind[0], cv2.BORDER_CONSTANT, value=(GROUND,) * 3
    )
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    picture = np.asarray(cv2.resize(ground, CUT_PX, interpolation=how), np.uint8)
    return picture, at.astype(np.float32), (np.array(CUT_PX) / size).astype(np.float32)


def _chosen(quad: Quad, seen: Sequence[Quad], frame_shape: tuple[int, ...]) -> Quad | None:
    """The most probable corners that can be those of the same plate."""
    for one in seen:
        moved, growth = _change(quad, one)
        near = moved <= AWAY and GROWTH[0] <= growth <= GROWTH[1]
        if near and is_sound(one, frame_shape):
            return one.astype(np.float32)
    return None


def _is_steady(before: Quad, after: Quad) -> bool:
    moved, growth = _change(before, after)
    return moved < STEADY and abs(growth - 1) < 2 * STEADY


def _change(before: Quad, after: Quad) -> tuple[float, float]:
    """Return how far the middle moved, in widths before; and the width after over that before."""
    width = max(1.0, size_px(before)[0])
    moved = np.linalg.norm(after.mean(axis=0) - before.mean(axis=0))
    return float(moved) / width, size_px(after)[0] / width
