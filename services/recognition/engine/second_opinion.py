"""Adds PaddleOCR's reading of a plate that our own reader is not sure of, and weighs the two.

Readings vote. The winner is a text that one of them read, character for character; texts are never blended or
rewritten. Our reader gives each candidate its probability as votes; each of PaddleOCR's readings gives its text
its lowest character's probability times its share of `WEIGHT`. A text of a series that the state issues
counts a quarter more in the vote, but its probability stays as it is.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from services.recognition.engine.consensus import SERIES_WEIGHT, agreed_serial
from services.recognition.engine.geometry import Quad, back_to_frame, enlarge, size_px, straighten
from services.recognition.engine.plausibility import (
    Glyph,
    TextLine,
    could_hold_a_plate,
    objection,
    without_words,
)
from services.recognition.engine.protocol import Alternative
from services.recognition.engine.reader import Text
from services.recognition.engine.text import PaddleText
from services.recognition.engine.weights import find_pair
from shared.core.region_packs import Regions

WEIGHT: Final = 0.5
"""Weight of PaddleOCR's readings together, beside our own reader's 1. They see the same plate and make the same
errors, so two count no more than one. A text that our reader holds impossible wins only if its own has less
than about 0.5; one that it holds possible needs less."""
AROUND: Final = 0.12
"""Margin around the plate in the cut that is searched for lines, share of each side."""
CUT_HEIGHT_PX: Final = 96
"""Height of that cut: characters come out near the 48 px that PaddleOCR reads at."""
MOST_ALTERNATIVES: Final = 3


class Opinion(Protocol):
    """Another reader of plates."""

    def load(self) -> None:
        """Load everything that `readings` needs."""

    def readings(self, frame: NDArray[np.uint8], plate: Quad, line: Quad) -> list[TextLine]:
        """Return its readings of a plate; an empty list if it sees no serial.

        Args:
            frame: (H, W, 3) uint8, BGR.
            plate: (4, 2) px, the plate's corners.
            line: (4, 2) px, around its characters as our own reader saw them.
        """


class PaddleOpinion:
    """Runs PaddleOCR on one plate: on the largest line that it finds there, and on the line that we found.

    Loading takes 3 s and about 400 MB, so it happens in `load` or on first use.
    """

    def __init__(self, model: str, regions: Regions) -> None:
        self._pair = find_pair(model)
        self._lengths = regions.lengths
        self._text: PaddleText | None = None

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over its weights."""
        return self._pair.digest

    def load(self) -> None:
        """Load PaddleOCR, once."""
        self._loaded()

    def readings(self, frame: NDArray[np.uint8], plate: Quad, line: Quad) -> list[TextLine]:
        """Return up to two readings; see `Opinion.readings`."""
        text = self._loaded()
        seen = [self._found(text, frame, plate), TextLine(text.read(frame, line), line)]
        whole = [without_words(reading) for reading in seen if reading is not None]
        return [reading for reading in whole if objection(reading, self._lengths) is None]

    def _loaded(self) -> PaddleText:
        if self._text is None:
            self._text = PaddleText(self._pair)
        return self._text

    def _found(self, text: PaddleText, frame: NDArray[np.uint8], plate: Quad) -> TextLine | None:
        cut, matrix = straighten(frame, enlarge(plate, AROUND, AROUND), CUT_HEIGHT_PX)
        lines = [
            line
            for line in text.detect(cut, max(cut.shape[:2]))
            if could_hold_a_plate(line, self._lengths[-1]) is None
        ]
        if not lines:
            return None
        largest = max(lines, key=lambda line: float(np.prod(size_px(line))))
        return TextLine(text.read(cut, largest), back_to_frame(largest, matrix))


def weighed(own: Text, second: Sequence[TextLine], regions: Regions) -> tuple[Text, str]:
    """Return our own reading after a vote with the second readings.

    Args:
        own: our reader's text, with at least one character.
        second: the second readings; an empty sequence leaves `own` unchanged.
        regions: the chosen region packs; a serial that they issue counts more.

    Returns: the winner, whose probability is its share of the votes and whose characters' probabilities are
        averaged over the readings; and its text as read, separators included.
    """
    if not second:
        return own, own.as_read
    weight = WEIGHT / len(second)
    votes = {one.plate: one.probability for one in own.alternatives}
    for reading in second:
        votes[reading.plate] = votes.get(reading.plate, 0.0) + weight * reading.confidence
    lines = [_as_line(own), *second]
    chosen = max(
        lines,
        key=lambda line: votes[line.plate] * _series_weight(line.plate, own.region, regions),
    )
    cast = 1 + WEIGHT
    others = sorted(
        (plate for plate in votes if plate != chosen.plate), key=lambda one: -votes[one]
    )
    ranked = [chosen.plate, *others][:MOST_ALTERNATIVES]
    text = replace(
        own,
        characters=agreed_serial(chosen, lines, [1.0, *(weight for _ in second)]),
        alternatives=tuple(Alternative(plate, votes[plate] / cast) for plate in ranked),
        probability=votes[chosen.plate] / cast,
    )
    return text, own.as_read if chosen is lines[0] else chosen.text


def _series_weight(plate: str, region: str | None, regions: Regions) -> float:
    return SERIES_WEIGHT if regions.is_issued(plate, region) else 1.0


def _as_line(own: Text) -> TextLine:
    count = len(own.characters)
    return TextLine(
        tuple(
            Glyph(one.text, one.confidence, (i + 0.5) / count, one.alternatives)
            for i, one in enumerate(own.characters)
        ),
        own.line,
    )
