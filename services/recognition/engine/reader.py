"""Reads a plate whose corners are known, with probabilities."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from services.recognition.engine.ctc import (
    Classes,
    Decoded,
    Place,
    Steps,
    decode,
    tempered,
)
from services.recognition.engine.geometry import Quad, back_to_frame, size_px
from services.recognition.engine.network import Network, fact
from services.recognition.engine.protocol import Alternative, Character, Characters, considered
from services.recognition.engine.small_characters import Small, none, small_in, without
from services.recognition.models import ALPHABET, READER_HEIGHT_PX, READER_WIDTH_PX
from shared.core.region_packs import PlateShape, Regions

PICTURE_PX: Final = (READER_WIDTH_PX, READER_HEIGHT_PX)
"""Width and height of the network's input."""
REDUCED_OVER: Final = 1.6
"""If a plate is wider than the picture by more than this factor, its frame is reduced first."""
LEGIBLE: Final = 0.5
"""Probability of being a legible plate below which the reader never decodes, whatever the settings."""
CUTS: Final = ((1.03, 1.06), (0.97, 0.94))
"""Further cuts of a plate, with its corners scaled by these shares across and down. A detector's error is of
this size, so a reading found in all cuts does not depend on it."""
BATCH: Final = 16
"""Plates per run of the network; more cost memory and gain nothing."""

HALF_A_CHARACTER: Final = 0.055
"""Share of a plate's width from a character's middle to its edge."""


@dataclass(frozen=True, slots=True)
class Text(Characters):
    """A plate as read; it has no characters if the plate is illegible or blank."""

    alternatives: tuple[Alternative, ...]
    """This text first, then the next probable ones, three in all."""
    probability: float
    """Probability that the whole text is right."""
    legible: float
    """Probability that this is a legible plate."""
    region: str | None
    """ISO 3166-2, such as `US-CA`; None below the minimum."""
    line: Quad
    """Around the characters, px of the frame."""
    as_read: str
    """The network's own text: with the small stacked characters that `characters` may leave out, and without
    regard to the series that states issue."""


@dataclass(frozen=True, slots=True)
class _CutReading:
    """The network's output for one cut of a plate."""

    steps: Steps
    """(T, 37) probabilities of classes."""
    legible: float
    matrix: NDArray[np.float64]
    """(3, 3), from the frame to the cut."""


class States(Protocol):
    """Names the states that issued plates; see `StateReader`."""

    @property
    def version(self) -> str:
        """The version of the network that reads them."""

    def read(self, plates: Sequence[tuple[NDArray[np.uint8], Quad]]) -> list[str | None]:
        """Return the state of each plate, such as `US-CA`, or None."""


