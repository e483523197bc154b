"""Plates as numbers, their look-alikes, and patterns with unknown characters.

A plate of up to 12 letters and digits is written as one 64-bit number (base 37, left-aligned), so a read
carries 8 bytes, needs no look-up to be stored, and plates that begin alike are neighbours in an index.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, takewhile

from shared.types import MAX_PLATE_CHARACTERS, PlateText

_CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BASE = len(_CHARACTERS) + 1  # 0 stands for "no more characters"
_DIGIT = {character: number for number, character in enumerate(_CHARACTERS, 1)}
_SCALE: list[int] = [
    _BASE ** (MAX_PLATE_CHARACTERS - length) for length in range(MAX_PLATE_CHARACTERS + 1)
]

LOOKALIKES = str.maketrans("OQDIZSBG", "00012586")
"""Classes of characters that are read for one another: {0 O D Q} {1 I} {2 Z} {5 S} {8 B} {6 G}."""

_SYMBOLS = "^$" + "".join(c for c in _CHARACTERS if ord(c) not in LOOKALIKES)
_CODE = {symbol: code for code, symbol in enumerate(_SYMBOLS)}
_GAPPED = len(_SYMBOLS) ** 2
_ANY, _MANY = "?", "*"


def plate_number(plate: str) -> int:
    """Return the number of a plate in its normal form. Raises: ValueError for anything else."""
    if not 1 <= len(plate) <= MAX_PLATE_CHARACTERS:
        message = f"a plate has 1 to {MAX_PLATE_CHARACTERS} letters and digits"
        raise ValueError(message)
    number = 0
    try:
        for character in plate:
            number = number * _BASE + _DIGIT[character]
    except KeyError:
        raise ValueError("a plate in its normal form has letters A-Z and digits only") from None
    return number * _SCALE[len(plate)]


def plate_of(number: int) -> PlateText:
    """Return the plate with this number."""
    found = []
    for scale in _SCALE[1:]:
        digit, number = divmod(number, scale)
        if digit == 0:
            break
        found.append(_CHARACTERS[digit - 1])
    return PlateText("".join(found))


def skeleton(plate: str) -> str:
    """Return `plate` with each class of look-alike characters as one: equal for plates that look alike."""
    return plate.translate(LOOKALIKES)


def grams(skeleton_text: str) -> list[int]:
    """Return the codes of each two neighbours, and each two with one between, in a skeleton.

    `skeleton_text` may be a pattern; what is next to an unknown character then has no code.
    """
    return sorted(set(_codes(f"^{skeleton_text}$")))


def _codes(marked: str) -> Iterator[int]:
    size = len(_SYMBOLS)
    for first, second in pairwise(marked):
        if first in _CODE and second in _CODE:
            yield _CODE[first] * size + _CODE[second]
    for first, between, second in zip(marked, marked[1:], marked[2:], strict=False):
        if between != _MANY and first in _CODE and second in _CODE:
            yield _GAPPED + _CODE[first] * size + _CODE[second]


@dataclass(frozen=True)
class Pattern:
    """A plate as far as it is known: `?` is one unknown character, `*` any number of them."""

    text: str
    lookalike: bool = False
    """Also match plates that differ only within the classes of `LOOKALIKES`."""

    @property
    def exact(self) -> bool:
        """One plate and no other."""
        return self.whole and not self.lookalike

    @property
    def whole(self) -> bool:
        """No character is unknown."""
        return not {_ANY, _MANY} & set(self.text)

    @property
    def known_characters(self) -> int:
        """How many characters are known."""
        return sum(1 for character in self.text if character not in (_ANY, _MANY))

    @property
    def like(self) -> str:
        """As the operand of SQL's LIKE, on the plate or, for look-alikes, on its skeleton."""
        text = skeleton(self.text) if self.lookalike else self.text
        return text.replace(_MANY, "%").replace(_ANY, "_")

    @property
    def grams(self) -> list[int]:
        """Codes that every matching plate's skeleton has."""
        return grams(skeleton(self.text))

    @property
    def numbers(self) -> tuple[int, int] | None:
        """The range [from, to) of numbers of the plates that begin as this does; None if that is open."""
        start = "".join(takewhile(lambda c: c not in (_ANY, _MANY), self.text))
        if self.lookalike or not start:
            return None
        first = plate_number(start)
        return first, first + _SCALE[len(start)]


def parse_pattern(text: str, *, lookalike: bool = False) -> Pattern:
    """Return what a person typed as a pattern: upper case, separators dropped.

    Raises: ValueError when nothing is known of the plate, or it cannot be one.
    """
    plain = "".join(c for c in text.upper() if c not in " -.·\u2022")
    while _MANY * 2 in plain:
        plain = plain.replace(_MANY * 2, _MANY)
    if strange := set(plain) - _DIGIT.keys() - {_ANY, _MANY}:
        message = f"a plate has letters A-Z, digits, ? and *; not {min(strange)!r}"
        raise ValueError(message)
    if not 1 <= len(plain.replace(_MANY, "")) <= MAX_PLATE_CHARACTERS:
        message = f"a plate has 1 to {MAX_PLATE_CHARACTERS} characters, known or not"
        raise ValueError(message)
    pattern = Pattern(plain, lookalike)
    if not pattern.known_characters:
        raise ValueError("at least one character of the plate must be known")
    return pattern
