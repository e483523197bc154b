"""Our own engine: a detector finds plates, readers read serials and states, and PaddleOCR gives a second
opinion where they are in doubt."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.recognition.engine.corner_refiner import CornerRefiner
from services.recognition.engine.detector import Detection, PlateDetector
from services.recognition.engine.geometry import Quad, bounding_box, corners, enlarge, overlap
from services.recognition.engine.network import OnnxNetwork
from services.recognition.engine.own_weights import OWN, OwnWeights, find_own
from services.recognition.engine.protocol import PlateReading
from services.recognition.engine.reader import PlateReader, Text
from services.recognition.engine.second_opinion import Opinion, PaddleOpinion, weighed
from services.recognition.engine.states import StateReader
from services.recognition.engine.words import is_no_serial, names_a_state
from shared.core.region_packs import PlateShape, Regions, regions_of

RULES_REVISION: Final = 2
"""Goes up with every change to how readings are chosen or readings are weighed."""

SURE_AT_ONCE: Final = 0.6
"""Score from which a plate found in the whole frame counts even if the closer look does not see it."""
LONG: Final = 3.0
"""Width over height from which a shape of plates is long. The detector learnt from plates that are twice as wide as
high, and draws long ones too high or misses them."""
NARROWED: Final = 0.5
"""Share of their width to which frames are narrowed for long plates, so that one looks like a plate that the detector
learnt from."""
NARROWED_MINIMUM: Final = 0.2
"""Score from which a detection counts in a narrowed frame: the detector is less sure of long plates, and what it finds
there wrongly is hardly ever legible."""
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
    """A detector, a reader, and a second opinion where the reader is not sure."""

    def __init__(
        self,
        detector: PlateDetector,
        closer: CornerRefiner,
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
            detector: finds the plates.
            closer: refines their corners.
            reader: reads them.
            regions: the chosen region packs.
            digest: SHA-256 (hex) over the weights of all.
            legible_minimum: probability of being a legible plate from which a text becomes a reading.
            opinion: asked about readings with a character less probable than `opinion_below`; None for never.
            opinion_below: see `opinion`.
        """
        self._detector = detector
        self._closer = closer
        self._reader = reader
        self._regions = regions
        self._digest = digest
        self._widths = searched_widths(regions.plates)
        self._legible_minimum = legible_minimum
        self._opinion = opinion
        self._opinion_below = opinion_below

    @property
    def name(self) -> str:
        """The versions of the networks, the revision of the rules around them, and unusual region packs."""
        versions = dict.fromkeys((self._detector.version, *self._reader.versions))
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
        """Return all plates in each frame; the closer look and the reader run over all frames together."""
        found = [one for width in self._widths for one in self._found(frames, width)]
        texts = self._reader.read([(frames[i], detection.quad) for i, detection in found])
        legible = [
            _Read(i, detection, text)
            for (i, detection), text in zip(found, texts, strict=True)
            if text.legible >= self._legible_minimum and could_be_a_plate(text.plate, self._regions)
        ]
        if len(self._widths) > 1:
            legible = _each_once(legible)
        readings: list[list[PlateReading]] = [[] for _ in frames]
        for one in legible:
            readings[one.frame].append(self._reading(frames[one.frame], one.detection, one.text))
        return [sorted(one, key=lambda reading: reading.corners) for one in readings]

    def _found(
        self, frames: Sequence[NDArray[np.uint8]], width: float
    ) -> list[tuple[int, Detection]]:
        """Find plates in frames that are narrowed to a share of their width; corners are those of the whole frames."""
        seen = [_narrowed(frame, width) for frame in frames]
        found = [
            (i, detection)
            for i, detections in enumerate(
                self._detector.find(seen, NARROWED_MINIMUM if width < 1 else 1.0)
            )
            for detection in detections
        ]
        placed = self._closer.place([(seen[i], detection.quad) for i, detection in found])
        sure = [
            (i, detection if quad is None else replace(detection, quad=quad))
            for (i, detection), quad in zip(found, placed, strict=True)
            if quad is not None or detection.score >= SURE_AT_ONCE
        ]
        return [
            (i, replace(detection, quad=_widened(detection.quad, frames[i], seen[i])))
            for i, detection in sure
        ]

    def _reading(self, frame: NDArray[np.uint8], detection: Detection, text: Text) -> PlateReading:
        as_read = text.as_read
        if self._opinion is not None and text.confidence < self._opinion_below:
            others = self._opinion.readings(frame, detection.quad, text.line)
            text, as_read = weighed(text, others, self._regions)
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


