import numpy as np
import pytest

from services.recognition.engine.corner_refiner import CUT_PX, PLATE_PX, CornerRefiner, cut_around
from services.recognition.engine.detector import GROUND
from tests.unit.recognition.networks import FunctionNetwork, detecting

MIDDLE = np.array([[48, 24], [144, 24], [144, 72], [48, 72]], np.float32)
"""Where a plate lies in its own cut."""


def about_the_middle(times):
    """Return the plate in its cut so many times as large."""
    return MIDDLE.mean(axis=0) + times * (MIDDLE - MIDDLE.mean(axis=0))


def frame(width=640, height=360):
    return np.full((height, width, 3), 50, np.uint8)


def placed(network, plates):
    """Return the corners of plates after one look, and a second one where that is needed."""
    refiner = CornerRefiner(network)
    return refiner.place(plates, refiner.examine(plates))


def around(x, y, width):
    half = np.array([width / 2, width / 4])
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    return (np.array([x, y]) + signs * half).astype(np.float32)


FAR, NEAR = np.array([5, 4], np.float32), np.array([2, 3], np.float32)
"""Moves of a middle in its cut: over 5% of the plate's width there, and under."""


@pytest.mark.parametrize("width", [30, 96, 300])
@pytest.mark.parametrize(("move", "looks"), [(FAR, 2), (NEAR, 1)], ids=["far", "near"])
def test_corners_found_in_a_cutout_are_returned_in_frame_pixels(width, move, looks):
    network = detecting((0.9, MIDDLE + move))
    [corners] = placed(network, [(frame(), around(300, 200, width))])
    scale = PLATE_PX / width
    assert len(network.shown) == looks
    assert corners == pytest.approx(
        around(300, 200, width) + looks * move / scale, abs=2.5 / min(1, scale)
    )


def test_a_plate_that_is_wider_than_expected_is_examined_again():
    wider = MIDDLE.mean(axis=0) + 1.15 * (MIDDLE - MIDDLE.mean(axis=0))
    network = detecting((0.9, wider))
    [corners] = placed(network, [(frame(), around(300, 200, 96))])
    assert len(network.shown) == 2
    assert corners == pytest.approx(around(300, 200, 96 * 1.15**2), abs=2.5)


def test_only_a_plate_whose_corners_moved_is_processed_again():
    network = detecting((0.9, MIDDLE + FAR))
    steady, moved = around(300, 200, 96), around(100, 100, 96)

    def seen_far_in_the_second(pictures):
        answer = network.run(pictures)
        if len(pictures) == 2:
            answer["corners"][0] -= np.tile(FAR, 4)
        return answer

    shown = FunctionNetwork(seen_far_in_the_second)
    first, second = placed(shown, [(frame(), steady), (frame(), moved)])
    assert [pictures.shape[0] for pictures in shown.shown] == [2, 1]
    assert first == pytest.approx(steady, abs=2.5)
    assert second == pytest.approx(moved + 2 * FAR, abs=2.5)


@pytest.mark.parametrize("second", [[], [(0.4, MIDDLE + FAR)]], ids=["nothing", "less sure"])
def test_the_corners_of_the_first_look_stay_where_the_second_does_not_see_the_plate(second):
    looks = iter([detecting((0.9, MIDDLE + FAR)), detecting(*second)])
    network = FunctionNetwork(lambda pictures: next(looks).run(pictures))
    [corners] = placed(network, [(frame(), around(300, 200, 96))])
    assert len(network.shown) == 2
    assert corners == pytest.approx(around(300, 200, 96) + FAR, abs=2.5)


def test_all_plates_are_cut_to_one_width_and_processed_in_one_batch():
    network = detecting((0.9, MIDDLE))
    plates = [(frame(), around(300, 200, 30)), (frame(900, 700), around(400, 300, 200))]
    assert len(placed(network, plates)) == 2
    assert [shown.shape for shown in network.shown] == [(2, CUT_PX[1], CUT_PX[0], 3)]


def test_a_cutout_is_grey_beyond_the_frame():
    picture, at, _ = cut_around(frame(), around(4, 4, 96))
    assert (at < 0).all()
    assert (picture[0, 0] == GROUND).all()
    assert (picture[-1, -1] == 50).all()


@pytest.mark.parametrize(
    "seen",
    [
        MIDDLE + np.array([40, 0], np.float32),
        about_the_middle(0.45),
        about_the_middle(1.95),
        MIDDLE[[1, 0, 3, 2]],
    ],
    ids=["beside it", "far smaller", "far larger", "turned over"],
)
@pytest.mark.parametrize("score", [0.9, 0.4])
def test_a_detection_that_cannot_be_the_same_plate_is_not_seen(seen, score):
    network = detecting((score, seen))
    plate = frame(), around(300, 200, 96)
    [closer] = CornerRefiner(network).examine([plate])
    assert closer.score == 0
    [corners] = placed(network, [plate])
    assert corners == pytest.approx(plate[1])
    assert len(network.shown) == 2, "one in each of these looks"


@pytest.mark.parametrize(("score", "moves"), [(0.46, True), (0.44, False)])
def test_a_look_that_is_less_sure_says_how_sure_it_is_and_moves_no_corners(score, moves):
    network = detecting((score, MIDDLE + FAR))
    plate = frame(), around(300, 200, 96)
    [closer] = CornerRefiner(network).examine([plate])
    assert closer.score == pytest.approx(score)
    [corners] = placed(network, [plate])
    expected = around(300, 200, 96) + (2 * FAR if moves else 0)
    assert corners == pytest.approx(expected, abs=2.5)


def test_placing_no_plates_runs_no_network():
    network = detecting((0.9, MIDDLE))
    assert placed(network, []) == []
    assert network.shown == []
