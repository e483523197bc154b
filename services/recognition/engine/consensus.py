"""Chooses one reading out of several looks at the same plate.

Each look is the engine's own reading of another cut of the frame. The winner is one of them, character
for character: looks vote and are never blended into a new text.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from typing import Final

from services.recognition.engine.grammar import is_issued_series
from services.recognition.engine.plausibility import TextLine
from services.recognition.engine.protocol import Character

SERIES_WEIGHT: Final = 1.25
"""A look that fits an issued series counts a quarter more; a clear look outvotes it easily."""
ODD_LENGTH_WEIGHT: Final = 0.1
USUAL_LENGTHS: Final = range(4, 9)


def _weight(look: TextLine) -> float:
    weight = look.confidence
    if len(look.plate) not in USUAL_LENGTHS:
        weight *= ODD_LENGTH_WEIGHT
    return weight * SERIES_WEIGHT if is_issued_series(look.plate) else weight


def winner(looks: Sequence[TextLine]) -> TextLine:
    """Return the look whose serial gathered the most weight; of several, the most confident.

    Args:
        looks: one or more lines; where none holds a serial the first is returned.
    """
    votes: dict[str, float] = defaultdict(float)
    for look in looks:
        votes[look.plate] += _weight(look)
    best = max(votes, key=lambda plate: votes[plate])
    return max((look for look in looks if look.plate == best), key=lambda look: look.confidence)


def agreed_serial(
    chosen: TextLine, looks: Sequence[TextLine], weights: Sequence[float] | None = None
) -> tuple[Character, ...]:
    """Return the chosen serial with each character's probability averaged over all looks.

    A look that read another character, or none, in a position counts 0 there, so disagreement lowers only the
    characters that the looks disagree about.

    Args:
        chosen: one of the looks.
        looks: one or more.
        weights: how much each look counts; all alike where None.
    """
    weights = [1.0] * len(looks) if weights is None else weights
    totals = [0.0] * len(chosen.plate)
    for look, weight in zip(looks, weights, strict=True):
        matcher = SequenceMatcher(None, chosen.plate, look.plate, autojunk=False)
        serial = look.serial
        for ours, theirs, length in matcher.get_matching_blocks():
            for i in range(length):
                totals[ours + i] += weight * serial[theirs + i].confidence
    return tuple(
        replace(character, confidence=min(1.0, total / sum(weights)))
        for character, total in zip(chosen.serial, totals, strict=True)
    )
