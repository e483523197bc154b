"""Areas as retention's tables compare them: cells of devices' places, and polygons in Postgres."""

from collections.abc import Iterator
from math import floor

from shared.core.areas import Bounds, Polygon

CELLS_PER_DEGREE = 100
"""The index of devices' places has cells of 0.01 degrees, about 1.1 km north to south."""


POLYGON_UNITS = 1e6
"""Units of a degree in which Postgres compares points with polygons. Its geometry takes a cross product below 1e-6 for
zero, so in degrees a point 5 m beside an edge of 400 m would lie on it."""


def cells_of(bounds: Bounds) -> tuple[int, int, int, int]:
    """Return a rectangle in cells, edges included: south, west, north, east."""
    south, west, north, east = (floor(edge * CELLS_PER_DEGREE) for edge in bounds)
    return south, west, north, east


def cell_of(latitude: float, longitude: float) -> tuple[int, int]:
    """Return the cell of a point: south to north, west to east."""
    return floor(latitude * CELLS_PER_DEGREE), floor(longitude * CELLS_PER_DEGREE)


def edges(polygon: Polygon) -> Iterator[str]:
    """Yield the points of a polygon in the notation of Postgres, in units of `POLYGON_UNITS`."""
    for longitude, latitude in polygon.points:
        yield f"({longitude * POLYGON_UNITS!r},{latitude * POLYGON_UNITS!r})"
