"""Puts a serial on a plate: pressed out of it or printed flat, in one line or two."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from scenes.model import Colour, Image, as_image
from training.faces import Face
from training.motifs import EMBLEMS
from training.painting import any_colour
from training.serials import Mark
from training.styles import Style

LONG_ASPECT: Final = 3.0
"""Aspect from which a plate is long, and its serial fills it."""
STACKED: Final = 0.46
"""Height of a stacked character, a share of the line's."""
STACKED_MIDDLES: Final = (-0.27, 0.27)
"""Middles of a stacked pair, shares of the line's height from the line's middle."""

Place = tuple[float, float]
"""x, y px of a character's middle."""


@dataclass(frozen=True, slots=True)
class _Work:
    """A plate in the press, and the settings that all of its characters share."""

    plate: Image
    metal: Image
    """(H, W) uint8: the raised and inked part of the plate."""
    face: Face
    style: Style
    ink: Colour
    clear: tuple[float, float] | None


def press(
    rng: np.random.Generator,
    plate: Image,
    marks: Sequence[Mark],
    face: Face,
    style: Style,
    ink: Colour,
    clear: tuple[float, float] | None = None,
) -> list[Place]:
    """Press the serial into the plate.

    Args:
        rng: chooses sizes, positions and relief.
        plate: (H, W, 3) uint8 BGR, changed in place.
        marks: the serial; `/` ends its upper line.
        face: draws its characters.
        style: its proportions, its margin on the left, and its emblem.
        ink: the characters' colour.
        clear: px on the left and on the right that a logo covers; the style's own margin where None.

    Returns: the characters' middles in reading order.
    """
    h, w = plate.shape[:2]
    work = _Work(plate, np.zeros((h, w), np.uint8), face, style, ink, clear)
    places: list[Place] = []
    for line, high, middle in _lines(rng, marks, style):
        places += _set_line(rng, work, line, high * h, middle * h)
    plate[:] = _relief(rng, work)
    return places


def _lines(
    rng: np.random.Generator, marks: Sequence[Mark], style: Style
) -> list[tuple[Sequence[Mark], float, float]]:
    """Return each line with its height and its middle, shares of the plate's height."""
    end = next((i for i, mark in enumerate(marks) if mark.text == "/"), None)
    if end is not None:
        high = rng.uniform(0.3, 0.38)
        return [(marks[:end], high, 0.3), (marks[end + 1 :], high, 0.72)]
    if style.aspect < LONG_ASPECT:
        high, middle = rng.uniform(0.4, 0.56), rng.uniform(0.48, 0.61)
        return [(marks, high, middle)]
    return [(marks, rng.uniform(0.6, 0.78), 0.5)]


def _relief(rng: np.random.Generator, work: _Work) -> Image:
    """Ink the raised parts of the plate, with lighter or darker slopes."""
    cover = (work.metal.astype(np.float32) / 255)[..., None]
    shaded = work.plate * (1 - cover) + np.array(work.ink, np.float32) * cover
    if rng.random() < 0.75:
        soft = cv2.GaussianBlur(work.metal, (0, 0), rng.uniform(1.0, 2.0)).astype(np.float32) / 255
        reach = int(rng.integers(1, 3))
        slope = np.roll(soft, reach, axis=0) - np.roll(soft, -reach, axis=0)
        if rng.random() < 0.3:
            slope = slope + np.roll(soft, reach, axis=1) - np.roll(soft, -reach, axis=1)
        shaded -= rng.uniform(-20, 45) * slope[..., None]
    return as_image(shaded)


