"""Reads a plate whose corners are known, with probabilities."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from services.recognition.engine.ctc import Classes, Decoded, Place, Searched, decode, searched
from services.recognition.engine.cuts import PICTURE_PX, Cut, CutReader, CutReading, rectify
from services.recognition.engine.geometry import Quad, back_to_frame, size_px
from services.recognition.engine.odds import log_odds, of_both
from services.recognition.engine.protocol import Alternative, Character, Characters, considered
from services.recognition.engine.small_characters import Small, none, small_in, without
from services.recognition.engine.states import UNREAD, StateOdds
from services.recognition.models import ALPHABET
from shared.core.region_packs import PlateShape, Regions

LEGIBLE: Final = 0.5
"""Probability of being a legible plate below which no plate is decoded, whatever the settings."""
IN_DOUBT: Final = 3.0
"""How far the first reader's log odds of a legible plate may lie from those that are needed for the second one to be
asked: beyond it, the mean of both hardly ever lies on the other side."""
SCALES: Final = ((1.03, 1.06), (0.97, 0.94))
"""Further cuts of a plate, a wider and a narrower one: its corners are scaled by these shares across and down. A
detector's error is of this size, so a reading found in all cuts does not depend on it."""
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


class States(Protocol):
    """Names the states that issued plates; see `StateReader`."""

    @property
    def version(self) -> str:
        """The version of the network that reads them."""

    def read(self, plates: Sequence[tuple[NDArray[np.uint8], Quad]]) -> list[StateOdds]:
        """Return how likely each state is to have issued each plate, by its name."""


