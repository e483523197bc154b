"""Areas: the points inside them, the areas that are refused, and areas within areas."""

import random
from math import asin, cos, pi, radians, sin, sqrt

import pytest

from shared.core.areas import (
    EARTH_RADIUS_M,
    METRES_PER_DEGREE,
    Box,
    Circle,
    Polygon,
    area_of,
    check_area,
    contains,
)
from shared.core.errors import InvalidInput


def metres(a, b):
    """Return the great-circle distance of two (latitude, longitude), degrees: by this file's own formula."""
    (lat1, lon1), (lat2, lon2) = ((radians(x), radians(y)) for x, y in (a, b))
    h = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_M * asin(sqrt(h))


@pytest.mark.parametrize("latitude", [0.0, 39.9277, -39.9, 64.0])
@pytest.mark.parametrize("radius_m", [50, 500, 50_000])
def test_the_bounding_box_of_a_circle_contains_all_of_it(latitude, radius_m):
    south, west, north, east = Circle(latitude, -122.0, radius_m).bounds
    for edge in ((south, -122.0), (north, -122.0)):
        assert metres((latitude, -122.0), edge) == pytest.approx(radius_m, rel=1e-6)
    for tenth in range(-10, 11):
        there = latitude + (north - latitude) * tenth / 10
        for edge in (west, east):
            assert metres((latitude, -122.0), (there, edge)) >= radius_m * 0.999999


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


CIRCLE = Circle(39.93, -122.18, 1000)
BOX = Box(39.92, -122.19, 39.94, -122.17)


@pytest.mark.clause("468.6(b)/case-bound")
@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        (BOX, BOX),
        (BOX, Box(39.925, -122.18, 39.93, -122.175)),
        (BOX, Circle(39.93, -122.18, 800)),
        (BOX, Polygon(((-122.19, 39.92), (-122.17, 39.92), (-122.18, 39.94)))),
        (CIRCLE, CIRCLE),
        (CIRCLE, Circle(39.935, -122.18, 440)),
        (CIRCLE, Box(39.926, -122.186, 39.934, -122.174)),
        (CIRCLE, Polygon(((-122.19, 39.93), (-122.17, 39.93), (-122.18, 39.938)))),
    ],
)
def test_an_area_contains_what_lies_within_it(outer, inner):
    assert contains(outer, inner)


@pytest.mark.clause("468.6(b)/case-bound")
@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        (BOX, Box(39.9199, -122.19, 39.94, -122.17)),
        (BOX, Box(39.92, -122.1901, 39.94, -122.17)),
        (BOX, Box(39.92, -122.19, 39.9401, -122.17)),
        (BOX, Box(39.92, -122.19, 39.94, -122.1699)),
        (BOX, Circle(39.93, -122.18, 1200)),
        (BOX, Circle(39.95, -122.18, 10)),
        (BOX, Polygon(((-122.19, 39.92), (-122.17, 39.92), (-122.18, 39.9401)))),
        (CIRCLE, Circle(39.93, -122.18, 1001)),
        (CIRCLE, Circle(39.935, -122.18, 450)),
        (CIRCLE, Circle(40.0, -122.18, 10)),
        (CIRCLE, BOX),
        (CIRCLE, Box(39.93, -122.18, 39.931, -122.16)),
        (CIRCLE, Polygon(((-122.19, 39.93), (-122.168, 39.93), (-122.18, 39.938)))),
    ],
)
def test_an_area_does_not_contain_what_reaches_beyond_it(outer, inner):
    assert not contains(outer, inner)


def test_each_point_of_a_contained_area_lies_in_the_outer_one():
    """10,000 random pairs, at each latitude; without this, corners alone might hide that an edge reaches beyond."""
    chance = random.Random(468)
    contained = 0
    for _ in range(10_000):
        latitude, size_m = chance.uniform(-70, 70), 10 ** chance.uniform(1.5, 4.6)
        outer = _near(chance, latitude, size_m, (Circle, Box))
        inner = _near(chance, latitude, size_m * chance.uniform(0.1, 1), (Circle, Box, Polygon))
        if contains(outer, inner):
            contained += 1
            assert all(_has(outer, point) for point in _edge(chance, inner)), (outer, inner)
    assert contained > 1000


def _near(chance, latitude, size_m, kinds):
    up = size_m / METRES_PER_DEGREE
    across = up / cos(radians(latitude))
    kind = chance.choice(kinds)
    north, east = latitude + chance.uniform(-0.3, 0.3) * up, chance.uniform(-0.3, 0.3) * across
    if kind is Circle:
        return Circle(north, east, size_m)
    if kind is Box:
        return Box(north - up, east - across, north + up, east + across)
    turns = sorted(chance.uniform(0, 2 * pi) for _ in range(chance.randint(3, 8)))
    return Polygon(tuple((east + across * cos(t), north + up * sin(t)) for t in turns))


def _edge(chance, area):
    if isinstance(area, Circle):
        for _ in range(20):
            turn, up = chance.uniform(0, 2 * pi), area.radius_m / METRES_PER_DEGREE
            north = area.latitude + up * sin(turn)
            # The point of this latitude on the circle, by halving.
            low, high = 0.0, up / cos(radians(abs(north))) * 1.1
            for _ in range(40):
                middle = (low + high) / 2
                away_m = metres((area.latitude, area.longitude), (north, area.longitude + middle))
                low, high = (middle, high) if away_m <= area.radius_m else (low, middle)
            yield north, area.longitude + chance.choice((-1, 1)) * low
        return
    if isinstance(area, Box):
        south, west, north, east = area.bounds
        points = [(west, south), (east, south), (east, north), (west, north)]
    else:
        points = list(area.points)
    for (east, north), (west, south) in zip(points, points[1:] + points[:1], strict=True):
        for share in (0.0, 0.25, 0.5, 0.75, chance.random()):
            yield north + (south - north) * share, east + (west - east) * share


def _has(area, point):
    latitude, longitude = point
    if isinstance(area, Circle):
        away_m = metres((area.latitude, area.longitude), point)
        return away_m <= area.radius_m * (1 + 1e-9)
    return (
        area.south - 1e-12 <= latitude <= area.north + 1e-12
        and area.west - 1e-12 <= longitude <= area.east + 1e-12
    )


@pytest.mark.parametrize("area", [CIRCLE, BOX, Polygon(((1.0, 2.0), (3.0, 4.0), (1.0, 3.0)))])
def test_an_area_is_read_from_its_fields(area):
    fields = {name: getattr(area, name) for name in area.__struct_fields__}
    assert area_of(fields) == area
    with pytest.raises(KeyError):
        area_of(dict(list(fields.items())[1:]))
