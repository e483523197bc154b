import numpy as np
import pytest

from services.recognition.closer import CUT_PX, PLATE_PX, ROUNDS, CloserLook, cut_around
from services.recognition.detector import GROUND
from tests.unit.recognition.networks import detecting

MIDDLE = np.array([[48, 24], [144, 24], [144, 72], [48, 72]], np.float32)
"""Where a plate lies in its own cut."""


def frame(width=640, height=360):
    return np.full((height, width, 3), 50, np.uint8)


def around(x, y, width):
    half = np.array([width / 2, width / 4])
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    return (np.array([x, y]) + signs * half).astype(np.float32)


@pytest.mark.parametrize("width", [20, 96, 300])
def test_corners_seen_in_the_cut_are_told_in_px_of_the_frame(width):
    seen = MIDDLE + np.array([2, 3], np.float32)
    [placed] = CloserLook(detecting((0.9, seen))).place([(frame(), around(300, 200, width))])
    scale = PLATE_PX / width
    expected = around(300, 200, width) + ROUNDS * np.array([2, 3]) / scale
    assert placed == pytest.approx(expected, abs=2.5 / min(1, scale))


def test_every_plate_is_equally_wide_in_its_cut_and_all_go_through_together():
    network = detecting((0.9, MIDDLE))
    plates = [(frame(), around(300, 200, 30)), (frame(900, 700), around(400, 300, 200))]
    assert len(CloserLook(network).place(plates)) == 2
    assert [shown.shape for shown in network.shown] == [(2, CUT_PX[1], CUT_PX[0], 3)] * ROUNDS


def test_beyond_the_frame_the_cut_is_grey():
    picture, at, _ = cut_around(frame(), around(4, 4, 96))
    assert (at < 0).all()
    assert (picture[0, 0] == GROUND).all()
    assert (picture[-1, -1] == 50).all()


@pytest.mark.parametrize(
    "seen",
    [
        MIDDLE + np.array([60, 0], np.float32),
        MIDDLE.mean(axis=0) + 0.2 * (MIDDLE - MIDDLE.mean(axis=0)),
        MIDDLE[[1, 0, 3, 2]],
    ],
    ids=["beside it", "far smaller", "turned over"],
)
def test_what_cannot_be_the_same_plate_is_not_it(seen):
    [placed] = CloserLook(detecting((0.9, seen))).place([(frame(), around(300, 200, 96))])
    assert placed is None


def test_nothing_to_place_asks_the_network_nothing():
    network = detecting((0.9, MIDDLE))
    assert CloserLook(network).place([]) == []
    assert network.shown == []
