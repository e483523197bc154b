"""What stands on a plate whose corners are known, and how probable it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.recognition.ctc import Classes, Place, decode, tempered
from services.recognition.engine import Alternative, Character
from services.recognition.geometry import Quad, back_to_frame, size_px
from services.recognition.network import Network

PICTURE_PX: Final = (160, 64)
"""Width and height of what the network takes."""
ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Classes 1 to 36; class 0 is the blank."""
UNKNOWN: Final = "unknown"
BATCH: Final = 16
"""Plates that go through the network together; more take memory and gain nothing."""

ONE_LINE: Final = (0.25, 0.80)
"""Top and bottom of a single line of characters, shares of a plate's height: a serial is 2.7 in of
6 in high, under the state's name (SAE J686 and the states' dies)."""
HALF_A_CHARACTER: Final = 0.055
"""Share of a plate's width from a character's middle to its edge."""


@dataclass(frozen=True, slots=True)
class Text:
    """A plate as read."""

    characters: tuple[Character, ...]
    """Empty where nothing stands there."""
    alternatives: tuple[Alternative, ...]
    """This text first, then the next probable ones, three in all."""
    probability: float
    """That the text is right as a whole."""
    legible: float
    """Probability that this is a plate that can be read at all."""
    region: str | None
    """ISO 3166-2, such as `US-CA`; None under the bar."""
    line: Quad
    """Around the characters, px of the frame."""

    @property
    def plate(self) -> str:
        """The characters as one word."""
        return "".join(character.text for character in self.characters)

    @property
    def confidence(self) -> float:
        """The lowest probability of any character, 0 where there is none."""
        return min((character.confidence for character in self.characters), default=0.0)


class PlateReader:
    """Reads plates, many at a time."""

    def __init__(self, network: Network, *, region_minimum: float) -> None:
        """Set up a reader.

        Args:
            network: takes `plates` (N, 64, 160, 3), gives log-probabilities `characters`
                (N, T, 37) and `region` (N, R), and `plate` (N,). Its own description says its
                regions, its margins and the temperature that calibrates its characters.
            region_minimum: probability from which a state is told.
        """
        about = network.about
        self._network = network
        self._region_minimum = region_minimum
        self._regions = tuple(about["regions"].split(","))
        self._margins = float(about["margin_across"]), float(about["margin_up"])
        self._temperature = float(about["temperature"])

    @property
    def version(self) -> str:
        """The network's version."""
        return self._network.about["version"]

    def read(self, plates: Sequence[tuple[NDArray[np.uint8], Quad]]) -> list[Text]:
        """Read plates.

        Args:
            plates: frames, (H, W, 3) uint8 BGR, each with a plate's corners in it, px.
        """
        texts: list[Text] = []
        for start in range(0, len(plates), BATCH):
            part = plates[start : start + BATCH]
            cuts = [rectify(frame, quad, *self._margins) for frame, quad in part]
            outputs = self._network.run(np.stack([picture for picture, _ in cuts]))
            texts += [
                self._text(characters, region, legible, matrix)
                for characters, region, legible, (_, matrix) in zip(
                    outputs["characters"], outputs["region"], outputs["plate"], cuts, strict=True
                )
            ]
        return texts

    def _text(
        self,
        characters: NDArray[np.float32],
        region: NDArray[np.float32],
        legible: np.float32,
        matrix: NDArray[np.float64],
    ) -> Text:
        decoded = decode(tempered(characters, self._temperature))
        read = zip(decoded.text, decoded.certainty, strict=True)
        ranked = ((decoded.text, decoded.probability), *decoded.others)
        line = _line(decoded.places, len(characters), self._margins)
        return Text(
            characters=tuple(Character(_word((label,)), sure) for label, sure in read),
            alternatives=tuple(
                Alternative(_word(text), min(1.0, odds)) for text, odds in ranked if text
            ),
            probability=min(1.0, decoded.probability),
            legible=float(legible),
            region=self._region(region),
            line=back_to_frame(line, matrix),
        )

    def _region(self, odds: NDArray[np.float32]) -> str | None:
        best = int(odds.argmax())
        name = self._regions[best]
        if name == UNKNOWN or float(np.exp(odds[best])) < self._region_minimum:
            return None
        return name if "-" in name else f"US-{name}"


