"""Searches in plain Python over a list of reads, by the rules' words alone: what the service's answers must equal."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import asin, cos, radians, sin, sqrt
from typing import Any
from uuid import UUID

from shared.events import Read

_CLASSES = ("0ODQ", "1I", "2Z", "5S", "8B", "6G")
_FOLDED = {member: one[0] for one in _CLASSES for member in one}
_EARTH_M = 6_371_008.8

COLOURS: dict[str | None, set[str]] = {
    None: set(),
    "unknown": set(),
    "chartreuse": set(),
    "redwood": set(),
    "white": {"white"},
    "Silver": {"grey"},
    "silver-gray": {"grey"},
    "GRY": {"grey"},
    "black": {"black"},
    "BLK/WHI": {"black", "white"},
    "deepBlue": {"blue"},
    "navy_blue": {"blue"},
    "DBL": {"blue"},
    "Dark Red": {"red"},
    "gold-beige": {"brown", "yellow"},
    "TEA": {"blue", "green"},
}
"""The colours that each word of a camera means; none if the word says nothing."""

MAKES: dict[str | None, set[str]] = {
    None: set(),
    "Unknown": set(),
    "UNK": set(),
    "--": set(),
    "Toyota": {"Toyota"},
    "TOYT": {"Toyota"},
    "toyota truck": {"Toyota"},
    "Chevrolet": {"Chevrolet"},
    "CHEVY": {"Chevrolet"},
    "CHEV": {"Chevrolet"},
    "Mercedes-Benz": {"Mercedes"},
    "MERZ": {"Mercedes"},
    "Mercury": {"Mercury"},
    "MERC": {"Mercedes", "Mercury"},
    "Ram": {"Dodge"},
    "DODG": {"Dodge"},
    "Škoda": {"Skoda"},
    "SKODA": {"Skoda"},
    "ROV": {"Land Rover"},
    "Land Rover": {"Land Rover"},
    "Rover": {"Rover"},
}
"""The makes that each word of a camera may mean; none if the word says nothing."""

ASKED_COLOURS = {
    "grey": "grey", "SIL": "grey", "blue": "blue", "red": "red", "White": "white", "tan": "brown", "pink": "pink",
    "YEL": "yellow", "lightGreen": "green",
}  # fmt: skip
"""What people ask for, and the colour that they mean."""

ASKED_MAKES = {
    "toyota": {"Toyota"},
    "Chevy": {"Chevrolet"},
    "mercedes": {"Mercedes"},
    "MER": {"Mercedes", "Mercury"},
    "Ram": {"Dodge"},
    "Skoda": {"Skoda"},
    "Rover": {"Rover"},
    "ro": {"Rover"},
    "LNDR": {"Land Rover"},
    "Audi": {"Audi"},
}
"""What people ask for, and the makes that they may mean."""


@dataclass(frozen=True)
class Question:
    """A search as a request has it, and the limits of its purpose."""

    body: dict[str, Any]
    scope: dict[str, Any] = field(default_factory=dict)


class PlainSearch:
    """The reads of a store, and the answers to questions about them."""

    def __init__(self, reads: Sequence[Read], agency: str) -> None:
        own = (read for read in reads if read.agency_ori == agency)
        self._newest_first = sorted(own, key=lambda r: (r.captured_at, r.read_id), reverse=True)
        self._of_plate: dict[str, list[Read]] = {}
        for read in self._newest_first:
            self._of_plate.setdefault(read.plate, []).append(read)

    def answer(self, question: Question) -> list[UUID]:
        """Return the ids of all reads that match, in the order of the pages."""
        found = (read for read in self._near(question.body) if _matches(read, question.body))
        return [read.read_id for read in found if _matches(read, question.scope)]

    def _near(self, body: dict[str, Any]) -> Iterator[Read]:
        if "plate" not in body:
            yield from self._newest_first
            return
        shown = [plate for plate in self._of_plate if _shows(plate, body)]
        reads = [read for plate in shown for read in self._of_plate[plate]]
        yield from sorted(reads, key=lambda r: (r.captured_at, r.read_id), reverse=True)


def _matches(read: Read, asked: dict[str, Any]) -> bool:
    """Whether a read meets every condition; conditions that are not there are met."""
    if "captured_from" in asked and read.captured_at < _time(asked["captured_from"]):
        return False
    if "captured_to" in asked and read.captured_at >= _time(asked["captured_to"]):
        return False
    if asked.get("device_ids") and str(read.device_id) not in asked["device_ids"]:
        return False
    if "plate" in asked and not _shows(read.plate, asked):
        return False
    if "region" in asked and read.region not in (None, asked["region"]):
        return False
    if read.confidence < asked.get("minimum_confidence", 0):
        return False
    if not _is_of(COLOURS[read.vehicle_colour], asked, "colour", ASKED_COLOURS):
        return False
    if not _is_of(MAKES[read.vehicle_make], asked, "make", ASKED_MAKES):
        return False
    return "area" not in asked or _within(read, asked["area"])


def _is_of(
    seen: set[str], asked: dict[str, Any], name: str, meant: Mapping[str, str | set[str]]
) -> bool:
    """Whether a colour or make is the one that was asked for, or is not known and need not be."""
    if name not in asked:
        return True
    wanted = meant[asked[name]]
    if not seen:
        return not asked.get("described_only")
    return bool(seen & ({wanted} if isinstance(wanted, str) else wanted))


def _shows(plate: str, asked: dict[str, Any]) -> bool:
    pattern = asked["plate"]
    if asked.get("lookalike"):
        plate, pattern = _fold(plate), _fold(pattern)
    return re.fullmatch(pattern.replace("?", ".").replace("*", ".*"), plate) is not None


def _fold(text: str) -> str:
    return "".join(_FOLDED.get(character, character) for character in text)


def _within(read: Read, area: dict[str, Any]) -> bool:
    if read.place is None:
        return False
    lat, lon = read.place.latitude, read.place.longitude
    if "radius_m" in area:
        return _metres(lat, lon, area["latitude"], area["longitude"]) <= area["radius_m"]
    if "points" in area:
        return _inside(lat, lon, area["points"])
    return bool(area["south"] <= lat <= area["north"] and area["west"] <= lon <= area["east"])


def _metres(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """Return the distance on a sphere (the haversine formula)."""
    north, east = radians(other_lat - lat) / 2, radians(other_lon - lon) / 2
    chord = sin(north) ** 2 + cos(radians(lat)) * cos(radians(other_lat)) * sin(east) ** 2
    return 2 * _EARTH_M * asin(min(1, sqrt(chord)))


def _inside(lat: float, lon: float, points: Sequence[Sequence[float]]) -> bool:
    """Whether a ray to the east crosses the ring an odd number of times."""
    inside = False
    for (x1, y1), (x2, y2) in zip(points, [*points[1:], points[0]], strict=True):
        if (y1 > lat) != (y2 > lat) and lon < x1 + (lat - y1) / (y2 - y1) * (x2 - x1):
            inside = not inside
    return inside


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
