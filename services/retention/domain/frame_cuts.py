"""The parts of a frame that a release shows: around its released plates, without any other plate."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor

Box = tuple[int, int, int, int]
"""x, y, width, height: pixels of the upright frame; x right, y down."""

OTHERS_MARGIN_WIDTHS = 0.25
"""Margin filled around another plate, in its widths: a detector's box may be slightly too small."""


class PlaceUnknown(ValueError):
    """The part cannot be cut; the text says why."""


@dataclass(frozen=True)
class FrameCuts:
    """Steps of cutting a frame, in this order: fill all, show `visible`, fill `fill`, show `plates`."""

    visible: tuple[Box, ...]
    fill: tuple[Box, ...]
    """Other plates, which may overlap `visible`."""
    plates: tuple[Box, ...]


def frame_cuts(
    released: Iterable[Box | None], others: Iterable[Box | None], *, margin_widths: float
) -> FrameCuts:
    """Return the parts of a frame.

    Args:
        released: boxes of the released plates; None if unknown.
        others: boxes of all other plates read in this frame; None if unknown.
        margin_widths: margin shown around a released plate, each way, in its widths.

    Raises: PlaceUnknown if the box of any plate of this frame is unknown, or no plate is released.
    """
    plates = tuple(_known(box, "the plate's place in it is unknown") for box in released)
    rest = tuple(_known(box, "the place of another plate in it is unknown") for box in others)
    if not plates:
        raise PlaceUnknown("no released plate was read in it")
    return FrameCuts(
        visible=tuple(_around(box, margin_widths) for box in plates),
        fill=tuple(_around(box, OTHERS_MARGIN_WIDTHS) for box in rest),
        plates=plates,
    )


def _known(box: Box | None, otherwise: str) -> Box:
    if box is None or box[2] <= 0 or box[3] <= 0:
        raise PlaceUnknown(otherwise)
    return box


def _around(box: Box, widths: float) -> Box:
    x, y, width, height = box
    margin = widths * width
    left, top = floor(x - margin), floor(y - margin)
    return left, top, ceil(x + width + margin) - left, ceil(y + height + margin) - top
