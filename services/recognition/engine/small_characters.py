"""Which characters of a text are small: of the pair that some plates have before or behind the serial, one above the
other.

A reader's steps run along the plate's upper half and then along its lower half.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import numpy as np

from services.recognition.engine.ctc import Classes, Place, Steps, best_path
from services.recognition.models import ALPHABET

SAME_COLUMN: Final = 2.5
"""The most columns between the two of a pair that are in different halves; characters side by side are twice as far
apart."""
TOO_NEAR: Final = 0.55
"""Share of the usual distance between neighbours up to which two characters of one half are a pair. On the development
pictures pairs have 0.2 to 0.5, neighbours of full height 0.62 or more."""
NARROW: Final = frozenset(ALPHABET.index(one) + 1 for one in "1I")
"""Classes of characters that stand near their neighbours at full height, too."""
SAME_PLACE: Final = 1.0
"""Steps between the middles of two characters up to which two texts have them in the same place."""
SHORTEST: Final = 4
"""The fewest characters of a text with a pair."""

Small = Callable[[Sequence[Place]], set[int]]
"""Returns which characters of a text are small."""


def small_in(views: Sequence[Steps]) -> Small:
    """Return how to find the small characters in each text that the search tries for a plate.

    The network's own text, in most of the cuts, says where the plate has its pair. Other texts have one of the two, or
    another character in its place: these are small, too. Otherwise the prior would choose such a text if it looks like
    an issued serial.

    Args:
        views: (T, C) probabilities of classes at each step, for each cut of the plate.
    """
    pairs = [_pair(steps) for steps in views]
    found = [pair for pair in pairs if pair]
    pair = found[0] if 2 * len(found) > len(views) else ()
    return partial(_small, columns=len(views[0]) // 2, pair=pair)


def _pair(steps: Steps) -> tuple[float, ...]:
    """Return the middles, in steps, of the pair in the network's own text; none if it has no pair."""
    places, columns = best_path(steps), len(steps) // 2
    found = stacked(places, columns) or squeezed(places, columns)
    return tuple(places[i].middle for i in found)


def none(places: Sequence[Place]) -> set[int]:
    """Return no character, whatever the text: where small ones are part of the plate."""
    return set()


def without(places: Sequence[Place], small: Small) -> Classes:
    """Return a text without its small characters."""
    absent = small(places)
    return tuple(place.label for i, place in enumerate(places) if i not in absent)


def stacked(places: Sequence[Place], columns: int) -> set[int]:
    """Return the pair of a text that the network read in both halves.

    The lower one follows the upper one, or is alone in the lower half, under the first or the last of the upper half.
    On a plate with two lines, the last character of the upper line and the first of the lower one are at opposite ends.
    """
    upper = sum(place.middle < columns for place in places)
    if len(places) < SHORTEST or upper in (0, len(places)):
        return set()
    lower = places[upper].middle - columns
    candidates = (upper - 1, 0) if upper == len(places) - 1 else (upper - 1,)
    for above in candidates:
        if abs(lower - places[above].middle) <= SAME_COLUMN:
            return {above, upper}
    return set()


def squeezed(places: Sequence[Place], columns: int) -> set[int]:
    """Return the pair of a text that the network read in one half: the first or last two characters, if they are far
    nearer to each other than neighbours of full height are."""
    if len(places) < SHORTEST or places[0].middle < columns <= places[-1].middle:
        return set()
    apart = np.diff([place.middle for place in places])
    nearest = int(apart.argmin())
    near = nearest in (0, len(apart) - 1) and apart[nearest] <= TOO_NEAR * np.median(apart)
    if near and NARROW.isdisjoint((places[nearest].label, places[nearest + 1].label)):
        return {nearest, nearest + 1}
    return set()


def _small(places: Sequence[Place], *, columns: int, pair: Sequence[float]) -> set[int]:
    there = {
        i
        for i, place in enumerate(places)
        if any(abs(place.middle - middle) <= SAME_PLACE for middle in pair)
    }
    return there | stacked(places, columns) | _doubled(places, columns)


def _doubled(places: Sequence[Place], columns: int) -> set[int]:
    """Return the last character if it alone is in the lower half, under the same one within the upper half.

    The network may show a character of full height in both halves; no plate has it twice.
    """
    if len(places) < SHORTEST or not places[-2].middle < columns <= places[-1].middle:
        return set()
    *upper, last = places
    twice = any(
        one.label == last.label and abs(last.middle - columns - one.middle) <= SAME_COLUMN
        for one in upper[1:-1]
    )
    return {len(upper)} if twice else set()
