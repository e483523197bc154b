"""Draws one plate, flat, clean or worn, as it is screwed to a car."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from scenes.model import Image, Points, as_image
from training.faces import NARROW_HEAVY, DieFace, Face, TypeFace
from training.fittings import fit_hardware, frame_deeply, stick_on, stick_within, worn
from training.logos import draw_logo
from training.painting import contrasting, one_of, painted, recoloured
from training.press import LONG_ASPECT, press
from training.rendering import USUAL, Rendering
from training.serials import Mark, at_random, issue, personal, text_of, with_emblems
from training.signs import bare, write_words
from training.styles import STYLES, Style


@dataclass(frozen=True, slots=True)
class RenderedPlate:
    """A plate by itself, seen from straight ahead."""

    pixels: Image
    """(160, w, 3) uint8 BGR; w is 320 for a US plate."""
    text: str
    """The expected reading: A-Z and 0-9 in reading order; empty if the plate has no serial."""
    region: str
    """Postal code of the state, or `unknown`."""
    places: Points
    """(n, 2) float32: the middle of each character of `text`, px of `pixels`."""


SERIF_SHARE: Final = 0.06
"""Share of plates with serifs in styles that have none, for old plates and styles not drawn here."""


def face_of(rng: np.random.Generator, style: Style, rendering: Rendering = USUAL) -> Face:
    """Sample a hand of the style's kind."""
    if rng.random() >= rendering.dies:
        return TypeFace(rng, rendering.typefaces)
    serifs = style.face == "serif" or rng.random() < SERIF_SHARE
    if rendering.heavy_narrow_dies and rng.random() < rendering.heavy_narrow_dies:
        aspect, stroke, boldest = NARROW_HEAVY
        return DieFace(
            rng, wide=False, serifs=serifs, aspect=aspect, stroke=stroke, boldest=boldest
        )
    wide = style.face == "wide"
    aspect = rendering.wide_die_aspect if wide else rendering.die_aspect
    return DieFace(rng, wide=wide, serifs=serifs, aspect=aspect, stroke=rendering.die_stroke)


class PlateRenderer:
    """Draws plates of all styles; caches painted backgrounds, which cost the most."""

    def __init__(
        self,
        styles: Sequence[Style] = STYLES,
        *,
        cached_per_style: int = 16,
        rendering: Rendering = USUAL,
    ) -> None:
        self.rendering = rendering
        self._styles = styles
        weights = np.array([style.weight for style in styles])
        # Half by frequency on the road, half evenly, so that the rare are learnt too.
        self._shares = 0.5 * weights / weights.sum() + 0.5 / len(styles)
        self._cached: dict[tuple[int, int], Image] = {}
        self._cached_per_style = cached_per_style

    def render(self, rng: np.random.Generator) -> RenderedPlate:
        """Draw a plate; deterministic by the generator's state."""
        number = int(rng.choice(len(self._styles), p=self._shares))
        style = self._styles[number]
        marks = with_emblems(rng, self.marks(rng, style))
        plate = self._background(rng, number)
        ink = contrasting(rng, plate, one_of(rng, style.ink))
        if rng.random() < 0.12:
            plate, ink = recoloured(rng, plate)
        elif rng.random() < 0.3:
            plate = as_image(
                plate.astype(np.float32) * rng.uniform(0.85, 1.1, 3).astype(np.float32)
            )
        stick_on(rng, plate, style)
        clear = self._beside(rng, plate, style)
        face = face_of(rng, style, self.rendering)
        places = press(rng, plate, marks, face, style, ink, clear)
        middles = np.array(places, np.float32).reshape(-1, 2)
        self._fit(rng, plate, middles, two_lines=any(mark.text == "/" for mark in marks))
        return RenderedPlate(
            worn(rng, plate, self.rendering), text_of(marks), style.region, middles
        )

    def _fit(
        self, rng: np.random.Generator, plate: Image, middles: Points, *, two_lines: bool
    ) -> None:
        """Add what the rendering puts beside and over a serial, then rim, bolts and frame."""
        within, deep = self.rendering.stickers_within, self.rendering.deep_frames
        if within and not two_lines and rng.random() < within:
            stick_within(rng, plate, middles)
        is_long = plate.shape[1] >= LONG_ASPECT * plate.shape[0]
        if deep and not is_long and rng.random() < deep:
            frame_deeply(rng, plate, middles, two_lines=two_lines)
        fit_hardware(rng, plate, self.rendering.frames)

    def _beside(
        self, rng: np.random.Generator, plate: Image, style: Style
    ) -> tuple[float, float] | None:
        """Sometimes draw a logo at one end; returns the width that it covers at each end, px, or None."""
        if style.aspect >= LONG_ASPECT or rng.random() >= self.rendering.logos:
            return None
        left = bool(rng.random() < 0.75)
        logo_width = draw_logo(rng, plate, left=left)
        return (logo_width, 0.0) if left else (0.0, logo_width)

    def blank(self, rng: np.random.Generator) -> Image:
        """Draw a thing that only looks like a plate: a sign with words, or a plate without a serial."""
        number = int(rng.choice(len(self._styles), p=self._shares))
        plate = self._background(rng, number) if rng.random() < 0.4 else bare(rng)
        for _ in range(int(rng.integers(0, 4))):
            write_words(rng, plate)
        return worn(rng, plate, self.rendering)

    def marks(self, rng: np.random.Generator, style: Style) -> list[Mark]:
        """Draw a serial of the style, sometimes a personalised or random one."""
        which = rng.random()
        if which < 0.14 and style.aspect < 2.5:
            return personal(rng)
        if which < 0.34:
            return at_random(rng, self.rendering.pairs)
        weights = np.array([serial.weight for serial in style.serials])
        return issue(rng, style.serials[int(rng.choice(len(weights), p=weights / weights.sum()))])

    def _background(self, rng: np.random.Generator, number: int) -> Image:
        key = number, int(rng.integers(self._cached_per_style))
        if key not in self._cached:
            # Seeded by its key, so that the cache does not depend on what was drawn before.
            self._cached[key] = painted(
                np.random.default_rng(key), self._styles[number], self._styles
            )
        return self._cached[key].copy()
