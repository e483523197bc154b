"""Tests in SQL whether the vehicle of a read may have a colour or a make, by its camera's words (ADR-0118).

One regular expression each compares the words as `shared.core.vehicles` does. Postgres applies it without regard to
case, to few rows: those that meet the other conditions of a search. So no column and no index repeats the words.
"""

from shared.core.vehicles import COLOURS, MAKE_CODES, NO_MAKE, SHADES, may_be_one_make

COLOUR = "(r.details -> 'vehicle' ->> 'colour')"
"""SQL of a read's colour as its camera wrote it; NULL if it wrote none."""

MAKE = "regexp_replace(normalize(r.details -> 'vehicle' ->> 'make', NFKD), '[^A-Za-z]', '', 'g')"
"""SQL of the letters of a read's make; NULL if its camera wrote none."""


def colour_pattern(colour: str, *, described_only: bool) -> str:
    """Return what matches the words for a colour, and unless `described_only` texts without a word for any."""
    named = _a_word_of(COLOURS[colour].split())
    if described_only:
        return named
    any_colour = _a_word_of([word for words in COLOURS.values() for word in words.split()])
    return f"{named}|^(?!.*{any_colour})"


def make_pattern(make: str, *, described_only: bool) -> str:
    """Return what matches the names and codes of a make, and unless `described_only` words for no known make."""
    other_words = {
        *NO_MAKE,
        *(c for c, name in MAKE_CODES.items() if not may_be_one_make(name, make)),
    }
    words = [code for code in MAKE_CODES if code not in other_words]
    words += [make[:end] for end in range(1, len(make)) if make[:end] not in other_words]
    if not described_only:
        words += ["", *NO_MAKE]
    longer = f"(?!({'|'.join(sorted(other_words))})$){make}.*"
    return f"^({'|'.join(words)}|{longer})$"


def _a_word_of(words: list[str]) -> str:
    return f"(^|[^a-z])({'|'.join(SHADES)})?({'|'.join(words)})([^a-z]|$)"
