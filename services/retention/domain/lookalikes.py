"""How likely a stored plate is the one that was typed, read with look-alikes."""

from uuid import UUID

from shared.core.matching import LOOKALIKE_CLASSES, CompiledPattern, fold
from shared.core.plates import PlatePattern
from shared.core.types import PlateText

MOST_LISTED = 50
"""The most plates in an answer."""

_CONFUSED = 0.1
"""The share of characters of a class that a reader confuses with another one of it. It orders the answer; a camera's
own share depends on its place and light."""

_OTHERS = {one: len(members) - 1 for members in LOOKALIKE_CLASSES for one in members}
"""The number of characters with which each one may be confused."""


class Lookalikes:
    """Rates plates that match a pattern with look-alikes."""

    def __init__(self, pattern: PlatePattern) -> None:
        self._compiled = CompiledPattern(UUID(int=0), pattern.text)

    def likelihood(self, plate: PlateText) -> float:
        """Return how likely a plate is, relative to one that matches as typed: 1, and less for each difference.

        0 for a plate that does not match at all.
        """
        differences = self._compiled.match(plate, fold(plate))
        if differences is None:
            return 0
        likely = 1.0
        for difference in differences:
            likely *= _CONFUSED / _OTHERS[difference.listed]
        return likely

    def ranked(self, plates: list[PlateText]) -> list[tuple[PlateText, float]]:
        """Return plates with their likelihood, the most likely first, equally likely ones in the order of the text."""
        rated = [(plate, self.likelihood(plate)) for plate in plates]
        return sorted(rated, key=lambda one: (-one[1], one[0]))
