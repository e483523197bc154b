"""The one place where a bench gets its engine: as the settings would choose it."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from services.recognition.engine.detector import Detection, PlateDetector
from services.recognition.engine.factory import chosen_engine
from services.recognition.engine.own_weights import FOLDER, find_own
from services.recognition.engine.plate_search import Finder
from services.recognition.engine.plateward import OwnEngine
from services.recognition.engine.protocol import Engine
from services.recognition.engine.weights import NoSuchModel
from services.recognition.settings import Settings
from shared.core.region_packs import DEFAULT as DEFAULT_PACKS

Opinion = Literal["on", "off", "as set"]
OPINION_BELOW: Final = 0.6
"""Where the settings ask for no second opinion, one is given on plates with a character less probable than this."""
DEFAULT: Final[str] = Settings.model_fields["recognition_model"].default


class NoSuchEngine(ValueError):
    """The engine does not exist, or lacks the requested function."""


def make_engine(
    model: str,
    *,
    packs: tuple[str, ...] = DEFAULT_PACKS,
    second_opinion: Opinion = "as set",
    instead: Path | None = None,
) -> Engine:
    """Return the engine that settings of this name choose; other settings come from the environment.

    Args:
        model: the engine, as settings name it.
        packs: names of region packs, as in a policy.
        second_opinion: whether PaddleOCR gives one.
        instead: a folder with networks of our own engine that replace those of the same name.

    Raises: NoSuchEngine, RegionPackFault.
    """
    settings = Settings(recognition_model=model)
    if second_opinion != "as set":
        below = settings.recognition_second_opinion_below or OPINION_BELOW
        below = 0.0 if second_opinion == "off" else below
        settings = settings.model_copy(update={"recognition_second_opinion_below": below})
    try:
        with networks(instead) as folder:
            engine = chosen_engine(settings, packs, folder)()
    except NoSuchModel as fault:
        raise NoSuchEngine(str(fault)) from fault
    if second_opinion == "on" and not isinstance(engine, OwnEngine):
        raise NoSuchEngine(f"{engine.name} asks nobody for a second opinion")
    return engine


@contextmanager
def networks(instead: Path | None) -> Iterator[Path]:
    """Give the folder of the shipped networks, or one in which those of `instead` replace them.

    Raises: NoSuchEngine.
    """
    if instead is None:
        yield FOLDER
        return
    shipped = {file.name: file for file in find_own().files}
    others = {file.name: file.resolve() for file in instead.glob("*.onnx")}
    if not others or others.keys() - shipped.keys():
        raise NoSuchEngine(f"{instead} needs one or more of {', '.join(shipped)}, and no other")
    with tempfile.TemporaryDirectory() as folder:
        for name, file in (shipped | others).items():
            (Path(folder) / name).symlink_to(file)
        yield Path(folder)


class WholePicture(PlateDetector):
    """Takes each picture for one plate from edge to edge, as a crop is."""

    def __init__(self, version: str) -> None:
        self._version = version

    @property
    def version(self) -> str:
        """The version of the detector that this replaces."""
        return self._version

    def find(
        self, frames: Sequence[NDArray[np.uint8]], at_most: float = 1.0
    ) -> list[list[Detection]]:
        """Return the corners of each picture as a plate with confidence 1."""
        return [[Detection(1.0, _corners(frame))] for frame in frames]


def _corners(frame: NDArray[np.uint8]) -> NDArray[np.float32]:
    height, width = frame.shape[:2]
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)


def without_detector(engine: Engine) -> Engine:
    """Return the same engine, which reads whole crops. Raises: NoSuchEngine."""
    if not isinstance(engine, OwnEngine):
        raise NoSuchEngine(f"{engine.name} cannot read a plate without finding it first")
    search = engine._search
    finder = Finder(WholePicture(search._first.detector.version), search._first.closer)
    search._first, search._again = finder, None
    return engine