def _set_line(
    rng: np.random.Generator, work: _Work, line: Sequence[Mark], high: float, middle: float
) -> list[Place]:
    """Set one line: widths from the face, squeezed to fit, spread over the plate's width.

    Args:
        rng: chooses gaps and offsets.
        work: the plate.
        line: its marks.
        high: height of a character, px.
        middle: of the line, px from the plate's top.

    Returns: the characters' middles in reading order.
    """
    gap, emblem = rng.uniform(0.35, 0.8), rng.uniform(0.5, 0.9)
    spaces = rng.uniform(0.1, 0.3) * 0.5 * high
    widths = np.array([_width(work.face, mark, gap, emblem) for mark in line]) * high
    clear_left, clear_right = _clear_zone(rng, work)
    w = work.plate.shape[1] - clear_right
    room = (w - clear_left) * rng.uniform(0.8, 0.93)
    between = len(line) - 1
    total = widths.sum() + spaces * between
    if total > room or (rng.random() < 0.5 and total > 0.7 * room):
        widths *= room / total
        spaces *= room / total
    else:
        spread = rng.uniform(0, 0.8) * (room - total) / max(1, between)
        spaces += min(spread, 0.28 * high)
    total = widths.sum() + spaces * between
    lean = float(np.clip(rng.normal(0, 0.02) * w, -0.03 * w, 0.03 * w))
    x = clear_left + (w - clear_left - total) / 2 + lean
    places: list[Place] = []
    for mark, width in zip(line, widths, strict=True):
        _set_mark(rng, work, mark, (x, middle - high / 2), (float(width), high))
        if not mark.is_gap:
            heights = STACKED_MIDDLES if mark.stacked else (0.0,)
            places += [(x + width / 2, middle + up * high) for up in heights]
        x += width + spaces
    return places


def _width(face: Face, mark: Mark, gap: float, emblem: float) -> float:
    """Return the width of a mark over the line's height, before the line is squeezed."""
    if mark.stacked:
        return 0.75 * face.width("H")
    if mark.text == " ":
        return gap * 0.5
    if mark.text in "-.":
        return 0.28
    if mark.text == "*":
        return emblem * 0.55
    return face.width(mark.text)


def _clear_zone(rng: np.random.Generator, work: _Work) -> tuple[float, float]:
    """Return the px on the left and on the right that the serial avoids."""
    if work.clear is not None:
        # Serials often touch the logo beside them.
        left, right = work.clear
        return left * rng.uniform(0.8, 1.05), right * rng.uniform(0.8, 1.05)
    w = work.plate.shape[1]
    clear_left = work.style.serial_left * w if rng.random() < 0.8 else 0.0
    return (0.05 * w if work.style.aspect > LONG_ASPECT else clear_left), 0.0


def _set_mark(
    rng: np.random.Generator, work: _Work, mark: Mark, left_top: Place, size: tuple[float, float]
) -> None:
    """Draw one mark into a box, px."""
    (x, top), (width, high) = left_top, size
    if mark.stacked:
        small = high * STACKED
        for y, character in zip((top, top + high - small), mark.text, strict=False):
            work.face.draw(work.metal, character, (x, y), (min(width, small * 0.8), small))
    elif mark.text == "-":
        ends = (round(x), round(top + high / 2)), (round(x + width), round(top + high / 2))
        cv2.line(work.metal, *ends, 255, max(2, round(high * 0.1)), cv2.LINE_AA)
    elif mark.text == ".":
        centre = round(x + width / 2), round(top + high * rng.uniform(0.45, 0.6))
        cv2.circle(work.metal, centre, max(2, round(high * 0.08)), 255, -1, cv2.LINE_AA)
    elif mark.text == "*":
        _draw_emblem(rng, work, left_top, size)
    elif mark.text != " ":
        work.face.draw(work.metal, mark.text, left_top, size)


def _draw_emblem(
    rng: np.random.Generator, work: _Work, left_top: Place, size: tuple[float, float]
) -> None:
    """Draw the style's emblem in its colour, or another."""
    style, (x, top), (width, high) = work.style, left_top, size
    kind = style.emblem
    if kind == "none" or rng.random() >= 0.7:
        kind = str(rng.choice(list(EMBLEMS)))
    colour = style.emblem_colour
    if colour is None or rng.random() >= 0.6:
        colour = work.ink if rng.random() < 0.5 else any_colour(rng)
    height = high * rng.uniform(0.3, 1.2)
    centre = x + width / 2, top + high * rng.uniform(0.4, 0.6)
    EMBLEMS[kind](work.plate, centre, height, colour, rng)
