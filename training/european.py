"""Draws plates of fourteen European countries, for measuring alone: see `training.road`. No training has seen these
styles. Each plate has a serial that its country issues, and is often in a dealer's holder."""

from pathlib import Path
from typing import Final

import cv2
import numpy as np

from scenes.model import Image, Points
from training.faces import words
from training.fittings import DEALERS, fit_hardware, worn
from training.painting import contrasting, lay, one_of
from training.plates import PlateRenderer, RenderedPlate, face_of
from training.press import press
from training.rendering import Rendering
from training.serials import issue, text_of
from training.styles import parse

HOLDERS: Final = 0.6
"""Share of plates in a dealer's holder."""
FILE: Final = Path(__file__).with_name("european.toml")


class EuropeanRenderer(PlateRenderer):
    """Draws plates of these styles, each with a serial of its country, and often in a dealer's holder."""

    def __init__(self, rendering: Rendering) -> None:
        super().__init__(parse(FILE.read_text(), FILE.name), rendering=rendering)

    def render(self, rng: np.random.Generator) -> RenderedPlate:
        """Draw a plate; deterministic by the generator's state."""
        number = int(rng.choice(len(self._styles), p=self._shares))
        style = self._styles[number]
        marks = issue(rng, style.serials[int(rng.integers(len(style.serials)))])
        plate = self._background(rng, number)
        ink = contrasting(rng, plate, one_of(rng, style.ink))
        places = press(rng, plate, marks, face_of(rng, style, self.rendering), style, ink)
        fit_hardware(rng, plate, 0.0)
        middles = np.array(places, np.float32).reshape(-1, 2)
        if rng.random() < HOLDERS:
            plate, middles = _held(rng, plate, middles)
        return RenderedPlate(
            worn(rng, plate, self.rendering), text_of(marks), style.region, middles
        )


def _held(rng: np.random.Generator, plate: Image, middles: Points) -> tuple[Image, Points]:
    """Put a plate into a dealer's holder: a dark rim, and below it a strip that mostly has words."""
    high = len(plate)
    rim, strip = round(rng.uniform(0.02, 0.07) * high), round(rng.uniform(0.05, 0.22) * high)
    shade = int(rng.integers(5, 60))
    held = np.asarray(
        cv2.copyMakeBorder(plate, rim, strip, rim, rim, cv2.BORDER_CONSTANT, value=(shade,) * 3),
        np.uint8,
    )
    if strip > 10 and rng.random() < 0.8:
        text = str(rng.choice(DEALERS))
        mask = words(rng, "sans", text, round(strip * 0.7))[:strip, : plate.shape[1]]
        at = (held.shape[1] - mask.shape[1]) // 2, rim + high + (strip - mask.shape[0]) // 2
        lay(held, mask, at, (225, 225, 225))
    return held, middles + np.float32(rim)
