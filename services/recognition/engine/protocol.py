"""The interface of a plate reading engine: a name, a digest and `read`. The settings choose the engine."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]
NEGLIGIBLE: Final = 5e-5
"""Probability up to which a character of a place is left out: it is 0 in the four digits of an event."""

Corners = tuple[Point, Point, Point, Point]
"""Four (x, y) points in pixels, clockwise from the text's top left."""


MOST_CONSIDERED: Final = 4
"""The most characters of one place."""


@dataclass(frozen=True, slots=True)
class Considered:
    """A character that the engine considers possible in a place, with its probability (0 to 1)."""

    text: str
    probability: float


@dataclass(frozen=True, slots=True)
class Character:
    """One character as the engine read it, with its probability (0 to 1)."""

    text: str
    confidence: float
    alternatives: tuple[Considered, ...] = ()
    """The most probable characters in this place, four at the most, this one first; empty if the engine considers no
    other."""


def considered(text: str, confidence: float, others: Mapping[str, float]) -> Character:
    """Return a character with the most probable others of its place.

    Args:
        text: the character as read.
        confidence: its probability.
        others: other characters with their probabilities; those that are `NEGLIGIBLE` or less are left out.
    """
    worth = sorted(
        (
            Considered(other, odds)
            for other, odds in others.items()
            if other != text and odds > NEGLIGIBLE
        ),
        key=lambda one: (-one.probability, one.text),
    )[: MOST_CONSIDERED - 1]
    return Character(text, confidence, (Considered(text, confidence), *worth) if worth else ())


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle in pixels, inside its frame."""

    x_px: int
    y_px: int
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True)
class Alternative:
    """A plate that the engine considers possible, with its probability (0 to 1)."""

    plate: str
    probability: float


@dataclass(frozen=True, slots=True)
class Characters:
    """Characters in reading order, as one plate."""

    characters: tuple[Character, ...]

    @property
    def plate(self) -> str:
        """The letters and digits A-Z and 0-9 of the characters, unchanged; separators are dropped."""
        return "".join(character.text for character in self.characters)

    @property
    def confidence(self) -> float:
        """The lowest probability of any character, so that one doubtful character decides; 0 without characters."""
        return min((character.confidence for character in self.characters), default=0.0)


@dataclass(frozen=True, slots=True)
class PlateReading(Characters):
    """One plate in a frame; it has at least one character."""

    plate_as_read: str
    """The engine's text, separators and case included."""
    corners: Corners
    """The line of characters (not the plate's edge), px of the decoded frame."""
    box: Box
    """The plate, estimated from its line of characters."""
    crop: Box
    """The plate with its surroundings, shown to people."""
    region: str | None = None
    """ISO 3166-2 code of the issuer, such as `US-CA`; None if the engine cannot say."""
    alternatives: tuple[Alternative, ...] = ()
    """The most probable plates, three at the most, this reading first; empty if the engine gives no
    probabilities of whole plates."""
    misread_risk: float | None = None
    """1 less the calibrated probability that every character is right, 0 to 1; None if the engine gives none.
    Higher than 1 - `confidence`, which concerns one character only."""


class Engine(Protocol):
    """Reads plates out of frames. Not safe to share between threads; one per worker."""

    @property
    def name(self) -> str:
        """Model family and the revision of the rules around it, such as `ppocrv6-small/2`."""

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over the weights, so that a disputed read can be repeated."""

    def read(self, frame: NDArray[np.uint8]) -> Sequence[PlateReading]:
        """Return all plates in a frame, left to right, those of low confidence included.

        Args:
            frame: (H, W, 3) uint8, BGR; any size from 1x1.

        Returns: an empty sequence if the frame shows no plate.

        The content of a frame causes no exception; one is a fault of the engine.
        """

    def read_batch(self, frames: Sequence[NDArray[np.uint8]]) -> Sequence[Sequence[PlateReading]]:
        """Read several frames at once, which may cost less; returns one answer per frame, as `read` does."""

    def warm_up(self) -> None:
        """Load everything that otherwise loads on first use, so that no frame waits for it."""


DIGEST_DIGITS: Final = 16
"""Digits of an engine's digest in records."""


def named(engine: Engine) -> str:
    """Return an engine as records name it, `name@digest`."""
    return f"{engine.name}@{engine.digest[:DIGEST_DIGITS]}"


EngineFactory = Callable[[], Engine]
"""Builds the engine inside the worker; picklable."""
