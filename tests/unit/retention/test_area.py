"""Areas in the cells of the index of devices' places."""

from services.retention.domain.area import cell_of, cells_of
from shared.core.areas import Box


def test_cells_of_a_rectangle_hold_the_cell_of_every_point_in_it():
    box = Box(39.901, -122.199, 39.949, -122.101)
    south, west, north, east = cells_of(box.bounds)
    for latitude, longitude in ((39.901, -122.199), (39.949, -122.101), (39.92, -122.15)):
        row, column = cell_of(latitude, longitude)
        assert south <= row <= north
        assert west <= column <= east
