"""Tests in SQL whether a plate matches a pattern by its number alone.

The digits of the number are the plate's characters (`services.retention.domain.plates`). So a search compares a read
without looking up its plate, which takes ten times as long. Conditions are expressions of the number, as an index of
plates would be read once for each start of the search.
"""

import re
from collections.abc import Iterable, Iterator

from services.retention.domain.plates import BASE, SCALE, like, plate_number
from shared.core.matching import LOOKALIKE_CLASSES
from shared.core.plates import CHARACTERS, MANY, MAX_PLATE_CHARACTERS, ONE, PlatePattern

_MEMBERS = "".join(one[1:] for one in LOOKALIKE_CLASSES)
_FIRSTS = "".join(one[0] * (len(one) - 1) for one in LOOKALIKE_CLASSES)
_KNOWN = re.compile(rf"[^{re.escape(ONE)}]+")


def matches(pattern: PlatePattern, number: str) -> tuple[str, str | None]:
    """Return the condition that `number`, SQL of a plate's number, is of a plate that matches.

    Where arithmetic is not enough, the condition has a parameter `{p}like`, whose value comes second.
    """
    match pattern.text.split(MANY):
        case _ if pattern.lookalike:
            folded = f"translate({_text_of(number)}, '{_MEMBERS}', '{_FIRSTS}')"
            return f"{folded} LIKE :{{p}}like", like(pattern)
        case [whole]:
            return _all([*_at(whole, 0, number), _ends_at(len(whole), number)]), None
        case [start, end]:
            return _all([*_at(start, 0, number), *_at_end(end, len(start), number)]), None
        case [start, middle, ""]:
            anywhere = (
                _all(_at(middle, place, number))
                for place in range(len(start), MAX_PLATE_CHARACTERS - len(middle) + 1)
            )
            return _all([*_at(start, 0, number), _any(anywhere)]), None
        case _:
            return f"{_text_of(number)} LIKE :{{p}}like", like(pattern)


def _at(segment: str, place: int, number: str) -> Iterator[str]:
    """Yield the conditions that a plate has a segment, of known and unknown characters, from a place on."""
    for run in _KNOWN.finditer(segment):
        text, end = run[0], place + run.end()
        digits = plate_number(text) // SCALE[len(text)]
        yield f"{number} / {SCALE[end]} % {BASE ** len(text)} = {digits}"
    if segment.endswith(ONE):
        yield f"{number} / {SCALE[place + len(segment)]} % {BASE} <> 0"


def _at_end(segment: str, before: int, number: str) -> Iterator[str]:
    """Yield the condition that a plate ends with a segment, after at least `before` characters; none for ""."""
    if segment:
        ends = range(before + len(segment), MAX_PLATE_CHARACTERS + 1)
        yield _any(
            _all([*_at(segment, end - len(segment), number), _ends_at(end, number)]) for end in ends
        )


def _ends_at(length: int, number: str) -> str:
    """Return the condition that a plate has no character after the first `length` ones."""
    return f"{number} % {SCALE[length]} = 0"


def _text_of(number: str) -> str:
    """Return SQL of the plate itself."""
    characters = (
        f"substr(' {CHARACTERS}', 1 + CAST({number} / {SCALE[place]} % {BASE} AS integer), 1)"
        for place in range(1, MAX_PLATE_CHARACTERS + 1)
    )
    return f"rtrim({' || '.join(characters)})"


def _all(terms: Iterable[str]) -> str:
    return f"({' AND '.join(terms)})"


def _any(terms: Iterable[str]) -> str:
    return f"({' OR '.join(terms)})"
