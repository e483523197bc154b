"""Lays a picture of one plate into a plain frame, so that an engine that searches whole frames can read it."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

CROP_FRAME: Final = (640, 384)
"""Width and height in px of the frame that a crop is laid into."""
CROP_WIDEST_PX, CROP_HIGHEST_PX = 320, 192
"""The largest width of a crop, half of the frame; larger crops are reduced to it."""
_DARK, _LIGHT = 64, 190


def framed(crop: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], tuple[int, int, int, int]]:
    """Return a crop in the middle of a plain grey frame, so that the whole pipeline has to find it.

    The grey is dark around a light crop and light around a dark one, like the contrast between a plate
    and its car.

    Args:
        crop: (h, w, 3) uint8 BGR.

    Returns: (384, 640, 3) uint8 BGR, and the crop's box in it: x, y, width, height in px.
    """
    scale = min(1.0, CROP_WIDEST_PX / crop.shape[1], CROP_HIGHEST_PX / crop.shape[0])
    w, h = (max(1, round(scale * side)) for side in (crop.shape[1], crop.shape[0]))
    small = cv2.resize(crop, (w, h), interpolation=cv2.INTER_AREA) if scale < 1 else crop
    rim = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
    grey = _DARK if float(rim.mean()) > 127 else _LIGHT
    width, height = CROP_FRAME
    frame = np.full((height, width, 3), grey, np.uint8)
    x, y = (width - w) // 2, (height - h) // 2
    frame[y : y + h, x : x + w] = small
    return frame, (x, y, w, h)
