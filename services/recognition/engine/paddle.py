"""The PaddleOCR engine: finds text in the frame, picks plates among it, reads each again."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.recognition.engine.consensus import agreed_serial, winner
from services.recognition.engine.geometry import (
    Quad,
    back_to_frame,
    bounding_box,
    corners,
    enlarge,
    overlap,
    size_px,
    straighten,
)
from services.recognition.engine.plausibility import (
    PLATE_AROUND,
    Support,
    TextLine,
    could_hold_a_plate,
    distinct,
    has_state_beside,
    joined,
    objection,
    support_needed,
    without_words,
)
from services.recognition.engine.protocol import Alternative, PlateReading
from services.recognition.engine.surroundings import is_enclosed
from services.recognition.engine.text import PaddleText
from services.recognition.engine.weights import find_pair
from shared.core.region_packs import Regions, regions_of

RULES_REVISION: Final = 2
"""Increases with every change to the choice of lines or the combination of readings."""

SURE: Final = 0.97
"""A first reading with every character at least this sure, and of an issued series, is enough."""
BLURRED: Final = 0.8
"""A line whose first reading is less sure than this is read again even if it seems to be a word."""
FINDING_CUTS: Final = ((0.25, 0.6, 48), (0.15, 0.3, 64))
"""Cuts that detect the line again: margins (shares of the line's width and height), line height in px.
They repair lines that the first reading cut short."""
TIGHT_CUT: Final = (0.02, -0.08)
"""A cut of the line alone, slightly lower, which excludes state names and stickers."""
CROP_MARGIN: Final = (0.2, 0.7)
"""Margin around the line, so that the crop shows the whole plate and a little of the car."""


class PaddleEngine:
    """Runs PaddleOCR over the whole frame, picks plates by plausibility, reads each in several cuts."""

    def __init__(self, model: str, *, regions: Regions, longest_px: int) -> None:
        pair = find_pair(model)
        self._name = regions.engine_name(f"{pair.name}/{RULES_REVISION}")
        self._digest = pair.digest
        self._text = PaddleText(pair)
        self._longest_px = longest_px
        self._regions = regions
        self._lengths = regions.lengths

    @property
    def name(self) -> str:
        """The weights' name and the revision of the rules around them."""
        return self._name

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over the weights."""
        return self._digest

    def read(self, frame: NDArray[np.uint8]) -> Sequence[PlateReading]:
        """Return all plates in a frame; see `Engine.read`."""
        lines = self._lines(frame)
        lines_of_plates = [self._readings(frame, line) for line in self._candidates(frame, lines)]
        found = [(winner(cut_lines, self._regions), cut_lines) for cut_lines in lines_of_plates]
        found = [one for one in found if self._holds(frame, *one, lines)]
        separate = distinct([chosen.quad for chosen, _ in found])
        readings = [_reading(frame, *found[i]) for i in separate]
        return sorted(readings, key=lambda reading: reading.corners)

    def warm_up(self) -> None:
        """Does nothing: the constructor loads everything."""

    def read_batch(self, frames: Sequence[NDArray[np.uint8]]) -> Sequence[Sequence[PlateReading]]:
        """Read one frame after another: PaddleOCR gains nothing from batches on one core."""
        return [self.read(frame) for frame in frames]

    def _lines(self, frame: NDArray[np.uint8]) -> list[TextLine]:
        """Read every line of the frame that is the size of a plate's serial or a state's name."""
        quads = self._text.detect(frame, self._longest_px)
        longest = self._lengths[-1]
        return [
            self._line(frame, quad) for quad in quads if could_hold_a_plate(quad, longest) is None
        ]

    def _line(self, frame: NDArray[np.uint8], quad: Quad) -> TextLine:
        return TextLine(self._text.read(frame, quad), quad)

    def _candidates(self, frame: NDArray[np.uint8], lines: Sequence[TextLine]) -> list[TextLine]:
        """Return lines worth further cuts; halves joined end to end come first and replace their parts."""
        cut = [without_words(line) for line in lines]
        whole = [
            line for line in joined(cut, self._lengths) if self._holds(frame, line, [line], lines)
        ]
        single = [
            line
            for line in cut
            if objection(line, self._lengths) is None
            and (line.confidence < BLURRED or self._holds(frame, line, [line], lines))
            and not any(overlap(line.quad, other.quad) > 0.6 for other in whole)
        ]
        return [*whole, *single]

    def _readings(self, frame: NDArray[np.uint8], first: TextLine) -> list[TextLine]:
        """Return several readings of one plate, or only the first if it is sure and fits a series."""
        if first.confidence >= SURE and self._regions.is_issued(first.plate):
            return [first]
        found = [self._find_again(frame, first.quad, *cut) for cut in FINDING_CUTS]
        tight = self._line(frame, enlarge(first.quad, *TIGHT_CUT))
        return [first, *(line for line in found if line is not None), tight]

    def _find_again(
        self, frame: NDArray[np.uint8], quad: Quad, across: float, up: float, line_px: int
    ) -> TextLine | None:
        """Read the largest line in an enlarged cut around a line; None if the cut has none."""
        cut, matrix = straighten(frame, enlarge(quad, across, up), round(line_px * (1 + 2 * up)))
        found = self._text.detect(cut, max(cut.shape[:2]))
        if not found:
            return None
        largest = max(found, key=lambda one: float(np.prod(size_px(one))))
        place = back_to_frame(largest, matrix)
        return without_words(TextLine(self._text.read(cut, largest), place))

    def _holds(
        self,
        frame: NDArray[np.uint8],
        line: TextLine,
        cut_lines: Sequence[TextLine],
        lines: Sequence[TextLine],
    ) -> bool:
        """Whether the line has no objection and enough support from its surroundings.

        One reading that has letters and digits is enough to count a line as a serial and not a word.
        """
        if objection(line, self._lengths) is not None:
            return False
        needed = support_needed(line.plate)
        if len(line.plate) > 4:
            needed = min(needed, *(support_needed(cut.plate) for cut in cut_lines))
        if needed is Support.NONE or has_state_beside(line, lines):
            return True
        return needed is Support.ANY and is_enclosed(frame, line.quad)


def _reading(
    frame: NDArray[np.uint8], chosen: TextLine, cut_lines: Sequence[TextLine]
) -> PlateReading:
    """Turn the chosen reading into a reading.

    PaddleOCR gives neither a probability of a whole line nor a state: the risk is 1 less the product of the
    characters' probabilities, which is not calibrated.
    """
    characters = agreed_serial(chosen, cut_lines)
    whole = math.prod(character.confidence for character in characters)
    return PlateReading(
        plate_as_read=chosen.text,
        characters=characters,
        corners=corners(chosen.quad),
        box=bounding_box(enlarge(chosen.quad, *PLATE_AROUND), frame.shape),
        crop=bounding_box(enlarge(chosen.quad, *CROP_MARGIN), frame.shape),
        alternatives=(Alternative(chosen.plate, whole),),
        misread_risk=1 - whole,
    )


def load_paddle(model: str, *, packs: tuple[str, ...], longest_px: int) -> PaddleEngine:
    """Build PaddleOCR's engine. Raises: NoSuchModel, RegionPackFault."""
    return PaddleEngine(model, regions=regions_of(packs), longest_px=longest_px)
