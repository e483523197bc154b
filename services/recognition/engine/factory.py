"""Chooses the engine that the settings name."""

from functools import partial
from pathlib import Path

from services.recognition.engine.own_weights import FOLDER, OWN
from services.recognition.engine.paddle import load_paddle
from services.recognition.engine.plateward import load_own
from services.recognition.engine.protocol import EngineFactory
from services.recognition.settings import Settings


def chosen_engine(
    settings: Settings, packs: tuple[str, ...], folder: Path = FOLDER
) -> EngineFactory:
    """Return the callable that builds the engine in a worker; calling it may raise NoSuchModel or RegionPackFault.

    Args:
        settings: the service's.
        packs: names of the region packs that the policy chooses.
        folder: has the weights of our own engine, by default those that ship with the service.
    """
    if settings.recognition_model != OWN:
        return partial(
            load_paddle,
            settings.recognition_model,
            packs=packs,
            longest_px=settings.recognition_longest_px,
        )
    return partial(
        load_own,
        packs=packs,
        detector_px=settings.recognition_detector_px,
        detector_again_px=settings.recognition_detector_again_px,
        detector_minimum=settings.recognition_detector_minimum,
        legible_minimum=settings.recognition_legible_minimum,
        region_minimum=settings.recognition_region_minimum,
        recut_below=settings.recognition_looks_below,
        with_stacked=settings.recognition_keep_stacked,
        opinion_model=settings.recognition_second_opinion_model,
        opinion_below=settings.recognition_second_opinion_below,
        folder=folder,
    )
