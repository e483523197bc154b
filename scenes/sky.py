"""The sky over the street, by the time of day."""

import cv2
import numpy as np
from numpy.typing import NDArray

from scenes.layers import Layers
from scenes.lens import Lens
from scenes.model import Colour, Condition, as_image

# Colours at the zenith and at the horizon, under the light of their own hour.
SKIES: dict[Condition, tuple[Colour, Colour]] = {
    "day": ((214, 158, 104), (236, 222, 206)),
    "dusk": ((150, 98, 72), (120, 160, 232)),
    "night": ((30, 20, 16), (52, 40, 36)),
    "infrared": ((6, 6, 6), (10, 10, 10)),
    "rain": ((168, 164, 160), (190, 188, 186)),
}


def paint_sky(layers: Layers, lens: Lens, rng: np.random.Generator, condition: Condition) -> None:
    """Fill the layers above the horizon, clouds included. The sky emits its own light."""
    height, width = layers.retro.shape
    horizon = int(np.clip(lens.horizon_px + 2, 0, height))
    if horizon < 2:
        return
    zenith, low = (np.array(c, np.float32) for c in SKIES[condition])
    elevation = (lens.horizon_px - np.arange(horizon, dtype=np.float32)) / lens.focal_px
    mix = np.clip(elevation / 0.22, 0, 1)[:, None] ** 0.7
    rows: NDArray[np.float32] = np.array(
        np.broadcast_to((mix * zenith + (1 - mix) * low)[:, None], (horizon, width, 3))
    )
    if condition in {"day", "dusk"}:
        _clouds(rows, rng, 52 if condition == "day" else 26)
    layers.glow[:horizon] = as_image(rows)
    layers.surface[:horizon] = 0


def _clouds(
    rows: "np.typing.NDArray[np.float32]", rng: np.random.Generator, strength: float
) -> None:
    height, width = rows.shape[:2]
    cover = np.zeros((height, width), np.float32)
    for octave in range(3):
        grid = rng.normal(0, 1, (3 << octave, 4 << octave)).astype(np.float32)
        cover += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) / (1 << octave)
    rows += (np.clip(cover, 0, 1.6) * strength)[..., None]
