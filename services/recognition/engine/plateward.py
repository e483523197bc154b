"""Our own engine: two detectors find plates, two readers read serials, another network reads states, and PaddleOCR
gives a second opinion where it is asked for one and they are in doubt."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.recognition.engine.corner_refiner import CornerRefiner
from services.recognition.engine.cuts import CutReader
from services.recognition.engine.detector import Detection, PlateDetector
from services.recognition.engine.geometry import bounding_box, corners, enlarge, overlap
from services.recognition.engine.network import OnnxNetwork
from services.recognition.engine.odds import log_odds, probability
from services.recognition.engine.own_weights import FOLDER, OWN, OwnWeights, digest_of, find_own
from services.recognition.engine.plate_search import Finder, Frames, PlateSearch, Search
from services.recognition.engine.protocol import PlateReading
from services.recognition.engine.reader import PlateReader, Text
from services.recognition.engine.second_opinion import Opinion, PaddleOpinion, weighed
from services.recognition.engine.states import StateReader
from services.recognition.engine.words import MODELS, is_no_serial, names_a_state
from shared.core.region_packs import Regions, regions_of

RULES_REVISION: Final = 9
"""Goes up with every change to how readings are chosen or readings are weighed."""

SURE_TOGETHER: Final = 10.0
"""What the readers' log odds of a legible plate and those of a plate by the search and the closer look have to add up
to: 0.99995 where those are at evens, 0.9991 where they are at 0.95. What one takes for a plate by mistake seldom has
both."""
SURE_AGAIN: Final = 0.6
"""Probability that every character needs of a plate that only the second search finds."""
LONG_WORD: Final = 4
"""Letters from which a word of signs with a number is no plate, though it has the format of a series: GATE 04 is far
oftener a place than one of Florida's plates."""
LEAST_PROBABLE: Final = 0.05
"""Probability of the whole text under which it is no reading, the second opinion included: of such texts on rendered
plates at a road about one in eight is right (`make bench-thresholds`), and some are of signs."""
SAME_PLATE: Final = 0.3
"""Overlap from which two detections are of one plate."""
CROP_MARGIN: Final = (0.15, 0.3)
"""Margin around the plate, so that the crop shows a little of the car."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A legible plate in one of the frames."""

    frame: int
    detection: Detection
    text: Text


class OwnEngine:
    """A search, readers, and a second opinion where they are not sure."""

    def __init__(
        self,
        search: PlateSearch,
        reader: PlateReader,
        *,
        regions: Regions,
        digest: str,
        legible_minimum: float,
        opinion: Opinion | None = None,
        opinion_below: float = 0.0,
    ) -> None:
        """Set up an engine.

        Args:
            search: finds the plates.
            reader: reads them.
            regions: the chosen region packs.
            digest: SHA-256 (hex) over the weights of all.
            legible_minimum: probability of being a legible plate from which a text becomes a reading.
            opinion: asked about readings with a character less probable than `opinion_below`; None for never.
            opinion_below: see `opinion`.
        """
        self._search = search
        self._reader = reader
        self._regions = regions
        self._digest = digest
        self._legible_minimum = legible_minimum
        self._opinion = opinion
        self._opinion_below = opinion_below

    @property
    def name(self) -> str:
        """The versions of the networks, the revision of the rules around them, and unusual region packs."""
        versions = dict.fromkeys((*self._search.versions, *self._reader.versions))
        return self._regions.engine_name(f"{OWN}-{'-'.join(versions)}/{RULES_REVISION}")

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over the weights."""
        return self._digest

    def warm_up(self) -> None:
        """Load the second opinion; it otherwise loads on first use."""
        if self._opinion is not None:
            self._opinion.load()

    def read(self, frame: NDArray[np.uint8]) -> Sequence[PlateReading]:
        """Return all plates in a frame; see `Engine.read`."""
        [readings] = self.read_batch([frame])
        return readings

    def read_batch(self, frames: Sequence[NDArray[np.uint8]]) -> Sequence[Sequence[PlateReading]]:
        """Return all plates in each frame; the closer look and the reader run over all frames together.

        A frame without a legible plate is searched once more with more detail and by another detector: the first
        search overlooks some plates, far ones above all, or finds only something else. The second one sees more signs
        and badges too, so only a sure text of an issued series counts there.
        """
        legible = self._legible(dict(enumerate(frames)), self._search.first)
        read = {one.frame for one in legible}
        unread = {i: frame for i, frame in enumerate(frames) if i not in read}
        legible += [
            one
            for one in self._legible(unread, self._search.again)
            if one.text.confidence >= SURE_AGAIN
            and self._regions.is_issued(one.text.plate, one.text.region)
        ]
        readings: list[list[PlateReading]] = [[] for _ in frames]
        for one in legible:
            reading = self._reading(frames[one.frame], one.detection, one.text)
            if reading is not None:
                readings[one.frame].append(reading)
        return [sorted(one, key=lambda reading: reading.corners) for one in readings]

    def _legible(self, frames: Frames, search: Search) -> list[_Read]:
        """Return the legible plates of frames, by their numbers, that a search finds, each once."""
        found = search(frames)
        texts = self._reader.read(
            [(frames[i], detection.quad) for i, detection in found],
            [self._legible_from(detection) for _, detection in found],
        )
        return _each_once(
            _Read(i, detection, text)
            for (i, detection), text in zip(found, texts, strict=True)
            if could_be_a_plate(text.plate, self._regions)
        )

    def _legible_from(self, detection: Detection) -> float:
        """Return the probability of a legible plate from which both looks and the readers are sure of it."""
        needed = probability(SURE_TOGETHER - log_odds(detection.score))
        return max(self._legible_minimum, needed)

    def _reading(
        self, frame: NDArray[np.uint8], detection: Detection, text: Text
    ) -> PlateReading | None:
        """Return a plate's reading after a second opinion; None for a text that is too improbable."""
        as_read = text.as_read
        if self._opinion is not None and text.confidence < self._opinion_below:
            others = self._opinion.readings(frame, detection.quad, text.line)
            text, as_read = weighed(text, others, self._regions)
        if text.probability < LEAST_PROBABLE:
            return None
        return PlateReading(
            plate_as_read=as_read,
            characters=text.characters,
            corners=corners(text.line),
            box=bounding_box(detection.quad, frame.shape),
            crop=bounding_box(enlarge(detection.quad, *CROP_MARGIN), frame.shape),
            region=text.region,
            alternatives=text.alternatives,
            misread_risk=1 - text.probability,
        )


