"""Where a capture was made, and bounds on the position that a camera may send."""

from services.ingest.domain.devices import Device, DeviceKind
from services.ingest.domain.problem_codes import Code
from shared.core.areas import distance_m
from shared.core.errors import InvalidInput
from shared.events import Place


def metres_between(one: Place, other: Place) -> float:
    """Return the distance of two places, metres."""
    return distance_m((one.latitude, one.longitude), (other.latitude, other.longitude))


def place_of(device: Device, said: Place) -> Place:
    """Return the place that a device sent, with its registered heading if it sent none."""
    if said.heading_deg is not None or device.place is None:
        return said
    return Place(said.latitude, said.longitude, device.place.heading_deg)


def hold_to_place(device: Device, said: Place, most_m: float) -> None:
    """Check a fixed camera's position against its registered place; a vehicle may be anywhere.

    Raises: InvalidInput if `said` is more than `most_m` metres away from it.
    """
    if device.kind is not DeviceKind.FIXED or device.place is None:
        return
    if (away_m := metres_between(device.place, said)) > most_m:
        raise InvalidInput(Code.PLACE_TOO_FAR, field="latitude", away_m=away_m, most_m=most_m)
