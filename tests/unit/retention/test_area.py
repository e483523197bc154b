"""Areas: the points inside them, and the areas that are refused."""

from math import asin, cos, radians, sin, sqrt

import pytest

from services.retention.domain.area import (
    EARTH_RADIUS_M,
    Box,
    Circle,
    Polygon,
    cell_of,
    check_area,
)
from shared.core.errors import InvalidInput


def distance_m(a, b):
    """Return the great-circle distance between two (latitude, longitude), degrees."""
    (lat1, lon1), (lat2, lon2) = ((radians(x), radians(y)) for x, y in (a, b))
    h = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_M * asin(sqrt(h))


@pytest.mark.parametrize("latitude", [0.0, 39.9277, -39.9, 64.0])
@pytest.mark.parametrize("radius_m", [50, 500, 50_000])
def test_the_bounding_box_of_a_circle_contains_all_of_it(latitude, radius_m):
    south, west, north, east = Circle(latitude, -122.0, radius_m).bounds
    for edge in ((south, -122.0), (north, -122.0)):
        assert distance_m((latitude, -122.0), edge) == pytest.approx(radius_m, rel=1e-6)
    for tenth in range(-10, 11):
        there = latitude + (north - latitude) * tenth / 10
        for edge in (west, east):
            assert distance_m((latitude, -122.0), (there, edge)) >= radius_m * 0.999999


def test_cells_of_a_rectangle_hold_the_cell_of_every_point_in_it():
    box = Box(39.901, -122.199, 39.949, -122.101)
    south, west, north, east = box.bounds.cells
    for latitude, longitude in ((39.901, -122.199), (39.949, -122.101), (39.92, -122.15)):
        row, column = cell_of(latitude, longitude)
        assert south <= row <= north
        assert west <= column <= east


@pytest.mark.parametrize(
    "area",
    [
        Box(40.0, -122.0, 39.0, -121.9),
        Box(39.0, -121.0, 39.1, -122.0),
        Box(39.0, -122.0, 39.1, -120.0),
        Box(30.0, -122.0, 39.0, -121.9),
        Circle(89.999, 0.0, 1000),
        Circle(0.0, 179.999, 1000),
        Polygon(((-122.0, 39.0), (-120.0, 39.0), (-121.0, 39.1))),
    ],
)
def test_invalid_or_too_large_areas_are_refused(area):
    with pytest.raises(InvalidInput) as refused:
        check_area(area, field="area")
    assert refused.value.field == "area"


def test_a_canvass_of_the_largest_size_is_accepted():
    check_area(Circle(39.9, -122.0, 50_000))
    check_area(Polygon(((-122.0, 39.0), (-121.9, 39.0), (-121.95, 39.1))))
