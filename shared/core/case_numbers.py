"""The rules of a department's case and call numbers, and the offences that purposes name (policy 468.4(a), ADR-0121).

A form is a mask: `#` stands for one digit, `@` for one capital letter, every other character for itself. Comparing a
number with a mask takes a step a character, whatever the policy says.
"""

import re
from collections.abc import Mapping
from string import ascii_uppercase, digits
from typing import Annotated

import msgspec
from msgspec import Meta

DIGIT, LETTER = "#", "@"

PLACEHOLDER_DIGITS = 6
"""A number with so many digits or more, all of them the same, is a placeholder such as 00-000000."""

LONGEST_KNOWN_WITHIN_H = 31 * 24
"""A month: a purpose whose number is looked for later than that is looked into by no auditor."""

_MASK = re.compile(r"(?=.*#)[A-Za-z0-9#@][A-Za-z0-9#@-]{2,31}")

Mask = Annotated[str, Meta(max_length=32)]
Masks = Annotated[tuple[Mask, ...], Meta(max_length=20)]
OffenceText = Annotated[str, Meta(min_length=2, max_length=60)]


class CaseRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the numbers and the offence of a declared purpose must be; empty, they may be any."""

    case_numbers: Masks = ()
    call_numbers: Masks = ()
    offences: Annotated[Mapping[OffenceText, OffenceText], Meta(max_length=100)] = {}
    """Labels by code."""

    known_within_h: Annotated[int, Meta(ge=1, le=LONGEST_KNOWN_WITHIN_H)] | None = None
    """Within so many hours the department's own systems must have a purpose's numbers; None: they are not compared."""

    stale_after_h: Annotated[int, Meta(ge=1, le=LONGEST_KNOWN_WITHIN_H)] = 48
    """The age from which the export of those systems is too old."""

    @property
    def faults(self) -> list[str]:
        """The masks that no number can fit, or any could, and offences that no text could name alone."""
        masks = [*self.case_numbers, *self.call_numbers]
        faults = [f"{mask} is no mask" for mask in masks if not _MASK.fullmatch(mask)]
        named = [_plain(text) for pair in self.offences.items() for text in set(pair)]
        twice = {text for text in named if named.count(text) > 1}
        return faults + [f"{text} names two offences" for text in sorted(twice)]

    def forms(self, name: str) -> Masks:
        """Return the masks of `case_number` or `call_number`."""
        return self.case_numbers if name == "case_number" else self.call_numbers

    def offence(self, text: str) -> str | None:
        """Return the offence that a code or a label names, as it is recorded; None if it is not in the table."""
        asked = _plain(text)
        for code, label in self.offences.items():
            if asked in (_plain(code), _plain(label)):
                return f"{label} ({code})"
        return None


def fits(number: str, masks: Masks) -> bool:
    """Return whether a number has one of these forms; any number fits if there is none."""
    return not masks or any(_fits(number, mask) for mask in masks)


def is_placeholder(number: str) -> bool:
    """Return whether all digits of a number are the same one, as in 00-000000."""
    found = [character for character in number if character in digits]
    return len(found) >= PLACEHOLDER_DIGITS and len(set(found)) == 1


def _fits(number: str, mask: str) -> bool:
    return len(number) == len(mask) and all(map(_stands_for, mask, number))


def _stands_for(wanted: str, character: str) -> bool:
    if wanted == DIGIT:
        return character in digits
    return character in ascii_uppercase if wanted == LETTER else character == wanted


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
