"""Places on the ground: a circle, a box or a polygon, in WGS 84 degrees, small enough for a canvass."""

from math import asin, cos, radians, sin, sqrt
from typing import Any, NamedTuple

import msgspec

from shared.core.errors import InvalidInput
from shared.core.problem_codes import Common

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius (IUGG); distances differ from those on the ellipsoid by 0.5% at most."""

METRES_PER_DEGREE = EARTH_RADIUS_M * radians(1)
MAX_RADIUS_M = 50_000
MAX_SIDE_M = 2 * MAX_RADIUS_M


class Bounds(NamedTuple):
    """An upright rectangle in degrees."""

    south: float
    west: float
    north: float
    east: float


class Circle(msgspec.Struct, frozen=True, tag="circle"):
    """The points within `radius_m` metres of a centre."""

    latitude: float
    longitude: float
    radius_m: float

    @property
    def bounds(self) -> Bounds:
        """The rectangle around it."""
        north_south = self.radius_m / METRES_PER_DEGREE
        east_west = north_south / max(cos(radians(abs(self.latitude) + north_south)), 0.01)
        return Bounds(
            self.latitude - north_south,
            self.longitude - east_west,
            self.latitude + north_south,
            self.longitude + east_west,
        )


class Box(msgspec.Struct, frozen=True, tag="box"):
    """Upright rectangle."""

    south: float
    west: float
    north: float
    east: float

    @property
    def bounds(self) -> Bounds:
        """Itself."""
        return Bounds(self.south, self.west, self.north, self.east)


class Polygon(msgspec.Struct, frozen=True, tag="polygon"):
    """Closed ring of (longitude, latitude), as GeoJSON orders them (RFC 7946)."""

    points: tuple[tuple[float, float], ...]

    @property
    def bounds(self) -> Bounds:
        """The rectangle around it."""
        eastings, northings = zip(*self.points, strict=True)
        return Bounds(min(northings), min(eastings), max(northings), max(eastings))


Area = Circle | Box | Polygon


def check_area(area: Area, *, field: str = "area") -> None:
    """Raise InvalidInput for an area that is inside out, too large, or over the 180th meridian."""
    south, west, north, east = area.bounds
    if south > north or west > east:
        raise InvalidInput(Common.AREA_INSIDE_OUT, field=field)
    if max(abs(south), abs(north)) > 90 or max(abs(west), abs(east)) > 180:
        raise InvalidInput(Common.AREA_OVER_THE_EDGE, field=field)
    width_m = (east - west) * METRES_PER_DEGREE * cos(radians((south + north) / 2))
    height_m = (north - south) * METRES_PER_DEGREE
    # A circle's rectangle is wider than the circle, by 1% at 50 km.
    if max(width_m, height_m) > MAX_SIDE_M * 1.05:
        raise InvalidInput(Common.AREA_TOO_LARGE, field=field, max_km=MAX_SIDE_M // 1000)


def area_of(plain: Any) -> Area:
    """Return an area from JSON without its kind; its fields identify the kind.

    Raises: ValueError, TypeError, KeyError for other JSON.
    """
    kinds: tuple[type[Circle | Box | Polygon], ...] = (Circle, Box, Polygon)
    for kind in kinds:
        if set(kind.__struct_fields__) <= set(plain):
            return msgspec.convert({**plain, "type": kind.__struct_config__.tag}, kind)
    raise KeyError("area")


def contains(outer: Circle | Box, inner: Area) -> bool:
    """Whether all of an area lies within another one, edges included.

    The distance from a point grows towards the ends of a parallel, of a meridian and, over the size of a canvass, of
    any straight line in degrees. So a circle contains a box or a polygon if it contains its corners.
    """
    if isinstance(outer, Box):
        south, west, north, east = inner.bounds
        return (
            outer.south <= south <= north <= outer.north
            and outer.west <= west <= east <= outer.east
        )
    centre = outer.latitude, outer.longitude
    if isinstance(inner, Circle):
        apart = distance_m(centre, (inner.latitude, inner.longitude))
        return apart + inner.radius_m <= outer.radius_m
    corners = _corners(inner)
    return bool(corners) and all(distance_m(centre, one) <= outer.radius_m for one in corners)


def _corners(area: Box | Polygon) -> list[tuple[float, float]]:
    """Return the corners as (latitude, longitude)."""
    if isinstance(area, Polygon):
        return [(latitude, longitude) for longitude, latitude in area.points]
    south, west, north, east = area.bounds
    return [(south, west), (south, east), (north, west), (north, east)]


def distance_m(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the metres between two points, (latitude, longitude) in degrees, on a great circle."""
    (north, east), (south, west) = ((radians(a), radians(b)) for a, b in (one, other))
    across = cos(north) * cos(south) * sin((east - west) / 2) ** 2
    return 2 * EARTH_RADIUS_M * asin(min(1.0, sqrt(sin((north - south) / 2) ** 2 + across)))
