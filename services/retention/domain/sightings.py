"""Reads as sightings of a plate, the elements of passes, and the distance between two of them."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from shared.core.matching import skeleton
from shared.core.plates import CHARACTERS, MAX_PLATE_CHARACTERS
from shared.core.types import Ori, PlateText
from shared.events import Place

LOOKALIKE_WEIGHT: Final = 0.5
"""Weight of a difference within a class of look-alikes (8 for B): half the evidence of another plate."""


class Box(NamedTuple):
    """Upright bounds of a plate in pixels of its frame; x right, y down."""

    x_px: int
    y_px: int
    width_px: int
    height_px: int


class Sighting(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The data of one read that passes need."""

    read_id: UUID
    captured_at: datetime
    plate: PlateText
    agency_ori: Ori
    sureness: tuple[float, ...]
    """The probability of each character of `plate`; the read's own where the engine gave none."""
    confidence: float
    region: str | None = None
    box: Box | None = None
    crop_key: str | None = None
    misread_risk: float | None = None
    place: Place | None = None


order_of = attrgetter("captured_at", "read_id")
"""Sort key of a `Sighting` among the reads of a device: device time, then the id."""


def sureness_of(
    plate: str, characters: Sequence[tuple[str, float | None]], confidence: float
) -> tuple[float, ...]:
    """Return the probability of each character of a plate.

    Args:
        plate: in its normal form.
        characters: as the engine read them, separators included.
        confidence: of the whole read; used for a character without a probability, and for all of
            them if the characters are not the plate's.
    """
    if not characters:
        return (confidence,) * len(plate)
    letters = [(text.upper(), sure) for text, sure in characters if text.isalnum()]
    if "".join(text for text, _ in letters) != plate or len(letters) != len(plate):
        return (confidence,) * len(plate)
    return tuple(confidence if sure is None else sure for _, sure in letters)


def distance(one: Sighting, other: Sighting) -> float:
    """Return how surely two reads are of different plates; 0 for equal plates.

    Each edit between them (a changed or an extra character) counts with the probability that both
    are right there: two clear reads that differ in one character have a distance of about 1,
    a clear and a guessed one much less.
    """
    return 0.0 if one.plate == other.plate else _costs(one, other)[-1][-1]


def within(one: Sighting, other: Sighting, limit: float) -> float | None:
    """Return the distance of two reads if it is below a limit, else None; a cheap bound decides most cases."""
    if limit <= 0:
        return None
    if one.plate == other.plate:
        return 0.0
    # Each edit except one between look-alikes changes one of these counts, and costs at least this much.
    common = (_letters(one.plate) & _letters(other.plate)).bit_count()
    edits = max(len(one.plate), len(other.plate)) - common
    if edits * min(one.sureness) * min(other.sureness) >= limit:
        return None
    apart = distance(one, other)
    return apart if apart < limit else None


@lru_cache(maxsize=8192)
def class_of(plate: str) -> str:
    """Return the skeleton of a plate: equal for plates that look alike."""
    return skeleton(plate)


@lru_cache(maxsize=8192)
def _letters(plate: str) -> int:
    """Return the count of each class of look-alikes in a plate, as that number of ones in the class's bits.

    The ones that two plates share count the characters that they share.
    """
    found = 0
    for character in class_of(plate):
        place = _FIRST_BIT[character]
        while found >> place & 1:
            place += 1
        found |= 1 << place
    return found


_FIRST_BIT = {
    character: number * MAX_PLATE_CHARACTERS for number, character in enumerate(CHARACTERS)
}


def aligned(one: Sighting, other: Sighting) -> list[int | None]:
    """Return, for each character of `one`, the index of its counterpart in `other`, or None."""
    if one.plate == other.plate:
        return list(range(len(one.plate)))
    costs = _costs(one, other)
    against: list[int | None] = [None] * len(one.plate)
    i, j = len(one.plate), len(other.plate)
    while i and j:
        if costs[i][j] == costs[i - 1][j - 1] + _change(one, i - 1, other, j - 1):
            i, j = i - 1, j - 1
            against[i] = j
        elif costs[i][j] == costs[i - 1][j] + one.sureness[i - 1]:
            i -= 1
        else:
            j -= 1
    return against


def _change(one: Sighting, i: int, other: Sighting, j: int) -> float:
    """Return the cost of changing character i of `one` into character j of `other`."""
    if one.plate[i] == other.plate[j]:
        return 0.0
    alike = LOOKALIKE_WEIGHT if class_of(one.plate)[i] == class_of(other.plate)[j] else 1.0
    return alike * one.sureness[i] * other.sureness[j]


def _costs(one: Sighting, other: Sighting) -> list[list[float]]:
    """Return the least costs of changing the first i characters of `one` into the first j of `other`, by i and j."""
    first = [0.0]
    for sure in other.sureness:
        first.append(first[-1] + sure)
    costs = [first]
    theirs = list(zip(other.plate, class_of(other.plate), other.sureness, strict=True))
    for ours, our_class, sure in zip(one.plate, class_of(one.plate), one.sureness, strict=True):
        above = costs[-1]
        row = [last := above[0] + sure]
        for j, (letter, its_class, its_sure) in enumerate(theirs):
            if letter == ours:
                best = above[j]
            elif its_class == our_class:
                best = above[j] + LOOKALIKE_WEIGHT * sure * its_sure
            else:
                best = above[j] + sure * its_sure
            if (dropped := above[j + 1] + sure) < best:
                best = dropped
            if (added := last + its_sure) < best:
                best = added
            row.append(last := best)
        costs.append(row)
    return costs
