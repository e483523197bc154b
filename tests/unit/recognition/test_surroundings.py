import cv2
import numpy as np
import pytest

from services.recognition.engine.surroundings import is_enclosed


def scene(ground, serial_at=(520, 340)):
    frame = np.full((480, 1000, 3), ground, np.uint8)
    cv2.putText(frame, "1365847", serial_at, cv2.FONT_HERSHEY_SIMPLEX, 1.2, (60, 20, 20), 3)
    x, y = serial_at
    quad = np.array([[x, y - 30], [x + 170, y - 30], [x + 170, y + 4], [x, y + 4]], np.float32)
    return frame, quad


@pytest.mark.parametrize(
    ("right", "bottom", "enclosed"),
    [(704, 372, True), (704, 479, True), (999, 372, False), (999, 479, False)],
    ids=["a plate", "its lower edge is hidden", "a stripe to the side", "a corner"],
)
def test_a_number_is_enclosed_by_ground_that_ends_at_both_sides_and_above_or_below(
    right, bottom, enclosed
):
    frame, _ = scene((90, 80, 70))
    cv2.rectangle(frame, (508, 290), (right, bottom), (235, 235, 235), -1)
    cv2.putText(frame, "1365847", (520, 340), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (60, 20, 20), 3)
    _, quad = scene(0)
    assert is_enclosed(frame, quad) is enclosed


def test_a_number_painted_on_a_wall_is_not_enclosed():
    frame, quad = scene((235, 235, 235))
    assert not is_enclosed(frame, quad)


def test_a_blank_or_tiny_region_is_not_enclosed():
    frame = np.full((40, 40, 3), 128, np.uint8)
    quad = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    assert not is_enclosed(frame, quad)
