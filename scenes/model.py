"""A rendered scene: the frame and the ground truth of every plate in it."""

from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Points = NDArray[np.float32]
Colour = tuple[int, int, int]
"""Blue, green, red, 0 to 255, as in OpenCV."""

Condition = Literal["day", "dusk", "night", "infrared", "rain"]
CONDITIONS: tuple[Condition, ...] = get_args(Condition)


@dataclass(frozen=True)
class PlateTruth:
    """One plate that is in the frame.

    `corners` is (4, 2) float32 px, clockwise from the plate's own top left.
    """

    plate: str
    state: str
    corners: Points

    @property
    def box(self) -> tuple[int, int, int, int]:
        """The upright box around the plate: x, y, width, height in px."""
        low, high = np.floor(self.corners.min(axis=0)), np.ceil(self.corners.max(axis=0))
        return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])


@dataclass(frozen=True)
class Scene:
    """A camera's frame, (H, W, 3) uint8 BGR, and its ground truth."""

    frame: Image
    truth: list[PlateTruth]
    condition: Condition
    seed: int
    jpeg_quality: int


def as_image(values: NDArray[Any]) -> Image:
    """Round and clip any numeric array to uint8; same shape."""
    if values.ndim == 3 and values.shape[2] == 3:
        # OpenCV's saturating cast is several times faster; its stubs lack scalars.
        return cast("Image", cv2.add(values, 0.0, dtype=cv2.CV_8U))  # type: ignore[call-overload]
    return cast("Image", np.clip(np.rint(values), 0, 255).astype(np.uint8))
