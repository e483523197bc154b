"""Which part of a frame a release shows: what is around the plates that it is of, and of no other plate."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor

Box = tuple[int, int, int, int]
"""x, y, width, height: pixels of the upright frame; x right, y down."""

OTHERS_MARGIN_WIDTHS = 0.25
"""How far around another plate is filled, in its widths: a detector's box may be a little short."""


class PlaceUnknown(ValueError):
    """The part cannot be cut; the text says why."""


@dataclass(frozen=True)
class Parts:
    """What is done with a frame, in this order: fill all, show `keep`, fill `fill`, show `plates`."""

    keep: tuple[Box, ...]
    fill: tuple[Box, ...]
    """Other plates, which may lie within what is kept."""
    plates: tuple[Box, ...]


def parts_of(
    released: Iterable[Box | None], others: Iterable[Box | None], *, margin_widths: float
) -> Parts:
    """Return the parts of a frame.

    Args:
        released: places of the plates that are released; None where it is not known.
        others: places of all other plates that were read in this frame.
        margin_widths: how much around a released plate is shown, each way, in its widths.

    Raises: PlaceUnknown when the place of any plate of this frame is not known.
    """
    plates = tuple(_known(box, "the plate's place in it is not known") for box in released)
    rest = tuple(_known(box, "the place of another plate in it is not known") for box in others)
    if not plates:
        raise PlaceUnknown("no released plate was read in it")
    return Parts(
        keep=tuple(_around(box, margin_widths) for box in plates),
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
