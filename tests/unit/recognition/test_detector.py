import cv2
import numpy as np
import pytest

from services.recognition.engine.detector import (
    GROUND,
    MOST_CELLS,
    MOST_PLATES,
    PlateDetector,
    is_sound,
    merged,
)
from tests.unit.recognition.networks import FunctionNetwork, detecting

PLATE = ((100, 60), (164, 62), (164, 94), (100, 92))
OTHER = ((300, 60), (364, 60), (364, 92), (300, 92))


def a_detector(network, longest_px=640, minimum=0.5):
    return PlateDetector(network, longest_px=longest_px, minimum=minimum)


def frame(width=640, height=360, value=50):
    return np.full((height, width, 3), value, np.uint8)


def test_cells_of_one_plate_merge_into_one_detection():
    detector = a_detector(detecting((0.9, PLATE), (0.8, OTHER)))
    [[first, second]] = detector.find([frame()])
    assert (first.score, second.score) == (pytest.approx(0.9), pytest.approx(0.8))
    assert first.quad == pytest.approx(np.array(PLATE), abs=0.5)
    assert second.quad == pytest.approx(np.array(OTHER), abs=0.5)


def test_corners_are_the_mean_of_the_neighbours_with_half_the_best_score_by_their_scores():
    def answer(pictures):
        score = np.zeros((1, 12, 20), np.float32)
        corners = np.zeros((1, 12, 20, 8), np.float32)
        for x, probability, off in ((8, 0.9, 0.0), (9, 0.6, 3.0), (10, 0.4, 8.0)):
            score[0, 5, x] = probability
            corners[0, 5, x] = np.array([40, 30, 104, 30, 104, 62, 40, 62]) + off
        return {"score": score, "corners": corners}

    [[found]] = a_detector(FunctionNetwork(answer), minimum=0.3).find([frame(160, 96)])
    expected = np.array([[40, 30], [104, 30], [104, 62], [40, 62]]) + 3 * 0.6 / 1.5
    assert found.quad == pytest.approx(expected, abs=1e-3)
    assert found.score == pytest.approx(0.9)


@pytest.mark.parametrize(
    "part",
    [((104, 64), (134, 64), (134, 90), (104, 90)), ((90, 50), (190, 50), (190, 110), (90, 110))],
)
def test_a_part_of_a_plate_is_not_a_second_detection(part):
    [[found]] = a_detector(detecting((0.6, part), (0.9, PLATE))).find([frame()])
    assert found.quad == pytest.approx(np.array(PLATE), abs=0.5)


def test_a_score_under_the_minimum_is_no_detection():
    assert a_detector(detecting((0.49, PLATE))).find([frame()]) == [[]]
    assert len(a_detector(detecting((0.51, PLATE))).find([frame()])[0]) == 1


def test_a_large_frame_is_reduced_and_its_plates_are_returned_in_its_own_pixels():
    network = detecting((0.9, PLATE))
    [[found]] = a_detector(network).find([frame(1920, 1080)])
    assert network.shown[0].shape == (1, 384, 640, 3)
    assert found.quad == pytest.approx(3 * np.array(PLATE), abs=1)


def test_padding_to_a_multiple_is_grey_and_at_the_bottom_and_right():
    network = detecting((0.9, PLATE))
    a_detector(network).find([frame(500, 300)])
    [shown] = network.shown
    assert shown.shape == (1, 320, 512, 3)
    assert (shown[0, :300, :500] == 50).all()
    assert (shown[0, 300:] == GROUND).all()
    assert (shown[0, :, 500:] == GROUND).all()


def test_frames_go_through_one_by_one_and_keep_their_order():
    network = detecting((0.9, PLATE))
    frames = [frame(), frame(320, 200), frame(value=60), frame(1280, 720)]
    found = a_detector(network).find(frames)
    assert [shown.shape[0] for shown in network.shown] == [1, 1, 1, 1]
    assert [len(one) for one in found] == [1, 1, 1, 1]
    assert found[3][0].quad == pytest.approx(2 * np.array(PLATE), abs=1)


@pytest.mark.parametrize(
    ("size", "shown", "longest_px"),
    [
        ((1280, 720), (448, 800), 796),
        ((720, 1280), (800, 448), 796),
        ((1920, 1080), (448, 800), 796),
        ((1280, 800), (512, 800), 800),
        ((800, 450), (480, 800), 800),
    ],
)
def test_a_reduced_frame_gets_no_strip_of_padding_that_a_hundredth_less_saves(
    size, shown, longest_px
):
    network = detecting((0.9, PLATE))
    [[found]] = a_detector(network, longest_px=800).find([frame(*size)])
    assert network.shown[0].shape == (1, *shown, 3)
    assert found.quad == pytest.approx(max(size) / longest_px * np.array(PLATE), rel=1e-3)


