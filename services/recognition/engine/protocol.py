"""What a plate reading engine is: a name, a digest, and `read`. Engines are chosen by settings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]
Corners = tuple[Point, Point, Point, Point]
"""Four (x, y) points in pixels, clockwise from the text's top left."""


@dataclass(frozen=True, slots=True)
class Character:
    """One character as the engine read it, with its probability (0 to 1)."""

    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle in pixels, inside its frame."""

    x_px: int
    y_px: int
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True)
class Alternative:
    """A plate that the engine holds possible, with the probability (0 to 1) that it is this one."""

    plate: str
    probability: float


@dataclass(frozen=True, slots=True)
class PlateReading:
    """One plate in a frame."""

    plate_as_read: str
    """What the engine said, separators and case included."""
    characters: tuple[Character, ...]
    """The characters of `plate`, one each, in reading order; never empty."""
    corners: Corners
    """The line of characters (not the plate's edge), px of the decoded frame."""
    box: Box
    """The plate, as far as its line of characters tells."""
    crop: Box
    """The plate with its surroundings, for people to look at."""
    region: str | None = None
    """ISO 3166-2 of who issued it, such as `US-CA`; None where the engine cannot tell."""
    alternatives: tuple[Alternative, ...] = ()
    """The most probable plates, three at the most, this reading first; empty where the engine gives
    no probabilities of whole plates."""
    misread_risk: float | None = None
    """1 less the calibrated probability that every character is right, 0 to 1; None where the
    engine cannot tell. Higher than 1 - `confidence`, which is about one character alone."""

    @property
    def plate(self) -> str:
        """A-Z and 0-9 only; separators dropped, nothing rewritten."""
        return "".join(character.text for character in self.characters)

    @property
    def confidence(self) -> float:
        """The lowest probability of any character, so that one bad character gates."""
        return min(character.confidence for character in self.characters)


class Engine(Protocol):
    """Reads plates out of frames. Not safe to share between threads; one per worker."""

    @property
    def name(self) -> str:
        """Model family and the revision of the rules around it, such as `ppocrv6-small/2`."""

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over the weights, so that a disputed read can be made again."""

    def read(self, frame: NDArray[np.uint8]) -> Sequence[PlateReading]:
        """All plates in a frame, from left to right; those of low confidence included.

        Args:
            frame: (H, W, 3) uint8, BGR; any size from 1x1.

        Returns: an empty sequence where nothing looks like a plate.
        Raises: nothing about content; what it raises is a fault of the engine.
        """

    def read_batch(self, frames: Sequence[NDArray[np.uint8]]) -> Sequence[Sequence[PlateReading]]:
        """As `read`, for several frames at once where that costs less; one answer per frame."""

    def warm_up(self) -> None:
        """Load what would otherwise be loaded when first needed, so that no frame waits for it."""


EngineFactory = Callable[[], Engine]
"""Builds the engine inside the worker; picklable."""
