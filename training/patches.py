"""Patches for the plate detector, as `training.scenes` writes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.scenes.compose import MAX_PLATES
from training.scenes.model import DetectorSample

MAX_IGNORED = 6
"""The most regions of a patch that training ignores."""


@dataclass(frozen=True, slots=True)
class Patches:
    """Arrays of equal length; missing values are NaN."""

    images: NDArray[np.uint8]
    """(N, H, W, 3) BGR, memory-mapped."""
    corners: NDArray[np.float32]
    """(N, P, 4, 2) px, clockwise from each plate's own top left."""
    exact: NDArray[np.bool_]
    """(N, P): the corners are known, not only the upright box."""
    ignore: NDArray[np.float32]
    """(N, R, 4): x, y, width, height in px of regions that training ignores."""


def load(folder: Path) -> Patches:
    """Memory-map patches that `training.scenes` wrote."""
    return Patches(
        np.load(folder / "images.npy", mmap_mode="r"),
        *(np.load(folder / f"{name}.npy") for name in ("corners", "exact", "ignore")),
    )


def gathered(samples: Sequence[DetectorSample]) -> Patches:
    """Return composed scenes of one size as arrays."""
    count = len(samples)
    images = np.stack([sample.image for sample in samples])
    corners = np.full((count, MAX_PLATES, 4, 2), np.nan, np.float32)
    exact = np.zeros((count, MAX_PLATES), np.bool_)
    ignore = np.full((count, MAX_IGNORED, 4), np.nan, np.float32)
    for place, sample in enumerate(samples):
        plates, regions = len(sample.corners), min(len(sample.ignore), MAX_IGNORED)
        corners[place, :plates] = sample.corners
        exact[place, :plates] = sample.exact
        ignore[place, :regions] = sample.ignore[:regions]
    return Patches(images, corners, exact, ignore)
