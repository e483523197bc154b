"""Decides by shape and content which lines of text in a frame are plates.

It never changes a character: it rejects lines, cuts them at whole words, joins them end to end, or keeps
them as read.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from itertools import permutations
from typing import Final

import numpy as np

from services.recognition.engine.geometry import Quad, enlarge, overlap, size_px, tilt_deg
from services.recognition.engine.protocol import Character, Considered, PlateReading
from services.recognition.engine.words import is_no_serial, names_a_state
from shared.core.plates import plate_characters

MIN_TEXT_PX: Final = 13.0
"""Least height of text that is read as a plate; burned-in clocks and far cars are lower."""
ADVANCE: Final = (0.2, 0.85)
"""Width of a character over the height of its line. Plate dies are about 0.4; badges and banners
are wider, text without gaps (barcodes, grilles) narrower."""
MAX_TILT_DEG: Final = 30.0
MIN_FIRST_MEAN: Final = 0.3
"""Mean probability below which a line counts as texture, not text."""
DIFFERENT_SMALL_LETTERS: Final = frozenset("abdefghlnqrt")
"""Lower-case letters that cannot be a small capital: signs and badges have them, plates do not."""

PLATE_AROUND: Final = (0.05, 0.35)
"""A plate's edge beyond its line of characters as a detector draws it (a little outside the
glyphs), shares of the line's width and height. A plate is 12 in x 6 in (SAE J686)."""

HALVES_GAP: Final = (-0.6, 1.2)
"""Gap between two halves of a serial, in heights of the line. Below 0 their boxes overlap: about half a height
is one character, which the detector may include in both."""

_CLOCK = re.compile(r"\d:\d|\d\d:$|^:\d\d")
_DIGITS_OF_A_DATE = re.compile(r"(19|20)\d\d[-./]|\d\d?/\d\d?|^\W?\d\d\.\d\d")
_PHONE = re.compile(r"\(\d{3}|\d{3}[-.]\d{4}$|\d-\d{3}-")
_BADGE = re.compile(r"[A-Z]{1,2}\d{3}|\d{3}[A-Z]{1,2}")


class Objection(StrEnum):
    """Why a line of text is not a plate."""

    TOO_SMALL = "too small"
    TILTED = "tilted"
    SPACING = "wider or narrower than plate characters"
    LENGTH = "too short or too long"
    TEXTURE = "texture rather than text"
    CLOCK = "a clock or a date"
    PHONE = "a telephone number"
    SMALL_LETTERS = "small letters"
    FOREIGN = "another script"
    WORD = "a known word"


class Outcome(StrEnum):
    """The outcome of a frame."""

    PLATES = "plates"
    NO_PLATE = "no_plate"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Glyph:
    """One character of a line, of any script; `place` is its centre along the line, 0 to 1."""

    text: str
    confidence: float
    place: float
    alternatives: tuple[Considered, ...] = ()
    """As of `Character`."""


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of text that an engine read in a frame."""

    glyphs: tuple[Glyph, ...]
    quad: Quad

    @property
    def text(self) -> str:
        """The line as read."""
        return "".join(glyph.text for glyph in self.glyphs)

    @property
    def serial(self) -> tuple[Character, ...]:
        """Its A-Z and 0-9, separators dropped."""
        return tuple(
            Character(one, glyph.confidence, glyph.alternatives)
            for glyph in self.glyphs
            for one in plate_characters(glyph.text)
        )

    @property
    def plate(self) -> str:
        """The serial as one word."""
        return "".join(character.text for character in self.serial)

    @property
    def confidence(self) -> float:
        """The lowest probability in the serial, 0 where it is empty."""
        return min((character.confidence for character in self.serial), default=0.0)


def could_hold_a_plate(quad: Quad, longest: int) -> Objection | None:
    """Return the objection to a region by its shape alone, before its text is read; None if it has none.

    `longest` is the most characters of a serial.
    """
    width, height = size_px(quad)
    if height < MIN_TEXT_PX or width < height:
        return Objection.TOO_SMALL
    if tilt_deg(quad) > MAX_TILT_DEG:
        return Objection.TILTED
    if width > height * ADVANCE[1] * (longest + 2):  # two separators at the most
        return Objection.SPACING
    return None


def objection(line: TextLine, lengths: range) -> Objection | None:
    """Return the first reason why a line is not a plate; None if it has none.

    `lengths` are the numbers of characters that a serial may have.
    """
    text, plate = line.text, line.plate
    if region := could_hold_a_plate(line.quad, lengths[-1]):
        return region
    if len(plate) not in lengths:
        return Objection.LENGTH
    if _CLOCK.search(text) or (plate.isdigit() and _DIGITS_OF_A_DATE.search(text)):
        return Objection.CLOCK
    if plate.isdigit() and _PHONE.search(text):
        return Objection.PHONE
    if sum(glyph.text in DIFFERENT_SMALL_LETTERS for glyph in line.glyphs) > 1:
        return Objection.SMALL_LETTERS
    if sum(glyph.text.isalpha() and not glyph.text.isascii() for glyph in line.glyphs) > 1:
        return Objection.FOREIGN
    if any(is_no_serial(token) for token in text.split()) or names_a_state(text):
        return Objection.WORD
    if float(np.mean([glyph.confidence for glyph in line.glyphs])) < MIN_FIRST_MEAN:
        return Objection.TEXTURE
    width, height = size_px(line.quad)
    if not ADVANCE[0] <= width / height / len(plate) <= ADVANCE[1]:
        return Objection.SPACING
    return None


class Support(IntEnum):
    """The surroundings that a line needs to count as a plate."""

    NONE = 0
    ANY = 1
    """A plate's ground around it, or a state's name beside it."""
    STATE = 2
    """A state's name beside it."""


