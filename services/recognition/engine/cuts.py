"""Cuts plates out of frames as a network sees them, and reads the cuts with one network."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from services.recognition.engine.ctc import Steps, tempered
from services.recognition.engine.geometry import Quad, size_px
from services.recognition.engine.network import Network, fact
from services.recognition.models import READER_HEIGHT_PX, READER_WIDTH_PX

PICTURE_PX: Final = (READER_WIDTH_PX, READER_HEIGHT_PX)
"""Width and height of the network's input."""
REDUCED_OVER: Final = 1.6
"""If a plate is wider than the picture by more than this factor, its frame is reduced first."""
BATCH: Final = 16
"""Plates per run of the network; more cost memory and gain nothing."""


class Cut(NamedTuple):
    """A plate as a network sees it; see `rectify`."""

    picture: NDArray[np.uint8]
    """(h, w, 3) uint8, BGR."""
    matrix: NDArray[np.float64]
    """(3, 3), from the frame to the picture, px of edges."""


@dataclass(frozen=True, slots=True)
class CutReading:
    """A network's output for one cut of a plate."""

    steps: Steps
    """(T, 37) probabilities of classes."""
    legible: float
    """Probability of a legible plate."""
    matrix: NDArray[np.float64]
    """(3, 3), from the frame to the cut."""


class CutReader:
    """Reads cuts of plates with one network."""

    def __init__(self, network: Network) -> None:
        """Set up a reader of cuts.

        Args:
            network: takes `plates` (N, 64, 160, 3), gives log-probabilities `characters` (N, T, 37) and `plate` (N,).
                Its metadata holds its margins and the temperature that calibrates its characters.

        Raises: NoSuchModel if the network's metadata lacks any of these.
        """
        self._network = network
        self.margins = float(fact(network, "margin_across")), float(fact(network, "margin_up"))
        """Margins around a plate, shares of its width and its height."""
        self.version = fact(network, "version")
        self._temperature = float(fact(network, "temperature"))

    def read(self, cuts: Sequence[Cut]) -> list[CutReading]:
        """Read cuts that have this network's margins."""
        readings: list[CutReading] = []
        for start in range(0, len(cuts), BATCH):
            part = cuts[start : start + BATCH]
            outputs = self._network.run(np.stack([cut.picture for cut in part]))
            readings += [
                CutReading(tempered(characters, self._temperature), float(legible), cut.matrix)
                for characters, legible, cut in zip(
                    outputs["characters"], outputs["plate"], part, strict=True
                )
            ]
        return readings


def rectify(
    frame: NDArray[np.uint8],
    quad: Quad,
    across: float,
    up: float,
    size_in_px: tuple[int, int] = PICTURE_PX,
) -> Cut:
    """Cut out a plate as a network sees it, in training too: straightened, with a margin on each side.

    Large plates are reduced by averaging first, so that no stroke is skipped.

    Args:
        frame: (H, W, 3) uint8, BGR.
        quad: (4, 2) px of the frame's edges (0 is the left edge of the first pixel, not its middle),
            clockwise from the plate's top left; may reach over the frame's edge; edge pixels are then
            repeated.
        across: margin on the left and on the right, a share of the plate's width.
        up: margin above and below, a share of its height.
        size_in_px: width and height of the picture.
    """
    wide = _drawn_out(quad, across, up)
    width, height = size_in_px
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    x0, y0, x1, y1 = _window(frame, wide, width)
    reduced_by = size_px(quad)[0] / width
    scale = 1 / reduced_by if reduced_by > REDUCED_OVER else 1.0
    part = frame[y0:y1, x0:x1]
    if scale < 1:
        size = max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale))
        part = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
    scales = np.array([part.shape[1] / (x1 - x0), part.shape[0] / (y1 - y0)])
    here = ((wide - (x0, y0)) * scales).astype(np.float32)
    # cv2 counts from the middle of the first pixel.
    warp = cv2.getPerspectiveTransform(here - np.float32(0.5), target - np.float32(0.5))
    picture = cv2.warpPerspective(
        part, warp, size_in_px, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    matrix = cv2.getPerspectiveTransform(wide, target)
    return Cut(np.asarray(picture, np.uint8), np.asarray(matrix, np.float64))


def _drawn_out(quad: Quad, across: float, up: float) -> Quad:
    """Extend the four sides of a quadrilateral at both ends by shares of their own lengths."""
    top, bottom = quad[1] - quad[0], quad[2] - quad[3]
    left, right = quad[3] - quad[0], quad[2] - quad[1]
    return np.array(
        [
            quad[0] - across * top - up * left,
            quad[1] + across * top - up * right,
            quad[2] + across * bottom + up * right,
            quad[3] - across * bottom + up * left,
        ],
        np.float32,
    )


def _window(frame: NDArray[np.uint8], wide: Quad, width_px: int) -> tuple[int, int, int, int]:
    """Return the part of the frame that the picture needs, at least one pixel: x0, y0, x1, y1."""
    frame_px = np.array(frame.shape[1::-1])
    spare = 2 + 4 * size_px(wide)[0] / width_px
    x0, y0 = (int(at) for at in np.clip(wide.min(axis=0) - spare, 0, frame_px - 1))
    far = np.clip(np.ceil(wide.max(axis=0) + spare), (x0 + 1, y0 + 1), frame_px)
    return x0, y0, int(far[0]), int(far[1])