def _word(text: Classes) -> str:
    return "".join(ALPHABET[label - 1] for label in text)


def rectify(
    frame: NDArray[np.uint8], quad: Quad, across: float, up: float
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """A plate as the network sees it: straight, with a margin in the plate's own plane.

    Large plates are reduced by averaging first, so that no stroke is skipped.

    Args:
        frame: (H, W, 3) uint8, BGR.
        quad: (4, 2) px of the frame's edges (0 is the left edge of the first pixel, not its
            middle), clockwise from the plate's top left; may reach over the frame's edge, which
            is then repeated.
        across: margin on the left and on the right, a share of the plate's width.
        up: margin above and below, a share of its height.

    Returns: (64, 160, 3) uint8, BGR; and the (3, 3) matrix from the frame to it, px of edges.
    """
    inner = _inner(across, up)
    matrix = cv2.getPerspectiveTransform(quad.astype(np.float32), inner)
    origin, scale = _window(frame, quad, across, up)
    x0, y0, x1, y1 = origin
    part = frame[y0:y1, x0:x1]
    if scale < 1:
        size = max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale))
        part = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
    scales = np.array([part.shape[1] / (x1 - x0), part.shape[0] / (y1 - y0)])
    here = ((quad - (x0, y0)) * scales).astype(np.float32)
    # cv2 counts from the middle of the first pixel.
    warp = cv2.getPerspectiveTransform(here - np.float32(0.5), inner - np.float32(0.5))
    picture = cv2.warpPerspective(
        part, warp, PICTURE_PX, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(picture, np.uint8), np.asarray(matrix, np.float64)


def _inner(across: float, up: float) -> Quad:
    """Where the plate itself lies in the picture, px."""
    width, height = PICTURE_PX
    left, top = width * across / (1 + 2 * across), height * up / (1 + 2 * up)
    return np.array(
        [[left, top], [width - left, top], [width - left, height - top], [left, height - top]],
        np.float32,
    )


def _window(
    frame: NDArray[np.uint8], quad: Quad, across: float, up: float
) -> tuple[tuple[int, int, int, int], float]:
    """The part of the frame that the picture needs, x0, y0, x1, y1; and by how much to reduce it."""
    height, width = frame.shape[:2]
    low, high = quad.min(axis=0), quad.max(axis=0)
    reach = (high - low) * (2 * max(across, up)) + 2
    frame_px = np.array([width, height])
    x0, y0 = (int(at) for at in np.clip(low - reach, 0, frame_px - 1))
    x1, y1 = (int(at) for at in np.clip(np.ceil(high + reach), (x0 + 1, y0 + 1), frame_px))
    across_px, up_px = size_px(quad)
    reduced_by = min(across_px / PICTURE_PX[0], up_px / PICTURE_PX[1])
    return (x0, y0, x1, y1), 1.0 if reduced_by < 1.5 else 1 / reduced_by


def _line(places: Sequence[Place], steps: int, margins: tuple[float, float]) -> Quad:
    """Around the characters, px of the picture; the whole plate where there are none.

    Steps go along the plate's upper half and then along its lower one. A plate whose lower half has
    characters further left than the last one of the upper half has two lines, which fill it.
    """
    inner = _inner(*margins)
    (left, top), (right, bottom) = inner[0], inner[2]
    if not places:
        return inner
    columns = steps // 2
    middles = [(place.start + place.stop) / 2 for place in places]
    at = [(middle % columns) / columns * PICTURE_PX[0] for middle in middles]
    reach = HALF_A_CHARACTER * (right - left)
    x0, x1 = max(left, min(at) - reach), min(right, max(at) + reach)
    upper = [x for x, middle in zip(at, middles, strict=True) if middle < columns]
    lower = [x for x, middle in zip(at, middles, strict=True) if middle >= columns]
    if not upper or not lower or min(lower) > max(upper):
        top, bottom = (top + share * (bottom - top) for share in ONE_LINE)
    return np.array([[x0, top], [x1, top], [x1, bottom], [x0, bottom]], np.float32)
