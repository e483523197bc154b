"""Street trees."""

import cv2
import numpy as np

from scenes.layers import Layers
from scenes.lens import Lens

GREENS = np.array([(44, 84, 62), (52, 98, 70), (38, 70, 58), (64, 116, 84)])


def paint_tree(layers: Layers, lens: Lens, x: float, z: float, rng: np.random.Generator) -> None:
    """Paint a tree at (x, z): a trunk, and a crown of many clumps, lighter towards the sky."""
    height = float(rng.uniform(5.0, 8.5))
    trunk = [
        (x - 0.16, 0, z),
        (x + 0.16, 0, z),
        (x + 0.1, height * 0.6, z),
        (x - 0.1, height * 0.6, z),
    ]
    layers.polygon(lens.project(trunk), (58, 70, 84))
    green = GREENS[int(rng.integers(len(GREENS)))]
    spread = (height * 0.15, height * 0.12)
    boughs = rng.normal(0, 1, (9, 2)) * spread + (x, height * 0.72)
    leaves = np.repeat(boughs, 28, axis=0) + rng.normal(0, height * 0.055, (9 * 28, 2))
    leaves = leaves[np.argsort(leaves[:, 1] + rng.normal(0, 0.5, len(leaves)))]
    centres = lens.project(np.column_stack([leaves, np.full(len(leaves), z)]))
    radii = np.maximum(1, lens.px_per_m(z) * rng.uniform(0.10, 0.26, len(leaves))).astype(int)
    tones = np.linspace(0.66, 1.30, len(leaves)) * rng.uniform(0.80, 1.20, len(leaves))
    for (u, v), radius, tone in zip(centres.tolist(), radii.tolist(), tones.tolist(), strict=True):
        if -radius < u < lens.width_px + radius and -radius < v < lens.height_px + radius:
            b, g, r = (int(min(255, c)) for c in green * tone)
            cv2.circle(layers.surface, (int(u), int(v)), radius, (b, g, r), -1, cv2.LINE_AA)
            cv2.circle(layers.glow, (int(u), int(v)), radius, (0, 0, 0), -1)