@pytest.mark.parametrize("size", [(1281, 721), (1921, 1081), (2563, 1443), (5123, 2885)])
def test_places_stay_exact_when_halving_drops_an_odd_edge(size):
    network = detecting((0.9, PLATE))
    [[found]] = a_detector(network).find([frame(*size)])
    by = size[0] // 640
    assert network.shown[0].shape == (1, 384, 640, 3)
    assert found.quad == pytest.approx(by * np.array(PLATE), abs=0.01)


@pytest.mark.parametrize("size", [(1500, 844), (1921, 1081), (4000, 2250)])
def test_a_reduced_frame_averages_the_pixels_that_it_covers(size):
    rng = np.random.default_rng(5)
    coarse = rng.integers(0, 256, (9, 16, 3), np.uint8)
    picture = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    network = detecting()
    a_detector(network).find([picture])
    exact = cv2.resize(picture, (640, 360), interpolation=cv2.INTER_AREA)
    shown = network.shown[0][0, :360].astype(int)
    assert np.abs(shown - exact).mean() < 1
    assert np.abs(shown - exact).max() < 8


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (3000, 1)])
def test_a_frame_of_any_size_is_searched(size):
    network = detecting()
    assert a_detector(network).find([frame(*size)]) == [[]]
    assert all(side % 32 == 0 for side in network.shown[0].shape[1:3])


def test_the_number_of_detections_in_a_frame_is_limited():
    def answer(pictures):
        h, w = (side // 8 for side in pictures.shape[1:3])
        y, x = np.mgrid[:h, :w] * 8.0
        corners = np.stack([x, y, x + 32, y, x + 32, y + 16, x, y + 16], axis=2)
        return {
            "score": np.ones((1, h, w), np.float32),
            "corners": corners[None].astype(np.float32),
        }

    [found] = a_detector(FunctionNetwork(answer)).find([frame()])
    assert len(found) == MOST_PLATES


def test_no_more_than_the_surest_cells_of_a_frame_are_compared():
    score = np.linspace(0.9, 1, MOST_CELLS + 100, dtype=np.float32)[np.newaxis]
    x = 100.0 * np.arange(score.size)
    zero = np.zeros(score.size)
    sides = [x, zero, x + 32, zero, x + 32, zero + 16, x, zero + 16]
    plates = merged(score, np.stack(sides, axis=1)[np.newaxis].astype(np.float32), 0.5)
    assert len(plates) == MOST_CELLS
    assert min(its for its, _ in plates) > score[0, 99]


@pytest.mark.parametrize("corner", [np.nan, np.inf, 116.0])
def test_a_cell_with_invalid_corners_hides_no_plate_though_it_is_surer(corner):
    plate = [100.0, 100, 164, 100, 164, 132, 100, 132]
    corners = np.array([[[corner] * 8, plate]], np.float32)
    [(score, quad)] = merged(np.array([[0.95, 0.8]], np.float32), corners, 0.5)
    assert score == pytest.approx(0.8)
    assert quad.ravel().tolist() == plate


@pytest.mark.parametrize("corner", [np.nan, np.inf, 7.0])
def test_invalid_corners_give_no_detection(corner):
    def answer(pictures):
        h, w = (side // 8 for side in pictures.shape[1:3])
        corners = np.full((1, h, w, 8), corner, np.float32)
        return {"score": np.ones((1, h, w), np.float32), "corners": corners}

    assert a_detector(FunctionNetwork(answer)).find([frame()]) == [[]]


@pytest.mark.parametrize(
    ("quad", "sound"),
    [
        (PLATE, True),
        (((100, 60), (164, 80), (164, 112), (100, 92)), True),
        (PLATE[::-1], False),  # mirrored
        (((100, 60), (164, 60), (110, 70), (100, 92)), False),  # not convex
        (((100, 60), (127, 60), (127, 74), (100, 74)), False),  # too small
        (((100, 60), (129, 60), (129, 74), (100, 74)), True),
        (((100, 60), (130, 60), (130, 66), (100, 66)), False),  # too low
        (((100, 60), (400, 60), (400, 80), (100, 80)), False),  # too long
        (((100, 60), (140, 60), (140, 120), (100, 120)), False),  # upright
        (((-30, 60), (34, 60), (34, 92), (-30, 92)), False),  # half of it outside
        (((-10, 60), (54, 60), (54, 92), (-10, 92)), True),
        (((700, 60), (764, 60), (764, 92), (700, 92)), False),
    ],
)
def test_implausible_corners_are_dropped(quad, sound):
    assert is_sound(np.array(quad, np.float32), (360, 640, 3)) is sound
