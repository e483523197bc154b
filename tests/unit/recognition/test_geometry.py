import numpy as np
import pytest

from services.recognition.engine.geometry import (
    back_to_frame,
    bounding_box,
    enlarge,
    overlap,
    size_px,
    straighten,
    tilt_deg,
)
from services.recognition.engine.protocol import Box


def rectangle(x, y, w, h):
    return np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]], np.float32)


def test_size_and_tilt_follow_the_reading_direction():
    assert size_px(rectangle(5, 5, 80, 20)) == (80, 20)
    assert tilt_deg(rectangle(5, 5, 80, 20)) == 0
    rising = np.array([[0, 20], [80, 0], [84, 16], [4, 36]], np.float32)
    assert tilt_deg(rising) == pytest.approx(14.04, abs=0.01)


def test_enlarging_grows_each_side_by_its_share():
    grown = enlarge(rectangle(100, 100, 80, 20), 0.25, 0.5)
    assert grown.tolist() == rectangle(80, 90, 120, 40).tolist()


def test_a_straightened_cut_shows_the_quadrilateral_upright():
    frame = np.zeros((60, 100, 3), np.uint8)
    frame[20:30, 40:70] = 255
    cut, matrix = straighten(frame, rectangle(40, 20, 30, 10), height_px=20)
    assert cut.shape == (20, 60, 3)
    assert cut.mean() > 240
    place = back_to_frame(rectangle(0, 0, 60, 20), matrix)
    assert np.abs(place - rectangle(40, 20, 30, 10)).max() < 0.01


def test_a_cut_may_reach_over_the_edge_of_the_frame():
    cut, _ = straighten(np.full((10, 10, 3), 9, np.uint8), rectangle(-20, -20, 15, 15))
    assert (cut == 9).all()


def test_a_bounding_box_stays_inside_the_frame():
    assert bounding_box(rectangle(-5, 2, 20, 10), (8, 12, 3)) == Box(0, 2, 12, 6)
    assert bounding_box(rectangle(50, 50, 5, 5), (8, 12, 3)) == Box(11, 7, 1, 1)
    assert bounding_box(rectangle(5, 3, 0, 0), (8, 12, 3)) == Box(5, 3, 1, 1)


def test_overlap_is_a_share_of_the_smaller_box():
    assert overlap(rectangle(0, 0, 10, 10), rectangle(5, 0, 100, 10)) == 0.5
    assert overlap(rectangle(0, 0, 10, 10), rectangle(20, 0, 10, 10)) == 0
