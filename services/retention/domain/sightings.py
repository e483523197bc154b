"""Reads as sightings of a plate, the elements of passes, and the distance between two of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple
from uuid import UUID

from shared.core.matching import skeleton
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
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

    @property
    def order(self) -> tuple[datetime, UUID]:
        """Sort key among the reads of a device: device time, then the id."""
        return self.captured_at, self.read_id


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
    if one.plate == other.plate:
        return 0.0 if limit > 0 else None
    ours, theirs = _letters(one.plate), _letters(other.plate)
    # Each edit except one between look-alikes changes one of these counts, and costs at least this much.
    edits = max((ours - theirs).total(), (theirs - ours).total())
    if edits * min(one.sureness) * min(other.sureness) >= limit:
        return None
    apart = distance(one, other)
    return apart if apart < limit else None


@lru_cache(maxsize=4096)
def _letters(plate: str) -> Counter[str]:
    """Count each class of look-alikes in a plate."""
    return Counter(skeleton(plate))


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
    ours, theirs = one.plate[i], other.plate[j]
    if ours == theirs:
        return 0.0
    alike = LOOKALIKE_WEIGHT if skeleton(ours) == skeleton(theirs) else 1.0
    return alike * one.sureness[i] * other.sureness[j]


def _costs(one: Sighting, other: Sighting) -> list[list[float]]:
    """Return the least costs of changing the first i characters of `one` into the first j of `other`, by i and j."""
    first = [0.0]
    for sure in other.sureness:
        first.append(first[-1] + sure)
    costs = [first]
    for i, sure in enumerate(one.sureness):
        row = [costs[-1][0] + sure]
        for j, theirs in enumerate(other.sureness):
            changed = costs[-1][j] + _change(one, i, other, j)
            row.append(min(changed, costs[-1][j + 1] + sure, row[-1] + theirs))
        costs.append(row)
    return costs