def searched_widths(shapes: Iterable[PlateShape]) -> tuple[float, ...]:
    """Return the shares of their width to which frames are narrowed before plates of these shapes are searched."""
    long = [shape.width_mm / shape.height_mm >= LONG for shape in shapes]
    return tuple([1.0] * (not all(long)) + [NARROWED] * any(long))


def _narrowed(frame: NDArray[np.uint8], width: float) -> NDArray[np.uint8]:
    if width == 1:
        return frame
    size = max(1, round(width * frame.shape[1])), frame.shape[0]
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def _widened(quad: Quad, frame: NDArray[np.uint8], seen: NDArray[np.uint8]) -> Quad:
    """Return corners in a narrowed frame as corners in the frame."""
    if seen is frame:
        return quad
    return np.asarray(quad * np.array([frame.shape[1] / seen.shape[1], 1.0]), np.float32)


def _each_once(legible: Sequence[_Read]) -> list[_Read]:
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
    """Whether a text has a serial's length and is not a word of signs, states or plates."""
    if len(plate) not in regions.lengths:
        return False
    if plate.isalpha():
        return not (is_no_serial(plate) or names_a_state(plate))
    numbered = re.fullmatch(r"([A-Z]{2,})\d{1,3}", plate)  # GATE 04, CAM 1: places, not plates
    return numbered is None or regions.is_issued(plate) or not is_no_serial(numbered[1])


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
) -> OwnEngine:
    """Build our own engine with the weights that ship with the service.

    Args:
        packs: names of the chosen region packs.
        detector_px: long side of the frame at which the detector works.
        detector_again_px: the same for a second pass if the first finds no plate; 0 for no second pass.
        detector_minimum: score from which a detection counts as a plate.
        legible_minimum: see `OwnEngine`.
        region_minimum: see `StateReader`.
        recut_below: see `PlateReader`.
        with_stacked: see `PlateReader`.
        opinion_model: PaddleOCR's pair of weights; see `weights.find_pair`.
        opinion_below: see `OwnEngine`; 0 for no second opinion, which saves its memory.

    Raises: NoSuchModel, RegionPackFault.
    """
    cv2.setNumThreads(1)
    weights = find_own()
    regions = regions_of(packs)
    finding = OnnxNetwork(weights.detector)
    detector = PlateDetector(
        finding,
        longest_px=detector_px,
        again_px=detector_again_px or None,
        minimum=detector_minimum,
    )
    return OwnEngine(
        detector,
        CornerRefiner(finding),
        PlateReader(
            OnnxNetwork(weights.reader),
            _states(weights, regions, region_minimum),
            regions=regions,
            legible_minimum=legible_minimum,
            recut_below=recut_below,
            with_stacked=with_stacked,
        ),
        regions=regions,
        digest=weights.digest,
        legible_minimum=legible_minimum,
        opinion=PaddleOpinion(opinion_model, regions) if opinion_below > 0 else None,
        opinion_below=opinion_below,
    )


def _states(weights: OwnWeights, regions: Regions, minimum: float) -> StateReader | None:
    """Return the reader of states; None if no chosen pack has an issuer that it can name."""
    states = StateReader(OnnxNetwork(weights.states), minimum=minimum, issuers=regions.issuers)
    return states if states.issuers else None
