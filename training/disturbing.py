"""Cheap augmentations of a picture in place, so that no two passes over the samples are alike."""

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""(H, W, 3)."""


def swap_colours(rng: np.random.Generator, picture: Picture, share: float) -> None:
    """Permute the colour channels, with probability `share`."""
    if rng.random() < share:
        picture[:] = picture[..., rng.permutation(3)]


def invert(rng: np.random.Generator, picture: Picture, share: float) -> None:
    """Make a negative, with probability `share`."""
    if rng.random() < share:
        picture[:] = 255 - picture


def cover(rng: np.random.Generator, picture: Picture, share: float, widest_px: int) -> None:
    """Cover a part with one colour, 4 to 19 px high and less than `widest_px` wide, with probability `share`."""
    if rng.random() < share:
        height, width, _ = picture.shape
        h, w = int(rng.integers(4, 20)), int(rng.integers(3, widest_px))
        y, x = int(rng.integers(0, height - h)), int(rng.integers(0, width - w))
        picture[y : y + h, x : x + w] = rng.integers(0, 256, 3)
