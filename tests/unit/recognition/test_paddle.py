"""The real engine on frames drawn here; loaded once."""

import cv2
import numpy as np
import pytest

from services.recognition.engine.paddle import load_paddle
from services.recognition.engine.protocol import Engine
from tests.unit.recognition.drawing import draw_plate, street


@pytest.fixture(scope="module")
def engine():
    return load_paddle("ppocrv6-small", packs=("us",), longest_px=1280)


def test_both_plates_of_a_frame_are_read_and_the_clock_is_not(engine: Engine):
    frame = street()
    draw_plate(frame, "7KLM294", 200, 330)
    draw_plate(frame, "BXR4826", 560, 340)
    first, second = engine.read(frame)
    assert (first.plate, second.plate) == ("7KLM294", "BXR4826")
    assert [one.text for one in first.characters] == list("7KLM294")
    assert 0.8 < first.confidence == min(one.confidence for one in first.characters) <= 1
    [alternative] = first.alternatives
    assert alternative.plate == first.plate
    assert 1 - first.confidence < first.misread_risk == 1 - alternative.probability < 0.8
    assert first.region is None
    xs, ys = zip(*first.corners, strict=True)
    assert 195 < min(xs) < 215
    assert 335 < max(xs) < 360
    assert 330 < min(ys) < max(ys) < 405
    for around in (first.box, first.crop):
        assert 150 < around.x_px < 205
        assert 345 < around.x_px + around.width_px < 400
        assert 300 < around.y_px < 345
        assert 395 < around.y_px + around.height_px < 450
    assert first.crop.width_px > first.box.width_px


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (400, 1), (40, 40)])
def test_a_frame_of_any_size_is_read(engine: Engine, shape):
    assert engine.read(np.full((*shape, 3), 200, np.uint8)) == []


def test_signs_and_speed_limits_are_not_plates(engine: Engine):
    frame = street()
    cv2.circle(frame, (700, 90), 50, (255, 255, 255), -1)
    cv2.putText(frame, "30", (668, 108), cv2.FONT_HERSHEY_DUPLEX, 1.7, (20, 20, 20), 4)
    cv2.rectangle(frame, (300, 30), (560, 120), (40, 110, 20), -1)
    cv2.putText(frame, "EXIT 21B", (312, 95), cv2.FONT_HERSHEY_DUPLEX, 1.6, (255, 255, 255), 3)
    assert engine.read(frame) == []


def test_the_engine_names_its_weights(engine: Engine):
    assert engine.name == "ppocrv6-small/2"
    assert len(engine.digest) == 64