class PlateReader:
    """Reads plates, many at a time."""

    def __init__(
        self,
        network: Network,
        states: States | None = None,
        *,
        regions: Regions,
        legible_minimum: float = LEGIBLE,
        recut_below: float = 0.0,
        with_stacked: bool = True,
    ) -> None:
        """Set up a reader.

        Args:
            network: takes `plates` (N, 64, 160, 3), gives log-probabilities `characters`
                (N, T, 37) and `plate` (N,). Its metadata holds its margins and the temperature that calibrates
                its characters.
            states: names the state of each legible plate, which also is evidence for its serial; None for no
                state.
            regions: the chosen region packs: their series are evidence for a serial, their shapes of plates
                say where its line is.
            legible_minimum: a plate that cannot reach this probability of being legible, even by the mean of all
                cuts, is not decoded.
            recut_below: legible plates with a character less probable than this are read in further cuts, a
                little wider and a little narrower.
            with_stacked: whether a pair of small characters, one above the other, is part of the plate, or only
                of the text as read.

        Raises: NoSuchModel if the network's metadata lacks any of these.
        """
        self._network = network
        self._states = states
        self._issued = regions
        self._worth_reading = max(LEGIBLE, 1 - (1 + len(CUTS)) * (1 - legible_minimum))
        self._recut_below = recut_below
        self._with_stacked = with_stacked
        self._margins = float(fact(network, "margin_across")), float(fact(network, "margin_up"))
        self._temperature = float(fact(network, "temperature"))
        self._version = fact(network, "version")

    @property
    def versions(self) -> tuple[str, ...]:
        """The reader network's version, and that of the network that names states."""
        return self._version, *(() if self._states is None else (self._states.version,))

    def read(self, plates: Sequence[tuple[NDArray[np.uint8], Quad]]) -> list[Text]:
        """Read plates.

        Args:
            plates: frames, (H, W, 3) uint8 BGR, each with a plate's corners in it, px.
        """
        seen = self._seen(plates)
        regions = self._regions(plates, seen)
        shapes = [self._shape(quad) for _, quad in plates]
        texts = [
            self._text([cut], region, shape)
            for cut, region, shape in zip(seen, regions, shapes, strict=True)
        ]
        doubted = [
            i
            for i, text in enumerate(texts)
            if text.legible >= self._worth_reading and text.confidence < self._recut_below
        ]
        again = self._seen(
            [(plates[i][0], _about(plates[i][1], by)) for i in doubted for by in CUTS]
        )
        for n, i in enumerate(doubted):
            cuts = [seen[i], *again[n * len(CUTS) : (n + 1) * len(CUTS)]]
            texts[i] = self._text(cuts, regions[i], shapes[i])
        return texts

    def _regions(
        self, plates: Sequence[tuple[NDArray[np.uint8], Quad]], seen: Sequence[_CutReading]
    ) -> list[str | None]:
        """Return the state of each plate that is legible enough to read, else None."""
        found: list[str | None] = [None] * len(plates)
        if self._states is None:
            return found
        worth = [i for i, cut in enumerate(seen) if cut.legible >= self._worth_reading]
        for i, region in zip(worth, self._states.read([plates[i] for i in worth]), strict=True):
            found[i] = region
        return found

    def _seen(self, plates: Sequence[tuple[NDArray[np.uint8], Quad]]) -> list[_CutReading]:
        readings: list[_CutReading] = []
        for start in range(0, len(plates), BATCH):
            part = plates[start : start + BATCH]
            cuts = [rectify(frame, quad, *self._margins) for frame, quad in part]
            outputs = self._network.run(np.stack([picture for picture, _ in cuts]))
            readings += [
                _CutReading(tempered(characters, self._temperature), float(legible), matrix)
                for characters, legible, (_, matrix) in zip(
                    outputs["characters"], outputs["plate"], cuts, strict=True
                )
            ]
        return readings

    def _shape(self, quad: Quad) -> PlateShape:
        """Return the shape of plates whose sides are nearest to those of the corners."""
        width, height = size_px(quad)
        aspect = max(width, 1.0) / max(height, 1.0)
        return min(
            self._issued.plates,
            key=lambda shape: abs(math.log(shape.width_mm / shape.height_mm / aspect)),
        )

    def _text(self, cuts: Sequence[_CutReading], region: str | None, shape: PlateShape) -> Text:
        if cuts[0].legible < self._worth_reading:
            whole = back_to_frame(_inner(*self._margins), cuts[0].matrix)
            return Text((), (), 1.0, cuts[0].legible, None, whole, "")
        steps = len(cuts[0].steps)
        views = [cut.steps for cut in cuts]
        leaves_out = shape.small_pairs and not self._with_stacked
        small = small_in(views) if leaves_out else none
        decoded = decode(
            views,
            prior=lambda text: self._issued.issued_oftener(_word(text), region),
            reduced=partial(without, small=small),
        )
        absent = small(decoded.places)
        read = [
            _character(place, sure, others)
            for i, (place, sure, others) in enumerate(
                zip(decoded.places, decoded.certainty, decoded.rivals, strict=True)
            )
            if i not in absent
        ]
        alternatives = _alternatives(decoded, small)
        line = _line(decoded.places, steps, self._margins, shape)
        return Text(
            characters=tuple(read),
            alternatives=alternatives,
            probability=alternatives[0].probability if alternatives else 1.0,
            legible=float(np.mean([cut.legible for cut in cuts])),
            region=region,
            line=back_to_frame(line, cuts[0].matrix),
            as_read=_word(decoded.seen),
        )


def _character(place: Place, sure: float, others: Mapping[int, float]) -> Character:
    return considered(
        _word((place.label,)), sure, {_word((label,)): odds for label, odds in others.items()}
    )


def _alternatives(decoded: Decoded, small: Small) -> tuple[Alternative, ...]:
    """Return the text as decoded and the next probable ones, all without their small characters."""
    ranked = ((without(decoded.places, small), decoded.probability), *decoded.others)
    return tuple(Alternative(_word(text), min(1.0, odds)) for text, odds in ranked if text)


def _about(quad: Quad, by: tuple[float, float]) -> Quad:
    """Scale corners from their middle, across and down."""
    middle = quad.mean(axis=0)
    return np.asarray(middle + (quad - middle) * np.array(by), np.float32)


def _word(text: Classes) -> str:
    return "".join(ALPHABET[label - 1] for label in text)


