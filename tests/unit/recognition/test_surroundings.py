import cv2
import numpy as np

from services.recognition.engine.surroundings import is_enclosed


def scene(ground, serial_at=(520, 340)):
    frame = np.full((480, 1000, 3), ground, np.uint8)
    cv2.putText(frame, "1365847", serial_at, cv2.FONT_HERSHEY_SIMPLEX, 1.2, (60, 20, 20), 3)
    x, y = serial_at
    quad = np.array([[x, y - 30], [x + 170, y - 30], [x + 170, y + 4], [x, y + 4]], np.float32)
    return frame, quad


def test_a_number_on_a_plate_is_enclosed():
    frame, _ = scene((90, 80, 70))
    cv2.rectangle(frame, (508, 290), (704, 372), (235, 235, 235), -1)
    cv2.putText(frame, "1365847", (520, 340), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (60, 20, 20), 3)
    _, quad = scene(0)
    assert is_enclosed(frame, quad)


def test_a_number_painted_on_a_wall_is_not_enclosed():
    frame, quad = scene((235, 235, 235))
    assert not is_enclosed(frame, quad)


def test_a_blank_or_tiny_region_is_not_enclosed():
    frame = np.full((40, 40, 3), 128, np.uint8)
    quad = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    assert not is_enclosed(frame, quad)
