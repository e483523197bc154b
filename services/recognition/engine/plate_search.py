"""Finds the plates of frames and refines their corners, in a first search and in a second one with more detail."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.recognition.engine.corner_refiner import PLATE_PX, CornerRefiner
from services.recognition.engine.detector import Detection, PlateDetector
from services.recognition.engine.geometry import Quad, size_px
from services.recognition.engine.odds import of_both
from shared.core.region_packs import PlateShape

PROBABLE: Final = 0.5
"""Probability of a plate, by the search and the closer look together, from which a place is read."""
LARGE_PX: Final = 1.5 * PLATE_PX
"""Width from which a plate is so much larger in the frame than in the closer look that a second search may place its
corners better."""
LONG: Final = 3.0
"""Width over height from which a shape of plates is long. The detector learnt from plates that are twice as wide as
high, and draws long ones too high or misses them."""
NARROWED: Final = 0.5
"""Share of their width to which frames are narrowed for long plates, so that one looks like a plate that the detector
learnt from."""
NARROWED_MINIMUM: Final = 0.2
"""Probability from which a place counts in a narrowed frame, by the search alone and together with the closer look:
both are less sure of long plates, and what they find there wrongly is hardly ever legible."""

Frames = Mapping[int, NDArray[np.uint8]]
"""Frames by their numbers, (H, W, 3) uint8 BGR each."""
Found = list[tuple[int, Detection]]
"""What a search has found, each with its frame's number; corners are px of the frame."""
Search = Callable[[Frames], Found]


@dataclass(frozen=True, slots=True)
class Finder:
    """Finds plates: in whole frames first, then closer."""

    detector: PlateDetector
    """Searches whole frames."""
    closer: CornerRefiner
    """Looks closer at each place."""


class PlateSearch:
    """Searches many frames together."""

    def __init__(self, first: Finder, again: Finder | None, shapes: Iterable[PlateShape]) -> None:
        """Set up a search.

        Args:
            first: searches every frame.
            again: searches the frames in which the first search has found no plate that can be read; None for no
                second search.
            shapes: those of the plates that are searched for.
        """
        self._first = first
        self._again = again
        self._widths = searched_widths(shapes)

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions of the networks that search."""
        again = () if self._again is None else (self._again.detector.version,)
        return self._first.detector.version, *again

    def first(self, frames: Frames) -> Found:
        """Return the plates of frames; one may occur more than once."""
        return self._searched(frames, self._first, math.inf)

    def again(self, frames: Frames) -> Found:
        """Return the plates of frames in which the first search has found none that can be read.

        Large ones are returned also with the corners that this search gives: what surrounds a plate can mislead the
        closer look, which is no closer there.
        """
        return [] if self._again is None else self._searched(frames, self._again, LARGE_PX)

    def _searched(self, frames: Frames, finder: Finder, large_px: float) -> Found:
        return [one for width in self._widths for one in self._at(frames, width, finder, large_px)]

    def _at(self, frames: Frames, width: float, finder: Finder, large_px: float) -> Found:
        """Find plates in frames that are narrowed to a share of their width."""
        seen = {i: _narrowed(frame, width) for i, frame in frames.items()}
        minimum = NARROWED_MINIMUM if width < 1 else 1.0
        searched = finder.detector.find(list(seen.values()), minimum)
        found = [
            (i, detection)
            for i, detections in zip(seen, searched, strict=True)
            for detection in detections
        ]
        probable, placed = _placed(
            finder.closer, seen, found, NARROWED_MINIMUM if width < 1 else PROBABLE
        )
        large = [one for one in probable if size_px(one[1].quad)[0] >= large_px]
        return [
            (i, replace(detection, quad=_widened(detection.quad, frames[i], seen[i])))
            for i, detection in (*placed, *large)
        ]


def searched_widths(shapes: Iterable[PlateShape]) -> tuple[float, ...]:
    """Return the shares of their width to which frames are narrowed before plates of these shapes are searched."""
    long = [shape.width_mm / shape.height_mm >= LONG for shape in shapes]
    return tuple([1.0] * (not all(long)) + [NARROWED] * any(long))


def _narrowed(frame: NDArray[np.uint8], width: float) -> NDArray[np.uint8]:
    if width == 1:
        return frame
    size = max(1, round(width * frame.shape[1])), frame.shape[0]
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def _widened(quad: Quad, frame: NDArray[np.uint8], seen: NDArray[np.uint8]) -> Quad:
    """Return corners in a narrowed frame as corners in the frame."""
    if seen is frame:
        return quad
    return np.asarray(quad * np.array([frame.shape[1] / seen.shape[1], 1.0]), np.float32)


def _placed(
    refiner: CornerRefiner, frames: Frames, found: Found, minimum: float
) -> tuple[Found, Found]:
    """Leave out what is improbable after a closer look; return the others as found, and with refined corners.

    Their score is the probability by both.
    """
    examined = refiner.examine([(frames[i], detection.quad) for i, detection in found])
    both = [
        ((i, replace(detection, score=of_both(detection.score, closer.score))), closer)
        for (i, detection), closer in zip(found, examined, strict=True)
    ]
    both = [(one, closer) for one, closer in both if one[1].score >= minimum]
    probable = [one for one, _ in both]
    quads = refiner.place(
        [(frames[i], detection.quad) for i, detection in probable],
        [closer for _, closer in both],
    )
    placed = zip(probable, quads, strict=True)
    return probable, [(i, replace(detection, quad=quad)) for (i, detection), quad in placed]
