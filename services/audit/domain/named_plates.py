"""Extracts the plates that a value names, in the normal form by which people search the log."""

import re
from functools import lru_cache
from typing import Any

from shared.core.matching import have_a_plate_in_common
from shared.core.plates import (
    MAX_PLATE_CHARACTERS,
    MAX_TYPED_CHARACTERS,
    WILDCARDS,
    PlatePattern,
)

_PLATE_KEYS = frozenset({"plate", "plates", "plate_read", "plate_listed", "plate_as_read"})
_NOT_PLATE = re.compile(r"[^A-Z0-9*?]")
_MAX_DEPTH = 10
_NESTED = (dict, list)


def as_plate(text: str) -> str:
    """Return a plate or pattern in the normal form by which people search the log; "" if it is no plate.

    ASCII text that is no pattern, such as one of 13 characters, keeps the form in which the log indexed it
    before `PlatePattern`.
    """
    if text.isascii() and text.isalnum() and len(text) <= MAX_PLATE_CHARACTERS:  # nearly all texts
        return text.upper()
    return _parsed(text)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> str:
    try:
        return PlatePattern.parse(text).text
    except ValueError:
        return _NOT_PLATE.sub("", text.upper())[:MAX_TYPED_CHARACTERS] if text.isascii() else ""


KNOWN_OF_ONE = 4
"""The fewest known characters of a pattern for one plate; fewer match too many plates."""


def of_one_plate(one: str, other: str) -> bool:
    """Return whether two plates or patterns, in their normal form, can mean the same plate.

    Patterns with fewer than `KNOWN_OF_ONE` known characters only match an equal text.
    """
    if one == other:
        return True
    return (
        known_of(one) >= KNOWN_OF_ONE
        and known_of(other) >= KNOWN_OF_ONE
        and have_a_plate_in_common(one, other)
    )


def known_of(plate: str) -> int:
    """Return the number of known characters of a plate or pattern."""
    return sum(character not in WILDCARDS for character in plate)


def plates_in(value: Any) -> list[str]:
    """Return the plates in the plate fields of a value, nested up to 10 levels deep."""
    found: list[str] = []
    if type(value) in _NESTED:
        _gather(value, found, 0)
    return found


def _gather(value: Any, found: list[str], depth: int) -> None:
    if depth > _MAX_DEPTH:
        return
    if type(value) is dict:
        for name, inner in value.items():
            if name in _PLATE_KEYS:
                found += named(inner)
            elif type(inner) in _NESTED:
                _gather(inner, found, depth + 1)
    else:
        for inner in value:
            if type(inner) in _NESTED:
                _gather(inner, found, depth + 1)


def named(value: Any) -> list[str]:
    """Return the plates of a list, or the plate of a single text."""
    if isinstance(value, str):
        plate = as_plate(value)
        return [plate] if plate else []
    texts = value if isinstance(value, list) else ()
    return [plate for text in texts if isinstance(text, str) and (plate := as_plate(text))]
