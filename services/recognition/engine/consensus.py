"""Chooses one reading out of several readings of the same plate.

Each is the engine's own reading of another cut of the frame. The winner is one of them, character
for character: readings vote and are never blended into a new text.
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
"""A reading that fits an issued series counts a quarter more; a clear reading outvotes it easily."""
ODD_LENGTH_WEIGHT: Final = 0.1
USUAL_LENGTHS: Final = range(4, 9)


def _weight(reading: TextLine) -> float:
    weight = reading.confidence
    if len(reading.plate) not in USUAL_LENGTHS:
        weight *= ODD_LENGTH_WEIGHT
    return weight * SERIES_WEIGHT if is_issued_series(reading.plate) else weight


def winner(readings: Sequence[TextLine]) -> TextLine:
    """Return the reading whose serial gathered the most weight; of several, the most confident.

    Args:
        readings: one or more lines; where none holds a serial the first is returned.
    """
    votes: dict[str, float] = defaultdict(float)
    for reading in readings:
        votes[reading.plate] += _weight(reading)
    best = max(votes, key=lambda plate: votes[plate])
    return max(
        (reading for reading in readings if reading.plate == best),
        key=lambda reading: reading.confidence,
    )


def agreed_serial(
    chosen: TextLine, readings: Sequence[TextLine], weights: Sequence[float] | None = None
) -> tuple[Character, ...]:
    """Return the chosen serial with each character's probability averaged over all readings.

    A reading that read another character, or none, in a position counts 0 there, so disagreement lowers only the
    characters that the readings disagree about.

    Args:
        chosen: one of the readings.
        readings: one or more.
        weights: how much each reading counts; all alike where None.
    """
    weights = [1.0] * len(readings) if weights is None else weights
    totals = [0.0] * len(chosen.plate)
    for reading, weight in zip(readings, weights, strict=True):
        matcher = SequenceMatcher(None, chosen.plate, reading.plate, autojunk=False)
        serial = reading.serial
        for ours, theirs, length in matcher.get_matching_blocks():
            for i in range(length):
                totals[ours + i] += weight * serial[theirs + i].confidence
    return tuple(
        replace(character, confidence=min(1.0, total / sum(weights)))
        for character, total in zip(chosen.serial, totals, strict=True)
    )
