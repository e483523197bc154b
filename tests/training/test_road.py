"""Photos for measuring: each has one plate with a serial, where its truth says, and they are the same again."""

import csv
from dataclasses import replace
from itertools import islice

import cv2
import numpy as np
import pytest

from training.plates import PlateRenderer
from training.road import PLATES, ROAD, Rendered, rendered, write

WIDTHS_PX = (60.0, 90.0)


def photos(plates, seed, count=3):
    return list(islice(rendered(plates, seed, WIDTHS_PX), count))


@pytest.mark.parametrize("name", PLATES)
def test_photos_are_the_same_for_the_same_seed_alone(name):
    one, again, other = (photos(PLATES[name], seed) for seed in (5, 5, 6))
    assert [photo.plate for photo in one] == [photo.plate for photo in again]
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(one, again, strict=True))
    assert [photo.plate for photo in one] != [photo.plate for photo in other]


def test_plates_are_as_wide_as_asked_for_and_in_their_photo():
    for photo in photos(PLATES["us"], 7, 8):
        top = np.linalg.norm(photo.corners[1] - photo.corners[0])
        assert 0.75 * WIDTHS_PX[0] < top < 1.15 * WIDTHS_PX[1]
        assert (photo.corners >= 0).all()
        assert (photo.corners < photo.pixels.shape[1::-1]).all()


class SometimesBlank(PlateRenderer):
    """Draws every other plate without a serial."""

    def render(self, rng):
        self.drawn = getattr(self, "drawn", 0) + 1
        plate = super().render(rng)
        return replace(plate, text="") if self.drawn % 2 else plate


def test_a_plate_without_a_serial_is_in_no_photo():
    plates = replace(PLATES["us"], renderer=lambda _: SometimesBlank(cached_per_style=1))
    assert all(photo.plate for photo in photos(plates, 1, 4))


def test_the_truth_of_a_folder_has_each_photos_plate_and_box(tmp_path):
    corners = np.array([[20, 10], [80, 12], [80, 42], [20, 40]], np.float32)
    picture = np.full((60, 100, 3), 90, np.uint8)
    shown = Rendered(picture, corners, "TX", "ABC1234")
    write(tmp_path / "new", iter([shown, replace(shown, region="NY"), shown]), 2)
    with (tmp_path / "new" / "truth.csv").open(newline="") as opened:
        first, second = csv.DictReader(opened)
    assert first == {
        "file": "0000-TX-060px.jpg", "x": "20", "y": "10", "w": "60", "h": "32", "plate": "ABC1234",
    }  # fmt: skip
    assert second["file"] == "0001-NY-060px.jpg"
    assert cv2.imread(str(tmp_path / "new" / second["file"])).shape == picture.shape


def test_the_configuration_has_the_typefaces_of_no_training():
    assert ROAD.typefaces == ("fjalla_one", "share_tech", "signika", "zilla_slab", "dosis", "play")
