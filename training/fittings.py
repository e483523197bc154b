"""Adds stickers, bolts and frames to a pressed plate, and wears it as the road does."""

import cv2
import numpy as np
from numpy.typing import NDArray

from scenes.model import Image, Points, as_image
from training.faces import words
from training.painting import WIDTH_PX, any_colour, as_colour, lay
from training.rendering import USUAL, Rendering
from training.styles import Style

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
YEARS = ("09", "2012", "15", "24", "26", "2025", "99")
FRAME_FONTS = ("bold", "sans", "slab", "script")
# fmt: off
DEALERS = (
    "VALLEY MOTORS", "HARBOR AUTO", "MESA HONDA", "SUNRISE CARS", "FOOTHILL FORD", "TOYOTA", "STEVENS CREEK",
    "EL SOL MOTORS", "VOLKSWAGEN", "CAPITOL", "LEXUS", "510-347-4800", "(713) 864-1645", "I LOVE MY DOG",
    "ALUMNI", "STATE UNIVERSITY", "MITSUBISHI", "BIG TEX AUTO", "LEE KIA", "HOUSTON", "DEALER SALES", "NISSAN", "BMW",
    "www.bigcars.com", "PREMIER CHEVROLET", "AUTO MALL", "MY OTHER CAR", "PROUD PARENT", "SAN FRANCISCO",
)
# fmt: on


def stick_on(rng: np.random.Generator, plate: Image, style: Style) -> None:
    """Add month and year stickers in the corners that the style leaves for them."""
    h, w = plate.shape[:2]
    for place in style.sticker_places:
        if rng.random() < 0.35:
            continue
        sw, sh = round(rng.uniform(0.08, 0.14) * WIDTH_PX), round(rng.uniform(0.12, 0.2) * h)
        left = round(rng.uniform(0.02, 0.09) * w)
        up = round(rng.uniform(0.03, 0.09) * h)
        x = left if place[1] == "l" else w - left - sw
        y = up if place[0] == "t" else h - up - sh
        _stick(rng, plate, (x, y), (sw, sh))


