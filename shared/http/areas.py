"""Areas in requests."""

from typing import Annotated

from pydantic import Field

from shared.core.areas import MAX_RADIUS_M, Area, Box, Circle, Polygon
from shared.http.models import RequestBody

Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]


class CircleIn(RequestBody):
    """A circle around a point; degrees in WGS 84, the radius in metres."""

    latitude: Latitude
    longitude: Longitude
    radius_m: Annotated[float, Field(gt=0, le=MAX_RADIUS_M, allow_inf_nan=False)]

    def area(self) -> Area:
        """Return the domain's area."""
        return Circle(self.latitude, self.longitude, self.radius_m)


class BoxIn(RequestBody):
    """A rectangle between two parallels and two meridians, in degrees."""

    south: Latitude
    west: Longitude
    north: Latitude
    east: Longitude

    def area(self) -> Area:
        """Return the domain's area."""
        return Box(self.south, self.west, self.north, self.east)


_Point = Annotated[
    tuple[Longitude, Latitude], Field(json_schema_extra={"items": {"type": "number"}})
]
# Linters and generators of clients require `items` of every array.


class PolygonIn(RequestBody):
    """A polygon of at least three [longitude, latitude] points, in GeoJSON's order."""

    points: Annotated[list[_Point], Field(min_length=3, max_length=100)]

    def area(self) -> Area:
        """Return the domain's area."""
        return Polygon(tuple(self.points))


AreaIn = CircleIn | BoxIn | PolygonIn
