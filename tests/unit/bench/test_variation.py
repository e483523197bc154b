from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.bench.variation import (
    LIGHT,
    QUALITY,
    ROAD_SCALE,
    SCALE,
    SHIFT_PX,
    RoadChange,
    SmallChange,
    road_changes,
    small_changes,
    varied,
)

PLAIN = RoadChange(
    scale=1.0,
    turn_deg=0.0,
    lean=0.0,
    shift_px=(0.0, 0.0),
    defocus_px=0.0,
    motion_px=1,
    contrast=1.0,
    light=1.0,
    grey=False,
    noise=0.0,
    quality=95,
    noise_seed=0,
)


def middle_of_light(picture):
    grey = picture.mean(axis=2)
    rows, columns = np.nonzero(grey > (grey.min() + grey.max()) / 2)
    return columns.mean() + 0.5, rows.mean() + 0.5


def with_a_plate():
    frame = np.zeros((360, 640, 3), np.uint8)
    cv2.rectangle(frame, (400, 200), (459, 229), (200, 200, 200), -1)
    return frame


@pytest.mark.parametrize("changes", [small_changes, road_changes])
def test_a_box_is_transformed_with_its_plate(changes):
    frame = with_a_plate()
    for change in changes("a.jpg", 8):
        x, y, width, height = change.box((400, 200, 60, 30), frame.shape)
        shown = change.picture(frame)
        assert shown.shape == frame.shape
        assert middle_of_light(shown) == pytest.approx((x + width / 2, y + height / 2), abs=2.5)


def test_light_multiplies_every_pixel_value():
    lighter = SmallChange(1.0, (0.0, 0.0), 1.05).picture(np.full((20, 30, 3), 100, np.uint8))
    assert (lighter == 105).all()


def test_variations_are_small_distinct_and_reproducible_for_each_picture():
    some = small_changes("a.jpg", 20)
    assert some == small_changes("a.jpg", 20)
    assert some != small_changes("b.jpg", 20)
    assert len(set(some)) == 20
    for one in some:
        assert SCALE[0] <= one.scale <= SCALE[1]
        assert all(SHIFT_PX[0] <= px <= SHIFT_PX[1] for px in one.shift_px)
        assert LIGHT[0] <= one.light <= LIGHT[1]


def test_variations_as_at_a_road_are_distinct_and_reproducible_for_each_picture():
    some = road_changes("a.jpg", 60)
    assert some == road_changes("a.jpg", 60)
    assert some != road_changes("b.jpg", 60)
    assert len(set(some)) == 60
    assert all(ROAD_SCALE[0] <= one.scale <= ROAD_SCALE[1] for one in some)
    assert all(QUALITY[0] <= one.quality <= QUALITY[1] for one in some)
    for share, of in (
        (0.5, [one.defocus_px > 0 for one in some]),
        (0.3, [one.motion_px > 1 for one in some]),
        (0.25, [one.grey for one in some]),
    ):
        assert np.mean(of) == pytest.approx(share, abs=0.15)
    frame = with_a_plate()
    assert (some[0].picture(frame) == some[0].picture(frame)).all()


def test_nothing_changes_but_by_compression_where_nothing_is_asked_for():
    frame = np.full((64, 96, 3), 90, np.uint8)
    frame[20:40, 30:60] = 160
    assert np.abs(PLAIN.picture(frame).astype(int) - frame).mean() < 3


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        ({"light": 0.6}, lambda shown: shown[:, 80].mean() == pytest.approx(84, abs=2)),
        (
            {"contrast": 0.5},
            lambda shown: shown[:, 80].mean() - shown[:, 9].mean() == pytest.approx(40, abs=3),
        ),
        ({"noise": 8.0}, lambda shown: shown[:, :30].std() == pytest.approx(7, abs=1.5)),
        ({"grey": True}, lambda shown: np.ptp(shown, axis=2).max() <= 4),
        (
            {"defocus_px": 1.0},
            lambda shown: np.abs(np.diff(shown[32, :, 0].astype(int))).max() < 50,
        ),
        ({"motion_px": 5}, lambda shown: np.abs(np.diff(shown[32, :, 0].astype(int))).max() < 30),
        ({"quality": 5}, lambda shown: np.ptp(shown[:, 46:56]) > 12),
    ],
)
def test_each_change_as_at_a_road_shows(change, seen):
    frame = np.full((64, 96, 3), 60, np.uint8)
    frame[:, 45:] = 140
    frame[..., 0] += 10 if "grey" in change else 0
    assert seen(replace(PLAIN, **change).picture(frame))
    assert not seen(PLAIN.picture(frame))


def test_pictures_are_varied_only_where_it_is_asked_for():
    assert varied(None, as_at_a_road=True) is None
    for as_at_a_road, changes in ((False, small_changes), (True, road_changes)):
        vary = varied(3, as_at_a_road=as_at_a_road)
        assert vary is not None
        assert vary("a.jpg") == changes("a.jpg", 3)
