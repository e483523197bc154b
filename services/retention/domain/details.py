"""The details of a read that are stored as JSON: answers show them and the vote uses them.

Of all details, searches ask for the colour and make of the vehicle alone.
"""

import msgspec

from shared.core.types import Direction
from shared.events import Read


class Vehicle(msgspec.Struct, frozen=True, omit_defaults=True):
    """The vehicle as the camera or the engine described it."""

    make: str | None = None
    model: str | None = None
    colour: str | None = None
    direction: Direction | None = None
    speed_kmh: float | None = None
    lane: int | None = None


class Details(msgspec.Struct, frozen=True, omit_defaults=True):
    """Optional details of a read: characters with their probabilities, the plate's box in the frame, the vehicle."""

    characters: list[tuple[str, float | None]] = []
    considered: list[list[tuple[str, float]]] = []
    """By character, the most probable ones in its place, with their probabilities; empty if the reader gave none."""
    box_px: tuple[int, int, int, int] | None = None  # x, y, width, height
    alternatives: list[tuple[str, float]] = []  # plate, probability
    misread_risk: float | None = None
    vehicle: Vehicle | None = None


NO_DETAILS = Details()
"""Those of a read without any, which is most."""

_NOT_DESCRIBED = Vehicle()


def characters_of(
    details: Details,
) -> list[tuple[str, float | None, list[tuple[str, float]]]]:
    """Return each character of a read, its probability, and the most probable ones in its place."""
    considered = details.considered or [[] for _ in details.characters]
    return [
        (text, sure, others)
        for (text, sure), others in zip(details.characters, considered, strict=True)
    ]


def details_of(event: Read) -> str | None:
    """Return the details of a read as JSON; None if it has none."""
    box = event.box
    vehicle = _vehicle(event)
    if not (event.characters or event.alternatives or vehicle or box) and (
        event.misread_risk is None
    ):
        return None
    details = Details(
        characters=[(c.text, c.confidence) for c in event.characters],
        considered=_considered(event),
        box_px=(box.x_px, box.y_px, box.width_px, box.height_px) if box else None,
        alternatives=[(other.plate, other.probability) for other in event.alternatives],
        misread_risk=event.misread_risk,
        vehicle=vehicle,
    )
    return msgspec.json.encode(details).decode()


def _considered(event: Read) -> list[list[tuple[str, float]]]:
    if not any(one.alternatives for one in event.characters):
        return []
    return [
        [(other.text, other.probability) for other in one.alternatives] for one in event.characters
    ]


def _vehicle(event: Read) -> Vehicle | None:
    """Return the vehicle as described; None if no part of it was."""
    vehicle = Vehicle(
        event.vehicle_make,
        event.vehicle_model,
        event.vehicle_colour,
        event.direction,
        event.speed_kmh,
        event.lane,
    )
    return None if vehicle == _NOT_DESCRIBED else vehicle
