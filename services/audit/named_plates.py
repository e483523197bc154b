"""Plates that a value names, in the normal form in which the log is asked for them."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from shared.plates import MAX_TYPED_CHARACTERS, PlatePattern

_PLATE_KEYS = frozenset({"plate", "plates", "plate_read", "plate_listed", "plate_as_read"})
_NOT_PLATE = re.compile(r"[^A-Z0-9*?]")
_MAX_DEPTH = 10


@lru_cache(maxsize=4096)
def as_plate(text: str) -> str:
    """Return a plate or pattern in the normal form in which the log is asked for it; "" for no plate.

    ASCII text that is no pattern, such as one of 13 characters, keeps the form that entries before
    `PlatePattern` are indexed under.
    """
    try:
        return PlatePattern.parse(text).text
    except ValueError:
        return _NOT_PLATE.sub("", text.upper())[:MAX_TYPED_CHARACTERS] if text.isascii() else ""


def plates_in(value: Any, depth: int = 0) -> Iterator[str]:
    """Yield every plate that is named as one, however deep."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in _PLATE_KEYS:
                yield from named(inner)
            elif isinstance(inner, dict | list):
                yield from plates_in(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            if isinstance(inner, dict | list):
                yield from plates_in(inner, depth + 1)


def named(value: Any) -> Iterator[str]:
    """Yield the plates of a list, or the one plate that a value is."""
    texts = value if isinstance(value, list) else [value]
    for text in texts:
        if isinstance(text, str) and (plate := as_plate(text)):
            yield plate
