"""Draws serials: of a series, personalised, or random characters."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scenes.plates import DIGITS, LETTERS
from training.styles import Serial

# fmt: off
SYLLABLES = (
    "BLU", "RED", "SKY", "GO", "MY", "LUV", "FAST", "CAR", "DOG", "CAT", "MOM", "DAD", "KID", "SUN", "RUN", "SKI", "BIG", "ZOO",
    "JO", "MAX", "SAM", "KAY", "TOY", "JET", "FUN", "ACE", "VET", "DOC", "GR8", "4", "2", "1", "N", "U", "IM", "B", "LIL", "OLD",
    "NEW", "HOT", "ROD", "GTO", "ZR", "Z", "EX", "QT", "WOW", "YES", "NO", "HI", "BYE", "OUT", "FRONT", "SPEED", "QUIL", "BEAR",
    "WOLF", "HAWK", "KING", "QUEEN", "JAZZ", "ROCK", "STAR", "MOON", "TEX", "CAL", "AK", "HYD", "FLY", "PLT", "VW", "BMW", "XJ",
)
# fmt: on


PAIR_SHARE = 0.15
"""Share of random serials that begin or end with a stacked pair."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One element in a line of a serial: a character, a stacked pair, or a separator."""

    text: str
    stacked: bool = False

    @property
    def is_gap(self) -> bool:
        """Whether it is a separator and not a character."""
        return self.text in (" ", "-", "*", ".")


def text_of(marks: Sequence[Mark]) -> str:
    """Return the expected reading: the characters in reading order, the upper of a pair first."""
    return "".join(mark.text for mark in marks if not mark.is_gap and mark.text != "/")


def issue(rng: np.random.Generator, serial: Serial) -> list[Mark]:
    """Draw a serial of a series, with its gaps, hyphens, emblem and stacked pairs."""
    marks: list[Mark] = []
    first = True
    for part in re.findall(r"\{[^}]*\}|\[[^\]]*\]|.", serial.pattern):
        if part[0] == "[":
            marks.extend(Mark(c) for c in part[1:-1])
        elif part[0] == "{":
            inner = re.findall(r"\[[^\]]*\]|.", part[1:-1])
            pair = [t[1:-1] if t[0] == "[" else _draw(rng, t, serial, False) for t in inner]
            marks.append(Mark("".join(pair), True))
        elif part in " -*/.":
            marks.append(Mark(part))
        else:
            marks.append(Mark(_draw(rng, part, serial, first)))
        first = False
    return marks


def _draw(rng: np.random.Generator, kind: str, serial: Serial, first: bool) -> str:
    if kind == "9":
        choices = serial.first if first else DIGITS
    elif kind == "A":
        choices = serial.letters
    else:
        return kind
    return choices[int(rng.integers(len(choices)))]


def personal(rng: np.random.Generator) -> list[Mark]:
    """Draw a personalised serial: syllables, digits, sometimes a gap."""
    text = ""
    longest = int(rng.integers(3, 9))
    while len(text) < longest and (not text or rng.random() < 0.9):
        text += str(rng.choice(SYLLABLES))
        if rng.random() < 0.15:
            text += " "
    text = text[: max(2, longest)].strip()
    if rng.random() < 0.25:
        text = text[:5] + str(rng.integers(1, 1000))
    return [Mark(c) for c in text[:8]]


def with_emblems(rng: np.random.Generator, marks: Sequence[Mark]) -> list[Mark]:
    """Sometimes add an emblem in a gap, or before or after the serial; it is never a character."""
    marks = list(marks)
    if rng.random() < 0.3:
        marks = [Mark("*") if mark.text in (" ", "-") else mark for mark in marks]
    if rng.random() < 0.12 and not any(mark.text == "/" for mark in marks):
        marks.insert(0 if rng.random() < 0.6 else len(marks), Mark("*"))
    return marks


def at_random(rng: np.random.Generator, pair_share: float = PAIR_SHARE) -> list[Mark]:
    """Draw random letters and digits, so that a reader cannot rely on grammar alone."""
    alphabet = LETTERS + DIGITS
    many = int(rng.choice((2, 3, 4, 5, 6, 7, 8), p=(0.02, 0.05, 0.1, 0.18, 0.25, 0.3, 0.1)))
    marks = [Mark(alphabet[int(rng.integers(36))]) for _ in range(many)]
    if many > 4 and rng.random() < 0.5:
        marks.insert(int(rng.integers(2, many - 1)), Mark(str(rng.choice((" ", "-", "*", ".")))))
    if many < 8 and rng.random() < pair_share:
        pair = "".join(alphabet[int(rng.integers(36))] for _ in range(2))
        marks.insert(0 if rng.random() < 0.6 else len(marks), Mark(pair, stacked=True))
    return marks
