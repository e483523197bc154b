"""Finds the plates of a frame: the four corners of each, and the network's score."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.recognition.engine.geometry import Quad, size_px
from services.recognition.engine.network import Network, fact

STRIDE: Final = 32
"""The network's input sides are multiples of this, px."""
LESS: Final = 0.01
"""The most that a reduced frame is made smaller than need be, share of a side."""
GROUND: Final = 114
"""Grey level that pads a frame to such multiples."""
SAME: Final = 0.4
"""Intersection over union from which two cells mean the same plate."""
WITHIN: Final = 0.6
"""Overlap, as a share of the smaller of two, from which a detection is a part of the surer one, or the same."""
JOINS: Final = 0.5
"""A neighbour's corners count where its score is at least this share of the best one's."""
MOST_CELLS: Final = 400
MOST_PLATES: Final = 24
"""The most plates in one frame. A street shows fewer, and a picture crafted to look like many costs no more."""
MIN_SIZE_PX: Final = (28.0, 7.0)
"""Width and height below which a serial cannot be legible."""
ASPECT: Final = (0.8, 9.0)
"""Width over height. US plates have 2, motorcycles 1.6, European ones 4.7; a view from the side
halves it."""
INSIDE: Final = 0.6
"""The least share of a plate that lies in the frame."""


@dataclass(frozen=True, slots=True)
class Detection:
    """A plate in a frame."""

    score: float
    """Probability that it is a plate; once looked at closer, by both."""
    quad: Quad
    """Its corners, px of the frame, clockwise from the plate's own top left."""


class PlateDetector:
    """Finds plates in frames of any size."""

    def __init__(self, network: Network, *, longest_px: int, minimum: float) -> None:
        """Set up a detector.

        Args:
            network: takes `frames` (N, H, W, 3), gives `score` (N, H/8, W/8) and `corners`
                (N, H/8, W/8, 8), px of the input.
            longest_px: frames are reduced until their long side is no more than this.
            minimum: score from which a detection counts as a plate.

        Raises: NoSuchModel if the network's metadata has no version.
        """
        self._network = network
        self._version = fact(network, "version")
        self._longest_px = longest_px
        self._minimum = minimum

    @property
    def version(self) -> str:
        """The network's version."""
        return self._version

    def find(
        self, frames: Sequence[NDArray[np.uint8]], at_most: float = 1.0
    ) -> list[list[Detection]]:
        """Return the plates of each frame, the surest first.

        Args:
            frames: (H, W, 3) uint8 BGR each; any sizes from 1x1.
            at_most: score from which a detection counts here, if the detector's own minimum is higher.
        """
        # One frame at a time: its values fit a core's cache; a batch of four took a fifth longer a frame.
        minimum = min(self._minimum, at_most)
        return [self._detect(frame, minimum) for frame in frames]

    def _detect(self, frame: NDArray[np.uint8], minimum: float) -> list[Detection]:
        picture, scales = _reduced(frame, self._longest_px)
        outputs = self._network.run(picture[np.newaxis])
        plates = merged(outputs["score"][0], outputs["corners"][0], minimum)
        placed = [Detection(score, quad / scales) for score, quad in plates]
        return [one for one in placed if is_sound(one.quad, frame.shape)][:MOST_PLATES]