def _each_once(legible: Iterable[_Read]) -> list[_Read]:
    """Return each plate in its most probable reading, where several searches have found it."""
    chosen: list[_Read] = []
    for one in sorted(legible, key=lambda one: -one.text.probability):
        if all(
            one.frame != other.frame
            or overlap(one.detection.quad, other.detection.quad) < SAME_PLATE
            for other in chosen
        ):
            chosen.append(one)
    return chosen


def could_be_a_plate(plate: str, regions: Regions) -> bool:
    """Whether a text has a serial's length and is not a word of signs, states or plates, nor the badge of a model."""
    if len(plate) not in regions.lengths:
        return False
    if plate in MODELS and not regions.is_issued(plate):
        return False
    if plate.isalpha():
        return not (is_no_serial(plate) or names_a_state(plate))
    numbered = re.fullmatch(r"([A-Z]{2,})\d{1,3}", plate)  # GATE 04, CAM 1: places, not plates
    if numbered is None or not is_no_serial(numbered[1]):
        return True
    return len(numbered[1]) < LONG_WORD and regions.is_issued(plate)


def load_own(
    *,
    packs: tuple[str, ...],
    detector_px: int,
    detector_again_px: int,
    detector_minimum: float,
    legible_minimum: float,
    region_minimum: float,
    recut_below: float,
    with_stacked: bool,
    opinion_model: str,
    opinion_below: float,
    folder: Path = FOLDER,
) -> OwnEngine:
    """Build our own engine.

    Args:
        packs: names of the chosen region packs.
        detector_px: long side of the frame at which the detector works.
        detector_again_px: the same for a second search, by the second detector, if the first gives no legible plate;
            0 for none.
        detector_minimum: score from which a detection counts as a plate.
        legible_minimum: see `OwnEngine`.
        region_minimum: see `StateReader`.
        recut_below: see `PlateReader`.
        with_stacked: see `PlateReader`.
        opinion_model: PaddleOCR's pair of weights; see `weights.find_pair`.
        opinion_below: see `OwnEngine`; 0 for no second opinion, which saves its memory.
        folder: has the weights, by default those that ship with the service.

    Raises: NoSuchModel, RegionPackFault.
    """
    cv2.setNumThreads(1)
    weights = find_own(folder)
    regions = regions_of(packs)
    opinion = PaddleOpinion(opinion_model, regions) if opinion_below > 0 else None
    first = _finder(weights.detector, detector_px, detector_minimum)
    again = (
        _finder(weights.second_detector, detector_again_px, detector_minimum)
        if detector_again_px > 0
        else None
    )
    return OwnEngine(
        PlateSearch(first, again, regions.plates),
        PlateReader(
            CutReader(OnnxNetwork(weights.reader)),
            _states(weights, regions, region_minimum),
            second=CutReader(OnnxNetwork(weights.second_reader)),
            regions=regions,
            recut_below=recut_below,
            with_stacked=with_stacked,
        ),
        regions=regions,
        digest=weights.digest if opinion is None else digest_of(weights.digest, opinion.digest),
        legible_minimum=legible_minimum,
        opinion=opinion,
        opinion_below=opinion_below,
    )


def _finder(weights: Path, longest_px: int, minimum: float) -> Finder:
    network = OnnxNetwork(weights)
    detector = PlateDetector(network, longest_px=longest_px, minimum=minimum)
    return Finder(detector, CornerRefiner(network))


def _states(weights: OwnWeights, regions: Regions, minimum: float) -> StateReader | None:
    """Return the reader of states; None if no chosen pack has an issuer that it can name."""
    states = StateReader(OnnxNetwork(weights.states), minimum=minimum, issuers=regions.issuers)
    return states if states.issuers else None