class PlateReader:
    """Reads plates, many at a time."""

    def __init__(
        self,
        first: CutReader,
        states: States | None = None,
        *,
        second: CutReader | None = None,
        regions: Regions,
        recut_below: float = 0.0,
        with_stacked: bool = True,
    ) -> None:
        """Set up a reader.

        Args:
            first: reads every plate.
            second: is asked whether a plate is legible where the first is not sure, and reads doubtful plates too; it
                has the first one's margins. None for the first reader alone.
            states: says how likely each state is to have issued a legible plate. A state that is sure by its name
                is evidence for the serial; the serial is evidence for the state. None for no state.
            regions: the chosen region packs: their series are evidence for a serial, their shapes of plates
                say where its line is.
            recut_below: legible plates with a character less probable than this are read in further cuts, a
                little wider and a little narrower.
            with_stacked: whether a pair of small characters, one above the other, is part of the plate, or only
                of the text as read.
        """
        self._first, self._second = first, second
        self._states = states
        self._issued = regions
        self._recut_below = recut_below
        self._with_stacked = with_stacked

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions of the networks that read, and that of the network that names states."""
        named = () if self._states is None else (self._states.version,)
        second = () if self._second is None else (self._second.version,)
        return self._first.version, *second, *named

    def read(
        self,
        plates: Sequence[tuple[NDArray[np.uint8], Quad]],
        legible_from: Sequence[float] | None = None,
    ) -> list[Text]:
        """Read plates.

        Args:
            plates: frames, (H, W, 3) uint8 BGR, each with a plate's corners in it, px.
            legible_from: each plate's probability of being legible from which it is decoded; never below `LEGIBLE`.
        """
        cuts = [self._cut(*plate) for plate in plates]
        seen = self._first.read(cuts)
        needed = legible_from or [LEGIBLE] * len(plates)
        least = [log_odds(max(LEGIBLE, one)) for one in needed]
        others = self._seen_by_second(cuts, seen, least)
        legible = [
            of_both(cut.legible, others[i].legible) if i in others else cut.legible
            for i, cut in enumerate(seen)
        ]
        worth = [i for i, one in enumerate(legible) if log_odds(one) >= least[i]]
        states = self._state_odds(plates, worth)
        found = {i: searched(seen[i].steps) for i in worth}

        def text(i: int, further: Sequence[CutReading] = ()) -> Text:
            shape = self._shape(plates[i][1])
            return self._text(
                [seen[i], *further], found[i], legible[i], states.get(i, UNREAD), shape
            )

        texts = [self._illegible(*one) for one in zip(seen, legible, strict=True)]
        for i in worth:
            texts[i] = text(i)
        doubted = [i for i in worth if texts[i].confidence < self._recut_below]
        for i, further in zip(doubted, self._again(plates, cuts, doubted, others), strict=True):
            texts[i] = text(i, further)
        return texts

    def _cut(self, frame: NDArray[np.uint8], quad: Quad) -> Cut:
        return rectify(frame, quad, *self._first.margins)

    def _seen_by_second(
        self, cuts: Sequence[Cut], seen: Sequence[CutReading], least: Sequence[float]
    ) -> dict[int, CutReading]:
        """Have the second reader read the cuts of which it is open whether they are legible; by number.

        `least` has the log odds that each needs.
        """
        if self._second is None:
            return {}
        asked = [
            i for i, cut in enumerate(seen) if abs(log_odds(cut.legible) - least[i]) <= IN_DOUBT
        ]
        return dict(zip(asked, self._second.read([cuts[i] for i in asked]), strict=True))

    def _again(
        self,
        plates: Sequence[tuple[NDArray[np.uint8], Quad]],
        cuts: Sequence[Cut],
        doubted: Sequence[int],
        others: Mapping[int, CutReading],
    ) -> Iterator[tuple[CutReading, ...]]:
        """Read doubtful plates again: the first reader in wider and narrower cuts, the second as found and narrower.

        `others` has what the second reader has read already.
        """
        n = len(doubted)
        scaled = [
            self._cut(plates[i][0], _about(plates[i][1], by)) for by in SCALES for i in doubted
        ]
        first = self._first.read(scaled)
        further = [first[:n], first[n:]]
        if self._second is not None:
            missing = [i for i in doubted if i not in others]
            read = self._second.read([*(cuts[i] for i in missing), *scaled[n:]])
            as_found = {**others, **dict(zip(missing, read, strict=False))}
            further += [[as_found[i] for i in doubted], read[len(missing) :]]
        return zip(*further, strict=True)

    def _state_odds(
        self, plates: Sequence[tuple[NDArray[np.uint8], Quad]], worth: Sequence[int]
    ) -> dict[int, StateOdds]:
        """Return how likely each state is, of the plates with these numbers."""
        if self._states is None:
            return {}
        return dict(zip(worth, self._states.read([plates[i] for i in worth]), strict=True))

    def _shape(self, quad: Quad) -> PlateShape:
        """Return the shape of plates whose sides are nearest to those of the corners."""
        width, height = size_px(quad)
        aspect = max(width, 1.0) / max(height, 1.0)
        return min(
            self._issued.plates,
            key=lambda shape: abs(math.log(shape.width_mm / shape.height_mm / aspect)),
        )

    def _illegible(self, cut: CutReading, legible: float) -> Text:
        whole = back_to_frame(_inner(*self._first.margins), cut.matrix)
        return Text((), (), 1.0, legible, None, whole, "")

    def _text(
        self,
        cuts: Sequence[CutReading],
        found: Searched,
        legible: float,
        state: StateOdds,
        shape: PlateShape,
    ) -> Text:
        steps = len(cuts[0].steps)
        views = [cut.steps for cut in cuts]
        leaves_out = shape.small_pairs and not self._with_stacked
        small = small_in(views) if leaves_out else none
        by_name = state.named()
        decoded = decode(
            views,
            prior=lambda text: self._issued.issued_oftener(_word(text), by_name),
            reduced=partial(without, small=small),
            found=found,
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
        serial = alternatives[0].plate if alternatives else ""
        line = _line(decoded.places, steps, self._first.margins, shape)
        return Text(
            characters=tuple(read),
            alternatives=alternatives,
            probability=alternatives[0].probability if alternatives else 1.0,
            legible=legible,
            region=state.named(partial(self._issued.is_issued, serial)),
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
