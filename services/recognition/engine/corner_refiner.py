"""Looks at each detected plate closer, in the frame's own pixels: whether it is one, and where its corners are.

The detector sees a reduced frame, in which a far plate is a dozen px high and its corners are off by a
tenth of that. This module runs the same network over a small cut around the plate, scaled so that every plate
is equally wide. The corners come out better, and signs look less like plates, at a thirteenth of the cost of a frame.
"""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.recognition.engine.detector import GROUND, Detection, is_sound, merged
from services.recognition.engine.geometry import Quad, size_px
from services.recognition.engine.network import Network

CUT_PX: Final = (192, 96)
"""Width and height of a cut, multiples of 32."""
PLATE_PX: Final = 96
"""Width of a plate in its cut."""
MINIMUM: Final = 0.45
"""Score from which the corners of a closer look count."""
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

    def examine(self, plates: Sequence[tuple[NDArray[np.uint8], Quad]]) -> list[Detection]:
        """Look at plates once; a score of 0 is for nothing that could be the same plate.

        Args:
            plates: frames, (H, W, 3) uint8 BGR, each with a plate's corners in it, px.
        """
        examined: list[Detection] = []
        for start in range(0, len(plates), BATCH):
            part = plates[start : start + BATCH]
            cuts = [cut_around(frame, quad) for frame, quad in part]
            outputs = self._network.run(np.stack([picture for picture, _, _ in cuts]))
            for (frame, quad), (_, at, scale), score, corners in zip(
                part, cuts, outputs["score"], outputs["corners"], strict=True
            ):
                examined.append(
                    _seen(quad, frame.shape, score, corners / np.tile(scale, 4) + np.tile(at, 4))
                )
        return examined

    def place(
        self,
        plates: Sequence[tuple[NDArray[np.uint8], Quad]],
        examined: Sequence[Detection],
    ) -> list[Quad]:
        """Return refined corners of plates, with a second look where the first one moved them.

        Args:
            plates: see `examine`.
            examined: what `examine` returned for each.
        """
        placed = [
            closer.quad if closer.score >= MINIMUM else quad
            for (_, quad), closer in zip(plates, examined, strict=True)
        ]
        moved = [i for i, (_, before) in enumerate(plates) if not _is_steady(before, placed[i])]
        again = self.examine([(plates[i][0], placed[i]) for i in moved])
        for i, once_more in zip(moved, again, strict=True):
            if once_more.score >= MINIMUM:
                placed[i] = once_more.quad
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


def _seen(
    quad: Quad,
    frame_shape: tuple[int, ...],
    score: NDArray[np.float32],
    corners: NDArray[np.float32],
) -> Detection:
    """The most probable corners that can be those of the same plate; the best cell's own where no corners count."""

    def could_be_it(one: Quad) -> bool:
        moved, growth = _change(quad, one)
        return moved <= AWAY and GROWTH[0] <= growth <= GROWTH[1] and is_sound(one, frame_shape)

    for p, one in merged(score, corners, MINIMUM):
        if could_be_it(one):
            return Detection(p, one)
    best = score.argmax()
    p, one = float(score.flat[best]), corners.reshape(-1, 4, 2)[best]
    return Detection(p, one) if could_be_it(one) else Detection(0.0, quad)


def _is_steady(before: Quad, after: Quad) -> bool:
    moved, growth = _change(before, after)
    return moved < STEADY and abs(growth - 1) < 2 * STEADY


def _change(before: Quad, after: Quad) -> tuple[float, float]:
    """Return how far the middle moved, in widths before; and the width after over that before."""
    width = max(1.0, size_px(before)[0])
    moved = np.linalg.norm(after.mean(axis=0) - before.mean(axis=0))
    return float(moved) / width, size_px(after)[0] / width
