"""The notation of plates: one alphabet, one limit, one pattern syntax.

A plate in its normal form has 1 to 12 characters of A-Z and 0-9. A pattern has `?` for one unknown character and
`*` for any number of them. Normalising drops separators and symbols and folds case and width; it never turns one
letter or digit into another, so text with any other letter or digit is refused.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Self

from shared.core.errors import ValueRefused
from shared.core.problem_codes import Common
from shared.core.types import PlateText

MAX_PLATE_CHARACTERS = 12
MAX_TYPED_CHARACTERS = 40
"""The longest text that a request may give for a plate, separators included."""

MIN_KNOWN_ALONE = 2
"""Known characters that a pattern needs to be searched on every device."""

ONE, MANY = "?", "*"
WILDCARDS = frozenset(ONE + MANY)
CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""The characters of a plate in its normal form, in the order in which plates sort."""

_STAND_INS = frozenset("_%#@$!|")
"""Wildcards of other systems' notations, and symbols typed for a character ($ for S, ! and | for I or 1): dropping one
would name another vehicle."""

_ALLOWED = frozenset(CHARACTERS) | WILDCARDS | _STAND_INS
_ASCII: dict[int, str | None] = {
    code: chr(code).upper() if chr(code).upper() in _ALLOWED else None for code in range(128)
}
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_VARIATION_SELECTORS = range(0xFE00, 0xFE10)
_MANY_MANY = re.compile(r"\*{2,}")
_NUMBER = re.compile(
    r"[0-9](?:[.,][0-9]+)?E\+[0-9]+|[0-9][.,][0-9]+E-[0-9]+|[0-9]+\.0+", re.IGNORECASE | re.ASCII
)
"""What a spreadsheet or a program makes of plates that look like numbers: 12E10 becomes 1.2E+11, 1234567 becomes
1234567.0. Without its separators it would name another vehicle."""

_BESIDE = re.compile(r"^\??[A-Z0-9]|[A-Z0-9]\??[A-Z0-9]|[A-Z0-9]\??$")


def normalise_plate(text: str) -> PlateText:
    """Return `text` as a plate in its normal form: upper case; separators and symbols dropped.

    Raises: ValueRefused for letters or digits other than A-Z and 0-9, for wildcards of any notation, for a number as
    a spreadsheet writes it, and for 0 or more than 12 characters.
    """
    if text.isascii() and text.isalnum():  # the common case
        plate = text.upper()
    else:
        plate = _plain(text)
        _refuse_strange(plate, allowed=frozenset())
    if not 1 <= len(plate) <= MAX_PLATE_CHARACTERS:
        raise ValueRefused(
            Common.PLATE_LENGTH, max_characters=MAX_PLATE_CHARACTERS, characters=len(plate)
        )
    return PlateText(plate)


def plate_characters(text: str) -> str:
    """Return the letters and digits of an engine's text that a plate can have; drops all others."""
    allowed = []
    for character in text.translate(_FULL_WIDTH):
        plain = character.upper() if character.isascii() else ""
        if plain in CHARACTERS:
            allowed.append(plain)
    return "".join(allowed)


@dataclass(frozen=True, slots=True)
class PlatePattern:
    """A plate as far as it is known. `parse` makes it, so that its text is always in its normal form."""

    text: str
    lookalike: bool = False
    """Also match plates that differ only in look-alikes (`shared.core.matching`)."""

    @classmethod
    def parse(cls, text: str, *, lookalike: bool = False) -> Self:
        """Parse a person's text as a pattern. Parsing its `text` again gives the same pattern.

        Raises: ValueRefused for characters that no plate has, for more than 12 characters, known or not (`*` may match
        none and counts as none), and without a known character.
        """
        plain = _plain(text)
        _refuse_strange(plain, allowed=WILDCARDS)
        plain = _MANY_MANY.sub(MANY, plain)
        characters = len(plain.replace(MANY, ""))
        if not 1 <= characters <= MAX_PLATE_CHARACTERS and plain != MANY:
            raise ValueRefused(
                Common.PATTERN_LENGTH, max_characters=MAX_PLATE_CHARACTERS, characters=characters
            )
        pattern = cls(plain, lookalike)
        if not pattern.known_characters:
            raise ValueRefused(Common.PATTERN_ALL_UNKNOWN)
        return pattern

    @property
    def whole(self) -> bool:
        """Whether every character is known."""
        return WILDCARDS.isdisjoint(self.text)

    @property
    def exact(self) -> bool:
        """Whether it matches exactly one plate."""
        return self.whole and not self.lookalike

    @property
    def is_prefix(self) -> bool:
        """Whether it is the known start of a plate, with any characters after it."""
        start = self.text.removesuffix(MANY)
        return start != self.text and WILDCARDS.isdisjoint(start)

    @property
    def known_characters(self) -> int:
        """The number of known characters."""
        return sum(1 for character in self.text if character not in WILDCARDS)

    @property
    def searchable(self) -> bool:
        """Whether enough is known to search it without naming devices or an area."""
        return self.known_characters >= MIN_KNOWN_ALONE and self.indexed

    @property
    def indexed(self) -> bool:
        """Whether an index narrows it: two known characters that are adjacent or one apart, or one known character at
        an end or next to it."""
        return _BESIDE.search(self.text) is not None


def _plain(text: str) -> str:
    """Return `text` in upper case without separators and symbols; wildcards of all notations stay.

    Raises: ValueRefused for a letter, digit or mark that no plate has, and for a number that was a plate once.
    """
    if not text.isalnum() and _NUMBER.fullmatch(text.translate(_FULL_WIDTH).strip("\t '\"=")):
        raise ValueRefused(Common.PLATE_IS_NUMBER)
    if text.isascii():
        return text.translate(_ASCII)
    return "".join(map(_plain_character, text.translate(_FULL_WIDTH)))


def _plain_character(character: str) -> str:
    if character.isascii():
        return _ASCII[ord(character)] or ""
    if _is_dropped(character):
        return ""
    raise ValueRefused(Common.PLATE_CHARACTER_UNKNOWN, character=character)


def _is_dropped(character: str) -> bool:
    """Whether it is a separator or symbol; a symbol that stands for letters, such as a trade mark, is not."""
    if ord(character) in _VARIATION_SELECTORS:  # modifies the symbol before it
        return True
    if any(part.isalnum() for part in unicodedata.normalize("NFKC", character)):
        return False
    return unicodedata.category(character)[0] in "ZPS" or unicodedata.category(character) == "Cf"


def _refuse_strange(plain: str, *, allowed: frozenset[str]) -> None:
    strange = [c for c in plain if c not in CHARACTERS and c not in allowed]
    if strange and strange[0] in WILDCARDS:
        raise ValueRefused(Common.PLATE_NOT_WHOLE, character=strange[0])
    if strange:
        raise ValueRefused(Common.PATTERN_CHARACTER_UNKNOWN, character=strange[0])
