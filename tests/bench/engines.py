"""The one place where a bench gets its engine."""

from collections.abc import Callable, Sequence
from typing import Literal

from deploy.local.scenes.model import Image
from services.recognition.engine import Engine, PlateReading
from services.recognition.paddle import PaddleEngine
from services.recognition.weights import NoSuchModel

Opinion = Literal["on", "off", "as set"]
DEFAULT = "ppocrv6-small"


class NoSuchEngine(ValueError):
    """There is no such engine, or it cannot do what is asked of it."""


def make_engine(model: str, *, second_opinion: Opinion = "as set") -> Engine:
    """The engine that settings of this name would choose. Raises: NoSuchEngine."""
    if second_opinion == "on":
        raise NoSuchEngine(f"{model} asks nobody for a second opinion")
    try:
        return PaddleEngine(model)
    except NoSuchModel as fault:
        raise NoSuchEngine(str(fault)) from fault


def reader_alone(engine: Engine) -> Callable[[Image], Sequence[PlateReading]]:
    """The engine's reader without its detector. Raises: NoSuchEngine where it has none."""
    raise NoSuchEngine(f"{engine.name} cannot read a plate without finding it first")
