"""Where the plates of a frame are: the four corners of each, and how sure the network is."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.recognition.geometry import Quad, size_px
from services.recognition.network import Network

STRIDE: Final = 32
"""Sides of what the network takes are multiples of this, px."""
GROUND: Final = 114
"""Grey of what is added to a frame to make its sides such multiples."""
SAME: Final = 0.4
"""Shared area over joint area from which two cells mean the same plate."""
JOINS: Final = 0.5
"""A neighbour's corners count where its score is at least this share of the best one's."""
MOST_CELLS: Final = 400
MOST_PLATES: Final = 24
"""In one frame. No street has more, and a picture made to look like many costs no more."""
MIN_SIZE_PX: Final = (16.0, 7.0)
"""Width and height below which nothing of a serial can be left."""
ASPECT: Final = (0.8, 9.0)
"""Width over height. US plates have 2, motorcycles 1.6, European ones 4.7; a view from the side
halves it."""
INSIDE: Final = 0.6
"""Share of a plate that lies in the frame, at the least."""


@dataclass(frozen=True, slots=True)
class Detection:
    """A plate in a frame."""

    score: float
    """Probability that there is one."""
    quad: Quad
    """Its corners, px of the frame, clockwise from the plate's own top left."""


class PlateDetector:
    """Finds plates in frames of any size."""

    def __init__(
        self, network: Network, *, longest_px: int, again_px: int | None, minimum: float
    ) -> None:
        """Set up a detector.

        Args:
            network: takes `frames` (N, H, W, 3), gives `score` (N, H/8, W/8) and `corners`
                (N, H/8, W/8, 8), px of the input.
            longest_px: frames are reduced until their long side is no more than this.
            again_px: frames in which nothing was found are looked at once more with this long
                side, if they are that large; None for never.
            minimum: score from which there is a plate.
        """
        self._network = network
        self._longest_px = longest_px
        self._again_px = again_px
        self._minimum = minimum

    @property
    def version(self) -> str:
        """The network's version."""
        return self._network.about["version"]

    def find(self, frames: Sequence[NDArray[np.uint8]]) -> list[list[Detection]]:
        """The plates of each frame, the surest first.

        Args:
            frames: (H, W, 3) uint8 BGR each; any sizes from 1x1.
        """
        found = self._look(frames, self._longest_px)
        if self._again_px is None:
            return found
        again = [
            i
            for i, frame in enumerate(frames)
            if not found[i] and max(frame.shape[:2]) > self._longest_px
        ]
        closer = self._look([frames[i] for i in again], self._again_px)
        for i, detections in zip(again, closer, strict=True):
            found[i] = detections
        return found

    def _look(self, frames: Sequence[NDArray[np.uint8]], longest_px: int) -> list[list[Detection]]:
        """One pass at one size; frames that come out equally large go through together."""
        reduced = [_reduced(frame, longest_px) for frame in frames]
        alike: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for i, (picture, _) in enumerate(reduced):
            alike[picture.shape].append(i)
        found: list[list[Detection]] = [[] for _ in frames]
        for indices in alike.values():
            outputs = self._network.run(np.stack([reduced[i][0] for i in indices]))
            for i, score, corners in zip(
                indices, outputs["score"], outputs["corners"], strict=True
            ):
                merged = _merged(score, corners, self._minimum)
                placed = [Detection(p, quad / reduced[i][1]) for p, quad in merged]
                sound = [one for one in placed if is_sound(one.quad, frames[i].shape)]
                found[i] = sound[:MOST_PLATES]
        return found


def _reduced(
    frame: NDArray[np.uint8], longest_px: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A frame at its working size on grey ground, top left; and px there per px here, x and y."""
    height, width = frame.shape[:2]
    scale = min(1.0, longest_px / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = frame if scale == 1 else cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    ground = np.full((_multiple(size[1]), _multiple(size[0]), 3), GROUND, np.uint8)
    ground[: size[1], : size[0]] = small
    return ground, np.array([size[0] / width, size[1] / height], np.float32)


def _multiple(px: int) -> int:
    return -(-px // STRIDE) * STRIDE


def _merged(
    score: NDArray[np.float32], corners: NDArray[np.float32], minimum: float
) -> list[tuple[float, Quad]]:
    """Cells as plates: the best of a place with its neighbours' corners, weighted by score.

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
    plates = []
    while len(scores):
        shared = _shared(quads[0], quads)
        shared[0] = 1.0  # itself, even where it has no area
        joins = (shared >= SAME) & (scores >= JOINS * scores[0])
        quad = np.average(quads[joins], axis=0, weights=scores[joins])
        plates.append((float(scores[0]), quad.astype(np.float32)))
        scores, quads = scores[shared < SAME], quads[shared < SAME]
    return plates


def _shared(one: Quad, others: NDArray[np.float32]) -> NDArray[np.float64]:
    """Shared over joint area of upright bounds, of one (4, 2) with each of (n, 4, 2)."""
    low = np.maximum(one.min(axis=0), others.min(axis=1))
    high = np.minimum(one.max(axis=0), others.max(axis=1))
    shared = np.clip(high - low, 0, None).prod(axis=1)
    joint = np.ptp(one, axis=0).prod() + np.ptp(others, axis=1).prod(axis=1) - shared
    return np.asarray(shared / np.maximum(joint, 1e-6), np.float64)


def is_sound(quad: Quad, frame_shape: tuple[int, ...]) -> bool:
    """Whether four corners can be a plate's: large enough, convex, not turned over, in the frame.

    Args:
        quad: (4, 2) px.
        frame_shape: height and width first.
    """
    width, height = size_px(quad)
    if width < MIN_SIZE_PX[0] or height < MIN_SIZE_PX[1]:
        return False
    if not ASPECT[0] <= width / height <= ASPECT[1]:
        return False
    edges = np.roll(quad, -1, axis=0) - quad
    turns = edges[:, 0] * np.roll(edges[:, 1], -1) - edges[:, 1] * np.roll(edges[:, 0], -1)
    if not (turns > 0).all():  # with y down, clockwise turns are positive
        return False
    low, high = quad.min(axis=0), quad.max(axis=0)
    frame_px = np.array([frame_shape[1], frame_shape[0]], np.float32)
    inside = np.clip(np.minimum(high, frame_px) - np.maximum(low, 0), 0, None).prod()
    return bool(inside >= INSIDE * (high - low).prod())