def support_needed(plate: str) -> Support:
    """Return the support that a serial needs: words and the shortest serials, common on signs, need most."""
    if plate.isalpha() or len(plate) < 4 or (plate.isdigit() and len(plate) < 5):
        return Support.STATE
    if len(plate) < 5 or plate.isdigit() or _BADGE.fullmatch(plate):
        return Support.ANY
    return Support.NONE


def has_state_beside(line: TextLine, others: Iterable[TextLine]) -> bool:
    """Whether a state's name or slogan is above or below the line, as on a plate."""
    width, height = size_px(line.quad)
    centre = line.quad.mean(axis=0)
    for other in others:
        across, down = np.abs(other.quad.mean(axis=0) - centre)
        beside = 0.4 * height < down < 1.8 * height and across < 0.4 * width
        if beside and size_px(other.quad)[0] < 1.3 * width and names_a_state(other.text):
            return True
    return False


def without_words(line: TextLine) -> TextLine:
    """Cut known words off both ends of a line ("TEXAS ABC1234"); returns the same line if it has none."""
    glyphs = list(line.glyphs)
    spaces = [i for i, glyph in enumerate(glyphs) if glyph.text.isspace()]
    starts, ends = [0, *(i + 1 for i in spaces)], [*spaces, len(glyphs)]
    tokens = [(a, b) for a, b in zip(starts, ends, strict=True) if b > a]
    known = [is_no_serial("".join(g.text for g in glyphs[a:b])) for a, b in tokens]
    if all(known) or not any(known):
        return line
    first = known.index(False)
    last = len(known) - 1 - known[::-1].index(False)
    if first == 0 and last == len(known) - 1:
        return line
    selected = glyphs[tokens[first][0] : tokens[last][1]]
    left = 0.0 if first == 0 else _between(glyphs, tokens[first][0])
    right = 1.0 if last == len(known) - 1 else _between(glyphs, tokens[last][1])
    return TextLine(
        tuple(replace(g, place=(g.place - left) / (right - left)) for g in selected),
        _part(line.quad, left, right),
    )


def _between(glyphs: Sequence[Glyph], index: int) -> float:
    """Return the position along a line of the gap before a glyph."""
    return (glyphs[index - 1].place + glyphs[min(index, len(glyphs) - 1)].place) / 2


def _part(quad: Quad, left: float, right: float) -> Quad:
    """Return the part of a line between two positions along it."""
    top, bottom = quad[1] - quad[0], quad[2] - quad[3]
    return np.array(
        [
            quad[0] + left * top,
            quad[0] + right * top,
            quad[3] + right * bottom,
            quad[3] + left * bottom,
        ],
        np.float32,
    )


def joined(lines: Sequence[TextLine], lengths: range) -> list[TextLine]:
    """Join pairs of short lines that lie end to end like the halves of one serial of these lengths."""
    return [
        _join(left, right)
        for left, right in permutations(lines, 2)
        if _are_halves(left, right, lengths)
    ]


def _are_halves(left: TextLine, right: TextLine, lengths: range) -> bool:
    halves = len(left.plate), len(right.plate)
    if not all(1 <= half <= 5 for half in halves) or sum(halves) not in lengths:
        return False
    if any(names_a_state(line.text) or is_no_serial(line.text) for line in (left, right)):
        return False
    (_, height), (_, other_height) = size_px(left.quad), size_px(right.quad)
    if not 0.67 < height / max(other_height, 1e-6) < 1.5:
        return False
    gap, drop = (right.quad[[0, 3]].mean(axis=0) - left.quad[[1, 2]].mean(axis=0)) / height
    return bool(HALVES_GAP[0] < gap < HALVES_GAP[1] and abs(drop) < 0.35)


def _join(left: TextLine, right: TextLine) -> TextLine:
    quad = np.array([left.quad[0], right.quad[1], right.quad[2], left.quad[3]], np.float32)
    whole, first, second = (size_px(one)[0] for one in (quad, left.quad, right.quad))
    return TextLine(
        (
            *(replace(g, place=g.place * first / whole) for g in left.glyphs),
            Glyph(" ", 1.0, first / whole),
            *(replace(g, place=1 - (1 - g.place) * second / whole) for g in right.glyphs),
        ),
        quad,
    )


def distinct(quads: Sequence[Quad]) -> list[int]:
    """Return which of several serials to keep: the tallest on each plate, which drops stickers."""
    selected: list[int] = []
    for i in sorted(range(len(quads)), key=lambda i: -size_px(quads[i])[1]):
        if all(overlap(quads[i], enlarge(quads[j], *PLATE_AROUND)) < 0.5 for j in selected):
            selected.append(i)
    return selected


def outcome(readings: Sequence[PlateReading], minimum: float) -> Outcome:
    """Return the outcome of a frame; readings count if their lowest character is at least `minimum`."""
    if any(reading.confidence >= minimum for reading in readings):
        return Outcome.PLATES
    return Outcome.UNREADABLE if readings else Outcome.NO_PLATE
