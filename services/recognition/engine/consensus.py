"""One reading out of several looks at the same plate.

Every look is the engine's own reading of another cut of the frame. The winner is one of them,
character for character: looks vote, they are never blended into a text that none of them read.
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
    """The look whose serial gathered the most weight, its surest instance.

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
    """The chosen serial with each character's probability averaged over all looks.

    A look that read something else in a place, or nothing, counts 0 there, so disagreement
    between looks lowers exactly the characters that they disagree about.

    Args:
        chosen: one of the looks.
        looks: one or more.
        weights: how much each look counts, all of them alike where None.
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