def _reduced(
    frame: NDArray[np.uint8], longest_px: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return a frame at working size, at the top left of a grey ground; and working px per frame px, x and y."""
    size = _working_size(frame.shape[1], frame.shape[0], longest_px)
    small, by = frame, 1
    while small.shape[1] >= 2 * size[0] and small.shape[0] >= 2 * size[1]:
        small, by = _halved(small), 2 * by
    covered = by * small.shape[1], by * small.shape[0]
    ground = np.full((_multiple(size[1]), _multiple(size[0]), 3), GROUND, np.uint8)
    # By less than half now: averaging over fractions of px would take eight times as long, and finds no more plates.
    cv2.resize(small, size, dst=ground[: size[1], : size[0]], interpolation=cv2.INTER_LINEAR)
    return ground, np.array([size[0] / covered[0], size[1] / covered[1]], np.float32)


def _working_size(width: int, height: int, longest_px: int) -> tuple[int, int]:
    """Return width and height at which a frame is searched, its long side `longest_px` at most.

    A reduced frame is made a little smaller if that saves a strip of padding: 1280x720 becomes 796x448, not 800x450,
    which is padded to 800x480 and takes a fifteenth longer.
    """
    scale = min(1.0, longest_px / max(height, width))
    for side in (width, height) if scale < 1 else ():
        px = round(side * scale)
        if 0 < px % STRIDE <= LESS * px:
            scale *= 1 - px % STRIDE / px
    return max(1, round(width * scale)), max(1, round(height * scale))


def _halved(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Average 2x2 px, many times faster than averaging over fractions of px; drops an odd last row or column."""
    height, width = frame.shape[0] // 2, frame.shape[1] // 2
    even = frame[: 2 * height, : 2 * width]
    return np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _multiple(px: int) -> int:
    return -(-px // STRIDE) * STRIDE


def merged(
    score: NDArray[np.float32], corners: NDArray[np.float32], minimum: float
) -> list[tuple[float, Quad]]:
    """Merge cells into plates: the best cell of a place, with its neighbours' corners weighted by score.

    Compares upright bounds, which is exact enough: no two plates of a street overlap by that much. Cells that are the
    same plate as the best one, or a part of it, go with it.

    Args:
        score: (h, w).
        corners: (h, w, 8), px.
        minimum: score from which a cell counts.
    """
    cells = np.flatnonzero(score.ravel() >= minimum)
    cells = cells[np.argsort(-score.ravel()[cells], kind="stable")][:MOST_CELLS]
    scores = score.ravel()[cells]
    quads = corners.reshape(-1, 4, 2)[cells]
    known = np.isfinite(quads).all(axis=(1, 2))
    scores, quads = scores[known], quads[known]
    wide = (np.ptp(quads, axis=1) > 1).all(axis=1)
    scores, quads = scores[wide], quads[wide]
    low, high = quads.min(axis=1), quads.max(axis=1)
    areas = (high - low).prod(axis=1)
    plates = []
    while len(scores):
        shared = np.maximum(np.minimum(high, high[0]) - np.maximum(low, low[0]), 0).prod(axis=1)
        same = shared >= SAME * (areas + areas[0] - shared)
        joins = same & (scores >= JOINS * scores[0])
        weights = scores[joins].astype(np.float64)
        quad = np.tensordot(weights, quads[joins], 1) / weights.sum()
        plates.append((float(scores[0]), quad.astype(np.float32)))
        apart = ~(same | (shared >= WITHIN * np.minimum(areas, areas[0])))
        scores, quads, areas = scores[apart], quads[apart], areas[apart]
        low, high = low[apart], high[apart]
    return plates


def is_sound(quad: Quad, frame_shape: tuple[int, ...]) -> bool:
    """Whether four corners can be a plate's: large enough, convex, not mirrored, inside the frame.

    Args:
        quad: (4, 2) px.
        frame_shape: height and width first.
    """
    width, height = size_px(quad)
    if width < MIN_SIZE_PX[0] or height < MIN_SIZE_PX[1]:
        return False
    if not ASPECT[0] <= width / height <= ASPECT[1]:
        return False
    if not all(turn > 0 for turn in _turns(quad)):  # with y down, clockwise turns are positive
        return False
    across, down = zip(*quad.tolist(), strict=True)
    shared = [
        max(0.0, min(max(along), most) - max(min(along), 0.0))
        for along, most in ((across, frame_shape[1]), (down, frame_shape[0]))
    ]
    bounds = (max(across) - min(across)) * (max(down) - min(down))
    return bool(shared[0] * shared[1] >= INSIDE * bounds)


def _turns(quad: Quad) -> Iterator[float]:
    """Yield, for each corner, the cross product of the edges that meet there."""
    corners = quad.tolist()
    for (x0, y0), (x1, y1), (x2, y2) in zip(
        corners, corners[1:] + corners[:1], corners[2:] + corners[:2], strict=True
    ):
        yield (x1 - x0) * (y2 - y1) - (y1 - y0) * (x2 - x1)
