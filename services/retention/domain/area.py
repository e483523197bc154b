"""Places on the ground: a circle, a box or a polygon, in WGS 84 degrees, small enough for a canvass."""

from collections.abc import Iterator
from math import cos, floor, radians
from typing import NamedTuple

import msgspec

from services.retention.domain.problem_codes import Code
from shared.core.errors import InvalidInput

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius (IUGG); distances differ from those on the ellipsoid by 0.5% at most."""

METRES_PER_DEGREE = EARTH_RADIUS_M * radians(1)
MAX_RADIUS_M = 50_000
MAX_SIDE_M = 2 * MAX_RADIUS_M
CELLS_PER_DEGREE = 100
"""The index of devices' places has cells of 0.01 degrees, about 1.1 km north to south."""


POLYGON_UNITS = 1e6
"""Units of a degree in which Postgres compares points with polygons. Its geometry takes a cross product below 1e-6 for
zero, so in degrees a point 5 m beside an edge of 400 m would lie on it."""


class Bounds(NamedTuple):
    """An upright rectangle in degrees."""

    south: float
    west: float
    north: float
    east: float

    @property
    def cells(self) -> tuple[int, int, int, int]:
        """The rectangle in cells, edges included: south, west, north, east."""
        south, west, north, east = (floor(edge * CELLS_PER_DEGREE) for edge in self)
        return south, west, north, east


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
        raise InvalidInput(Code.AREA_INSIDE_OUT, field=field)
    if max(abs(south), abs(north)) > 90 or max(abs(west), abs(east)) > 180:
        raise InvalidInput(Code.AREA_OVER_THE_EDGE, field=field)
    width_m = (east - west) * METRES_PER_DEGREE * cos(radians((south + north) / 2))
    height_m = (north - south) * METRES_PER_DEGREE
    # A circle's rectangle is wider than the circle, by 1% at 50 km.
    if max(width_m, height_m) > MAX_SIDE_M * 1.05:
        raise InvalidInput(Code.AREA_TOO_LARGE, field=field, max_km=MAX_SIDE_M // 1000)


def cell_of(latitude: float, longitude: float) -> tuple[int, int]:
    """Return the cell of a point: south to north, west to east."""
    return floor(latitude * CELLS_PER_DEGREE), floor(longitude * CELLS_PER_DEGREE)


def edges(polygon: Polygon) -> Iterator[str]:
    """Yield the points of a polygon in the notation of Postgres, in units of `POLYGON_UNITS`."""
    for longitude, latitude in polygon.points:
        yield f"({longitude * POLYGON_UNITS!r},{latitude * POLYGON_UNITS!r})"
