"""Plates as numbers, and index conditions for patterns with unknown characters.

A plate of up to 12 letters and digits is stored as one 64-bit number (base 37, left-aligned). So a read has
8 bytes for its plate, storing it needs no look-up, and plates with a common start are adjacent in an index.
"""

from collections.abc import Iterator
from itertools import pairwise, takewhile

import numpy as np
from numpy.typing import NDArray

from shared.core.matching import LOOKALIKES, skeleton
from shared.core.plates import (
    CHARACTERS,
    MANY,
    MAX_PLATE_CHARACTERS,
    ONE,
    WILDCARDS,
    PlatePattern,
)
from shared.core.types import PlateText

BASE = len(CHARACTERS) + 1
"""Digits of a plate's number; 0 stands for "no more characters"."""
_DIGIT = {character: number for number, character in enumerate(CHARACTERS, 1)}
SCALE: list[int] = [
    BASE ** (MAX_PLATE_CHARACTERS - length) for length in range(MAX_PLATE_CHARACTERS + 1)
]
"""By how many characters are before it, the weight of the digits up to there: the numbers of all plates with one common
start of so many characters."""
_CLASS_DIGIT = np.array([0, *(_DIGIT[skeleton(character)] for character in CHARACTERS)], np.int64)
"""By digit of a plate's number: that of the character which represents its class of look-alikes."""
_PAIRS = [first + second for first in ("", *CHARACTERS) for second in ("", *CHARACTERS)]
"""Two characters by their number; the second, or both, may be missing."""

_SYMBOLS = "^$" + "".join(c for c in CHARACTERS if ord(c) not in LOOKALIKES)
_CODE = {symbol: code for code, symbol in enumerate(_SYMBOLS)}
_GAPPED = len(_SYMBOLS) ** 2


def plate_number(plate: str) -> int:
    """Return the number of a plate in its normal form. Raises: ValueError for anything else."""
    if not 1 <= len(plate) <= MAX_PLATE_CHARACTERS:
        message = f"a plate has 1 to {MAX_PLATE_CHARACTERS} letters and digits"
        raise ValueError(message)
    number = 0
    try:
        for character in plate:
            number = number * BASE + _DIGIT[character]
    except KeyError:
        raise ValueError("a plate in its normal form has letters A-Z and digits only") from None
    return number * SCALE[len(plate)]


def plate_of(number: int) -> PlateText:
    """Return the plate with this number."""
    found = []
    for scale in SCALE[2::2]:  # two characters at a time, which takes half as long
        pair, number = divmod(number, scale)
        if pair == 0:
            break
        found.append(_PAIRS[pair])
    return PlateText("".join(found))


def class_numbers(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return, for numbers of plates, those of their skeletons: equal for plates that look alike."""
    classes = np.zeros_like(numbers)
    for scale in SCALE[1:]:
        classes += _CLASS_DIGIT[numbers // scale % BASE] * scale
    return classes


def grams(skeleton_text: str) -> list[int]:
    """Return the codes of the pairs of characters in a skeleton: adjacent ones, and ones with one between.

    `skeleton_text` may be a pattern; pairs with an unknown character have no code.
    """
    return sorted(set(_codes(f"^{skeleton_text}$")))


def _codes(marked: str) -> Iterator[int]:
    size = len(_SYMBOLS)
    for first, second in pairwise(marked):
        if first in _CODE and second in _CODE:
            yield _CODE[first] * size + _CODE[second]
    for first, between, second in zip(marked, marked[1:], marked[2:], strict=False):
        if between != MANY and first in _CODE and second in _CODE:
            yield _GAPPED + _CODE[first] * size + _CODE[second]


def like(pattern: PlatePattern) -> str:
    """Return a pattern as the operand of SQL's LIKE, on the plate or, for look-alikes, on its skeleton."""
    text = skeleton(pattern.text) if pattern.lookalike else pattern.text
    return text.replace(MANY, "%").replace(ONE, "_")


def grams_of(pattern: PlatePattern) -> list[int]:
    """Return the codes that every matching plate's skeleton has."""
    return grams(skeleton(pattern.text))


def numbers_of(pattern: PlatePattern) -> tuple[int, int] | None:
    """Return the range [from, to) of numbers of plates with the pattern's start; None without a known start."""
    start = "".join(takewhile(lambda c: c not in WILDCARDS, pattern.text))
    if pattern.lookalike or not start:
        return None
    first = plate_number(start)
    return first, first + SCALE[len(start)]
