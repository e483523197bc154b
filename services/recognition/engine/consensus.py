"""Chooses one reading out of several readings of the same plate.

Each is the engine's own reading of another cut of the frame. The winner is one of them, character
for character: readings vote and are never blended into a new text.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Final

from services.recognition.engine.plausibility import TextLine
from services.recognition.engine.protocol import Character, Considered, considered
from shared.core.region_packs import Regions

SERIES_WEIGHT: Final = 1.25
"""A reading that fits an issued series counts a quarter more; a clear reading outvotes it easily."""
ODD_LENGTH_WEIGHT: Final = 0.1
USUAL_LENGTHS: Final = range(4, 9)


def _weight(reading: TextLine, regions: Regions) -> float:
    weight = reading.confidence
    if len(reading.plate) not in USUAL_LENGTHS:
        weight *= ODD_LENGTH_WEIGHT
    return weight * SERIES_WEIGHT if regions.is_issued(reading.plate) else weight


def winner(readings: Sequence[TextLine], regions: Regions) -> TextLine:
    """Return the reading whose serial gathered the most weight; of several, the most confident.

    Args:
        readings: one or more lines; where none holds a serial the first is returned.
        regions: the chosen region packs; a serial that they issue counts more.
    """
    votes: dict[str, float] = defaultdict(float)
    for reading in readings:
        votes[reading.plate] += _weight(reading, regions)
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
    characters that the readings disagree about. The other readings' characters are the alternatives there.

    Args:
        chosen: one of the readings.
        readings: one or more.
        weights: how much each reading counts; all alike where None.
    """
    weights = [1.0] * len(readings) if weights is None else weights
    totals = [0.0] * len(chosen.plate)
    others: list[dict[str, float]] = [defaultdict(float) for _ in chosen.plate]
    whole = sum(weights)
    for reading, weight in zip(readings, weights, strict=True):
        for ours, theirs in _beside(chosen.plate, reading):
            if theirs.text == chosen.plate[ours]:
                totals[ours] += weight * theirs.confidence
            for other in theirs.alternatives or (Considered(theirs.text, theirs.confidence),):
                others[ours][other.text] += weight * other.probability / whole
    return tuple(
        considered(character.text, min(1.0, total / whole), rivals)
        for character, total, rivals in zip(chosen.serial, totals, others, strict=True)
    )


def _beside(plate: str, reading: TextLine) -> Iterator[tuple[int, Character]]:
    """Yield positions of a plate with the characters that a reading has there."""
    serial = reading.serial
    matcher = SequenceMatcher(None, plate, reading.plate, autojunk=False)
    for kind, start, stop, its_start, its_stop in matcher.get_opcodes():
        if kind == "equal" or (kind == "replace" and stop - start == its_stop - its_start):
            for i in range(stop - start):
                yield start + i, serial[its_start + i]
