"""Dies: how bold and how broad their strokes are, and which end in serifs."""

import numpy as np
import pytest

from scenes.plates import DIGITS, LETTERS
from training.faces import BOLDEST, PATHS, DieFace, _warped, _warps

HEIGHT, AROUND = 120, 20
JUTS_OUT = 0.16
"""How far a serif may extend beyond its character's box, as a share of the box's width."""


def stamped(face, character, width=None):
    """Return one character, (HEIGHT, w) bool, in a box as wide as the face has it."""
    width = width or round(face.width(character) * HEIGHT)
    canvas = np.zeros((HEIGHT, width + 2 * AROUND), np.uint8)
    face.draw(canvas, character, (AROUND, 0), (width, HEIGHT))
    free = AROUND - round(JUTS_OUT * width) - 2
    assert not canvas[:, :free].any()
    assert not canvas[:, -free:].any()
    return canvas > 128


def dies(serifs, many=30):
    return [
        DieFace(np.random.default_rng(seed), wide=seed % 2 == 0, serifs=serifs)
        for seed in range(many)
    ]


@pytest.mark.parametrize("serifs", [False, True])
def test_no_stroke_is_bold_enough_to_close_a_counter(serifs):
    for face in dies(serifs):
        row = stamped(face, "0")[HEIGHT // 2]
        inside = np.flatnonzero(row)
        hole = ~row[inside[0] : inside[-1]]
        assert hole.sum() > (1 - 2 * BOLDEST) * len(hole) - 4


def test_only_a_die_with_serifs_has_feet():
    plain = [_foot_over_shank(face) for face in dies(serifs=False)]
    footed = [_foot_over_shank(face) for face in dies(serifs=True)]
    assert max(plain) < 1.35
    assert min(footed) > max(plain)


def _foot_over_shank(face):
    """Return how much wider the left stroke of an H is at its foot than halfway down."""
    picture = stamped(face, "H")
    left = picture[:, : picture.shape[1] // 2]
    foot = left[-8:-1].any(axis=0).sum()
    return foot / left[HEIGHT // 4].sum()


def test_some_dies_press_vertical_strokes_wider_than_horizontal_ones():
    shares = np.array([_down_over_across(face) for face in dies(serifs=False)])
    assert shares.max() > 1.25, "some are heavier downwards"
    assert np.median(shares) < 1.15, "most are of one width"


def _down_over_across(face):
    picture = stamped(face, "H")
    down = picture[HEIGHT // 4, : picture.shape[1] // 2].sum()
    across = picture[:, picture.shape[1] // 2].sum()
    return down / across


def test_dies_differ_in_the_height_of_the_crossbar():
    bars = np.array([_bar(face) for face in dies(serifs=False)])
    assert np.ptp(bars) > 0.2, "an H's bar is higher in one hand than in another"
    assert 0.4 < np.median(bars) < 0.6


def _bar(face):
    """Return how far down the bar of an H is, a share of its height."""
    picture = stamped(face, "H")
    left, right = np.flatnonzero(picture.any(axis=0))[[0, -1]]
    return float(np.flatnonzero(picture[:, (left + right) // 2]).mean() / HEIGHT)


def test_a_die_bends_strokes_slightly_and_keeps_their_ends():
    for seed in range(20):
        warps = _warps(np.random.default_rng(seed))
        assert set(warps) == set(PATHS)
        for warp in warps.values():
            [line] = _warped((np.array([[0, 0], [0, 10], [6, 10]], np.float32),), *warp)
            assert line[[0, -1]].tolist() == [[0, 0], [6, 10]]
            assert np.abs(np.diff(line, axis=0)).max() < 3
            assert len(line) > 10


@pytest.mark.parametrize("character", DIGITS + LETTERS)
def test_every_character_can_be_pressed_by_every_kind_of_die(character):
    for face in dies(serifs=True, many=4) + dies(serifs=False, many=4):
        assert stamped(face, character).any()
