"""Paints the sheet that a plate is pressed from: colours, picture, name and slogan."""

from collections.abc import Sequence
from typing import Any, Final, cast

import cv2
import numpy as np

from scenes.model import Colour, Image, as_image
from training.faces import words
from training.styles import Font, Style

HEIGHT_PX: Final = 160
"""Height at which plates are drawn, two and a half times the height that the reader sees."""
WIDTH_PX: Final = 320
"""Width of a US plate."""


BORROWED: Final = 0.25
"""Share of names on another style's sheet, so that the reader has to read the name."""
OTHER_HAND: Final = 0.35
"""Share of names in another typeface than the style's."""
LEAST_CONTRAST: Final = 50
"""Least difference in brightness, of 255, between words and their sheet."""
NAME_FONTS: Final[tuple[Font, ...]] = ("sans", "bold", "serif", "slab", "script", "condensed")


def painted(rng: np.random.Generator, style: Style, others: Sequence[Style] = ()) -> Image:
    """Paint gradient, motif, name and slogan of a style, with some variation.

    Args:
        rng: chooses the variation.
        style: the style of the name and the slogan.
        others: styles whose sheets may replace its own.

    Returns: (160, w, 3) uint8 BGR.
    """
    plate = sheet(rng, style)
    if others and rng.random() < BORROWED:
        lender = others[int(rng.integers(len(others)))]
        size = plate.shape[1::-1]
        plate = np.asarray(cv2.resize(sheet(rng, lender), size), np.uint8)
    if style.name and style.name_place != "none":
        top = style.name_place == "top"
        font: Font = style.name_font
        colour = style.name_colour
        if rng.random() < OTHER_HAND:
            font = NAME_FONTS[int(rng.integers(len(NAME_FONTS)))]
        strip = plate[: HEIGHT_PX // 5] if top else plate[-HEIGHT_PX // 5 :]
        colour = contrasting(rng, strip, colour)
        _line(rng, plate, style.name, font, colour, top=top, size=(0.1, 0.2))
    if style.slogan:
        top = style.slogan_place == "top"
        strip = plate[: HEIGHT_PX // 5] if top else plate[-HEIGHT_PX // 5 :]
        font, colour = style.slogan_font, contrasting(rng, strip, style.slogan_colour)
        _line(rng, plate, style.slogan, font, colour, top=top, size=(0.07, 0.12))
    return np.ascontiguousarray(plate)


def contrasting(rng: np.random.Generator, sheet: Image, colour: Colour) -> Colour:
    """Return the colour, or another if it has too little contrast with a (h, w, 3) sheet."""
    ground = float(sheet.mean())
    if abs(ground - sum(colour) / 3) >= LEAST_CONTRAST:
        return colour
    return as_colour(rng.uniform(170, 255, 3) if ground < 120 else rng.uniform(0, 90, 3))


def sheet(rng: np.random.Generator, style: Style) -> Image:
    """Paint the colours and the picture of a style."""
    stops = np.array(style.background, np.float32)
    at = np.linspace(0, len(stops) - 1, 300)
    low = np.minimum(at.astype(int), max(0, len(stops) - 2))
    share = (at - low)[:, None]
    high = np.minimum(low + 1, len(stops) - 1)
    ramp = stops[low] * (1 - share) + stops[high] * share
    full = as_image(np.repeat(ramp[:, None, :], 600, axis=1))
    if style.motif is not None:
        style.motif(full, rng)
    width = round(HEIGHT_PX * style.aspect)
    return np.asarray(cv2.resize(full, (width, HEIGHT_PX), interpolation=cv2.INTER_AREA), np.uint8)


def _line(
    rng: np.random.Generator,
    plate: Image,
    text: str,
    font: str,
    colour: Colour,
    *,
    top: bool,
    size: tuple[float, float],
) -> None:
    """Write a line of words along the upper or lower edge, in the middle."""
    mask = words(rng, font, text, max(6, round(rng.uniform(*size) * HEIGHT_PX)))
    mask = squeezed(mask, 0.8 * plate.shape[1])
    height = mask.shape[0]
    edge = round(rng.uniform(0.03, 0.07) * HEIGHT_PX)
    y = edge if top else HEIGHT_PX - edge - height
    aside = int(rng.integers(-4, 5)) if rng.random() < 0.75 else int(rng.integers(-60, 61))
    lay(plate, mask, ((plate.shape[1] - mask.shape[1]) // 2 + aside, y), colour)


def squeezed(mask: Image, most_px: float, height_px: int | None = None) -> Image:
    """Shrink a line of words that is wider than `most_px` to that width, and to `height_px` if given."""
    if mask.shape[1] <= most_px:
        return mask
    size = int(most_px), height_px or mask.shape[0]
    return np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), np.uint8)


def lay(plate: Image, mask: Image, at: tuple[int, int], colour: Colour) -> None:
    """Lay a colour on `plate` through `mask`, whose top left is `at`; the plate's edges clip it."""
    x, y = at
    x0, y0 = max(0, x), max(0, y)
    x1, y1 = min(plate.shape[1], x + mask.shape[1]), min(plate.shape[0], y + mask.shape[0])
    if x1 <= x0 or y1 <= y0:
        return
    cover = mask[y0 - y : y1 - y, x0 - x : x1 - x, None].astype(np.float32) / 255
    part = plate[y0:y1, x0:x1].astype(np.float32)
    plate[y0:y1, x0:x1] = as_image(part * (1 - cover) + np.array(colour, np.float32) * cover)


def recoloured(rng: np.random.Generator, plate: Image) -> tuple[Image, Colour]:
    """Return a plate in new colours: pale with a dark ink, or dark with a pale one."""
    pale = rng.random() < 0.7
    tint = rng.uniform(150, 255, 3) if pale else rng.uniform(0, 110, 3)
    grey = cv2.cvtColor(plate, cv2.COLOR_BGR2GRAY).astype(np.float32)[..., None] / 255
    strength = rng.uniform(0.1, 0.6)
    spread = 1 - strength * (1 - grey) if pale else 1 - strength * grey
    ink = rng.uniform(0, 110, 3) if pale else rng.uniform(160, 255, 3)
    return as_image(tint.astype(np.float32) * spread), as_colour(ink)


def one_of(rng: np.random.Generator, choices: Colour | Sequence[Colour]) -> Colour:
    """Return the colour, or one of several."""
    if isinstance(choices[0], int):
        return cast("Colour", choices)
    return cast("Colour", choices[int(rng.integers(len(choices)))])


def any_colour(rng: np.random.Generator) -> Colour:
    """Return any colour."""
    return as_colour(rng.integers(0, 256, 3))


def as_colour(values: Any) -> Colour:
    """Return three numbers as a colour, truncated to integers."""
    return cast("Colour", tuple(int(c) for c in values))
