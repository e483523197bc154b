import cv2
import numpy as np
import pytest

from tests.bench.variation import LIGHT, SCALE, SHIFT_PX, Change, changes


def middle_of_light(picture):
    rows, columns = np.nonzero(picture[:, :, 0] > 100)
    return columns.mean() + 0.5, rows.mean() + 0.5


def test_a_box_is_transformed_with_its_plate():
    frame = np.zeros((360, 640, 3), np.uint8)
    cv2.rectangle(frame, (400, 200), (459, 229), (200, 200, 200), -1)
    for change in changes("a.jpg", 8):
        x, y, width, height = change.box((400, 200, 60, 30))
        shown = change.picture(frame)
        assert shown.shape == frame.shape
        assert middle_of_light(shown) == pytest.approx((x + width / 2, y + height / 2), abs=1.5)


def test_light_multiplies_every_pixel_value():
    lighter = Change(1.0, (0.0, 0.0), 1.05).picture(np.full((20, 30, 3), 100, np.uint8))
    assert (lighter == 105).all()


def test_variations_are_small_distinct_and_reproducible_for_each_picture():
    some = changes("a.jpg", 20)
    assert some == changes("a.jpg", 20)
    assert some != changes("b.jpg", 20)
    assert len(set(some)) == 20
    for one in some:
        assert SCALE[0] <= one.scale <= SCALE[1]
        assert all(SHIFT_PX[0] <= px <= SHIFT_PX[1] for px in one.shift_px)
        assert LIGHT[0] <= one.light <= LIGHT[1]