def rectify(
    frame: NDArray[np.uint8],
    quad: Quad,
    across: float,
    up: float,
    size_in_px: tuple[int, int] = PICTURE_PX,
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Cut out a plate as a network sees it, in training too: straightened, with a margin on each side.

    Large plates are reduced by averaging first, so that no stroke is skipped.

    Args:
        frame: (H, W, 3) uint8, BGR.
        quad: (4, 2) px of the frame's edges (0 is the left edge of the first pixel, not its middle),
            clockwise from the plate's top left; may reach over the frame's edge; edge pixels are then
            repeated.
        across: margin on the left and on the right, a share of the plate's width.
        up: margin above and below, a share of its height.
        size_in_px: width and height of the picture.

    Returns: (h, w, 3) uint8, BGR; and the (3, 3) matrix from the frame to it, px of edges.
    """
    wide = _drawn_out(quad, across, up)
    width, height = size_in_px
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    x0, y0, x1, y1 = _window(frame, wide, width)
    reduced_by = size_px(quad)[0] / width
    scale = 1 / reduced_by if reduced_by > REDUCED_OVER else 1.0
    part = frame[y0:y1, x0:x1]
    if scale < 1:
        size = max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale))
        part = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
    scales = np.array([part.shape[1] / (x1 - x0), part.shape[0] / (y1 - y0)])
    here = ((wide - (x0, y0)) * scales).astype(np.float32)
    # cv2 counts from the middle of the first pixel.
    warp = cv2.getPerspectiveTransform(here - np.float32(0.5), target - np.float32(0.5))
    picture = cv2.warpPerspective(
        part, warp, size_in_px, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    matrix = cv2.getPerspectiveTransform(wide, target)
    return np.asarray(picture, np.uint8), np.asarray(matrix, np.float64)


def _drawn_out(quad: Quad, across: float, up: float) -> Quad:
    """Extend the four sides of a quadrilateral at both ends by shares of their own lengths."""
    top, bottom = quad[1] - quad[0], quad[2] - quad[3]
    left, right = quad[3] - quad[0], quad[2] - quad[1]
    return np.array(
        [
            quad[0] - across * top - up * left,
            quad[1] + across * top - up * right,
            quad[2] + across * bottom + up * right,
            quad[3] - across * bottom + up * left,
        ],
        np.float32,
    )


def _window(frame: NDArray[np.uint8], wide: Quad, width_px: int) -> tuple[int, int, int, int]:
    """Return the part of the frame that the picture needs, at least one pixel: x0, y0, x1, y1."""
    frame_px = np.array(frame.shape[1::-1])
    spare = 2 + 4 * size_px(wide)[0] / width_px
    x0, y0 = (int(at) for at in np.clip(wide.min(axis=0) - spare, 0, frame_px - 1))
    far = np.clip(np.ceil(wide.max(axis=0) + spare), (x0 + 1, y0 + 1), frame_px)
    return x0, y0, int(far[0]), int(far[1])


def _inner(across: float, up: float) -> Quad:
    """Return the corners of the plate itself in the picture, (4, 2) px."""
    width, height = PICTURE_PX
    left, top = width * across / (1 + 2 * across), height * up / (1 + 2 * up)
    return np.array(
        [[left, top], [width - left, top], [width - left, height - top], [left, height - top]],
        np.float32,
    )


def _line(
    places: Sequence[Place], steps: int, margins: tuple[float, float], shape: PlateShape
) -> Quad:
    """Return a quadrilateral around the characters, px of the picture; the whole plate if it has none.

    Steps run along the plate's upper half and then along its lower one. A plate whose lower half has characters
    further left than the last one of the upper half has two lines, which fill it.
    """
    inner = _inner(*margins)
    (left, top), (right, bottom) = inner[0], inner[2]
    if not places:
        return inner
    columns = steps // 2
    middles = [place.middle for place in places]
    at = [(middle % columns) / columns * PICTURE_PX[0] for middle in middles]
    reach = HALF_A_CHARACTER * (right - left)
    x0, x1 = max(left, min(at) - reach), min(right, max(at) + reach)
    upper = [x for x, middle in zip(at, middles, strict=True) if middle < columns]
    lower = [x for x, middle in zip(at, middles, strict=True) if middle >= columns]
    if not upper or not lower or min(lower) > max(upper):
        top, bottom = (
            top + share * (bottom - top) for share in (shape.serial_top, shape.serial_bottom)
        )
    return np.array([[x0, top], [x1, top], [x1, bottom], [x0, bottom]], np.float32)