def _stick(
    rng: np.random.Generator, plate: Image, at: tuple[int, int], size: tuple[int, int]
) -> None:
    """Draw one sticker; its top left, and its width and height, are in px."""
    (x, y), (w, h) = at, size
    colour = any_colour(rng)
    if rng.random() < 0.75:
        cv2.rectangle(plate, (x, y), (x + w, y + h), colour, -1)
    text = str(rng.choice(MONTHS if rng.random() < 0.45 else YEARS))
    mask = words(rng, "bold", text, max(6, round(h * rng.uniform(0.4, 0.7))))[:, : w - 2]
    ink = (20, 20, 20) if sum(colour) > 380 else (245, 245, 245)
    lay(plate, mask, (x + (w - mask.shape[1]) // 2, y + (h - mask.shape[0]) // 2), ink)
    if rng.random() < 0.3:
        small = words(rng, "sans", str(rng.integers(100000, 9999999)), 6)[:, : w - 2]
        lay(plate, small, (x + 1, y + h - small.shape[0] - 1), (30, 30, 30))


def stick_within(rng: np.random.Generator, plate: Image, middles: Points) -> None:
    """Add a sticker in the widest gap of a serial in one line, or close to one of its ends.

    Args:
        rng: chooses place and size.
        plate: (H, W, 3) uint8 BGR, changed in place.
        middles: the characters' middles from left to right, (n, 2) px.
    """
    h, w = plate.shape[:2]
    across = np.unique(np.round(middles[:, 0]))
    if len(across) < 2:
        return
    apart = np.diff(across)
    usual, widest = float(np.median(apart)), int(apart.argmax())
    if apart[widest] > 1.25 * usual:
        middle = (across[widest] + across[widest + 1]) / 2
        room = apart[widest] - 0.8 * usual
    else:
        left = rng.random() < 0.5
        edge = across[0] - 0.5 * usual if left else across[-1] + 0.5 * usual
        room = min(edge if left else w - edge, 1.2 * usual)
        middle = edge - room / 2 if left else edge + room / 2
    sw, sh = round(room * rng.uniform(0.6, 1.05)), round(rng.uniform(0.12, 0.3) * h)
    if sw < 6:
        return
    y = round(float(middles[:, 1].mean()) + rng.uniform(-0.25, 0.15) * h - sh / 2)
    at = round(float(np.clip(middle - sw / 2, 0, w - sw))), max(0, min(y, h - sh))
    _stick(rng, plate, at, (sw, sh))


HALF_A_LINE, HALF_OF_TWO = 0.24, 0.17
"""About half the height of the characters of a plate with one line, or two, a share of the plate's."""


def frame_deeply(
    rng: np.random.Generator, plate: Image, middles: Points, *, two_lines: bool
) -> None:
    """Add a frame whose upper or lower strip, or both, touch the serial or cover its edge.

    Args:
        rng: chooses strips and words.
        plate: (H, W, 3) uint8 BGR, changed in place.
        middles: the characters' middles, (n, 2) px.
        two_lines: whether the serial has two.
    """
    h = len(plate)
    rows = middles[:, 1] if two_lines else np.median(middles[:, 1:], axis=0)
    half = (HALF_OF_TWO if two_lines else HALF_A_LINE) * h
    upper = float(rows.min()) - half * rng.uniform(0.8, 1.15)
    lower = h - (float(rows.max()) + half * rng.uniform(0.8, 1.15))
    which = rng.random()
    deep = max(0.02 * h, upper), max(0.02 * h, lower)
    usual = rng.uniform(0.02, 0.15) * h
    _frame(
        rng,
        plate,
        (round(deep[0] if which < 0.7 else usual), round(deep[1] if which > 0.3 else usual)),
    )


def fit_hardware(rng: np.random.Generator, plate: Image, frames: float = USUAL.frames) -> None:
    """Add rim and bolts, and often a dealer's frame with its words over the edges."""
    h, w = plate.shape[:2]
    if rng.random() < 0.6:
        shade = int(rng.integers(60, 255))
        inset = int(rng.integers(1, 9))
        far = w - 1 - inset, h - 1 - inset
        rim_px = int(rng.integers(1, 5))
        cv2.rectangle(plate, (inset, inset), far, (shade,) * 3, rim_px, cv2.LINE_AA)
    for x in (0.25 * w, 0.75 * w):
        for y in (0.075 * h, 0.925 * h):
            if rng.random() < 0.4:
                at = round(x + rng.normal(0, 2)), round(y + rng.normal(0, 2))
                shade = int(rng.integers(20, 240))
                cv2.circle(plate, at, int(rng.integers(3, 7)), (shade,) * 3, -1, cv2.LINE_AA)
    if rng.random() < frames:
        _frame(rng, plate)


def _frame(rng: np.random.Generator, plate: Image, strips: tuple[int, int] | None = None) -> None:
    """Draw a dealer's frame: strips over the four edges, words on those that are high enough.

    `strips` are the heights of the upper and the lower one, px.
    """
    h, w = plate.shape[:2]
    dark = rng.random() < 0.6
    shade = rng.uniform(5, 60, 3) if dark else rng.uniform(150, 235, 3)
    colour = as_colour(shade)
    side = round(rng.uniform(0.008, 0.045) * w)
    top, bottom = strips or (
        round(rng.uniform(0.02, 0.2) * h),
        round(rng.uniform(0.02, 0.2) * h),
    )
    plate[:top] = colour
    plate[h - bottom :] = colour
    plate[:, :side] = colour
    plate[:, w - side :] = colour
    if rng.random() < 0.5:
        r = int(rng.integers(4, 16))
        cv2.rectangle(plate, (side, top), (w - side, h - bottom), colour, r // 2, cv2.LINE_AA)
    if rng.random() < 0.2:
        _ornament(rng, plate, (side, top, w - side, h - bottom))
    text_colour = (230, 230, 230) if dark else (30, 30, 30)
    for strip, y in ((top, 0), (bottom, h - bottom)):
        if strip > 10 and rng.random() < 0.75:
            font, text = str(rng.choice(FRAME_FONTS)), str(rng.choice(DEALERS))
            mask = words(rng, font, text, round(strip * 0.7))[:strip, : w - 8]
            at = (w - mask.shape[1]) // 2, y + (strip - mask.shape[0]) // 2
            lay(plate, mask, at, text_colour)


def _ornament(rng: np.random.Generator, plate: Image, inner: tuple[int, int, int, int]) -> None:
    """Draw the chains, leaves and flames of a fancy frame: light and dark spots all around the inside."""
    x0, y0, x1, y1 = inner
    for _ in range(int(rng.integers(20, 90))):
        along = rng.uniform(0, 1)
        edge = ((along, 0.0), (along, 1.0), (0.0, along), (1.0, along))[int(rng.integers(4))]
        at = round(x0 + edge[0] * (x1 - x0)), round(y0 + edge[1] * (y1 - y0))
        shade = int(rng.integers(0, 256))
        cv2.circle(plate, at, int(rng.integers(1, 7)), (shade,) * 3, -1, cv2.LINE_AA)


def worn(rng: np.random.Generator, plate: Image, rendering: Rendering = USUAL) -> Image:
    """Add road dirt, fading and shade, from hardly any to a lot."""
    h, w = plate.shape[:2]
    seen = plate.astype(np.float32)
    if rng.random() < rendering.dirt:
        blots = rng.normal(0, 1, (4, 8)).astype(np.float32)
        dirt = np.clip(cv2.resize(blots, (w, h), interpolation=cv2.INTER_CUBIC), 0, 2)
        share = (dirt * np.float32(rng.beta(1, 4)) * 0.5)[..., None]
        seen = seen * (1 - share) + rng.uniform(40, 140, 3).astype(np.float32) * share
    if rng.random() < rendering.fading:
        fade = np.float32(rng.beta(1, 4)) * 0.6
        seen = seen * (1 - fade) + np.float32(rng.uniform(100, 200)) * fade
    if rng.random() < 0.3:
        edge = rng.uniform(0, 1) * h + np.linspace(-1, 1, w) * rng.uniform(-0.4, 0.4) * h
        below = np.arange(h)[:, None] > edge[None, :]
        if rng.random() < 0.3:
            below = ~below
        seen *= np.where(below, 1.0, rng.uniform(0.35, 0.85)).astype(np.float32)[..., None]
    if rendering.dust and rng.random() < rendering.dust:
        return as_image(_dusted(rng, seen))
    return as_image(seen)


def _dusted(rng: np.random.Generator, seen: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lay a film of dust over a plate, thicker in places: ink and ground come close to one colour."""
    h, w = seen.shape[:2]
    blots = rng.normal(0, 1, (3, 6)).astype(np.float32)
    uneven = cv2.resize(blots, (w, h), interpolation=cv2.INTER_CUBIC) * np.float32(0.1)
    film = np.clip(rng.uniform(0.35, 0.82) + uneven, 0, 0.88).astype(np.float32)[..., None]
    colour = rng.uniform(70, 215) * np.array([rng.uniform(0.6, 1), rng.uniform(0.8, 1), 1])
    grain = rng.normal(0, 1, (h, w, 1)).astype(np.float32) * np.float32(rng.uniform(0, 9))
    over = colour.astype(np.float32) + grain
    return np.asarray(seen * (1 - film) + over * film, np.float32)
