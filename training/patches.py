"""Patches for the plate detector, as `training.scenes` writes them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


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
