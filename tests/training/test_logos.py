"""Pictures beside a serial, the sheets that plates are pressed from, and colours in contrast to them."""

import numpy as np
import pytest

from scenes.model import Colour
from training.faces import DieFace
from training.logos import draw_logo
from training.painting import HEIGHT_PX, LEAST_CONTRAST, WIDTH_PX, contrasting, painted
from training.press import press
from training.serials import issue
from training.styles import STYLES, Serial, Style

WHITE = 250


def blank():
    return np.full((HEIGHT_PX, WIDTH_PX, 3), WHITE, np.uint8)


@pytest.mark.parametrize("left", [True, False])
def test_a_logo_is_drawn_at_its_end_of_the_plate(left):
    many = 0
    for seed in range(40):
        plate = blank()
        taken = draw_logo(np.random.default_rng(seed), plate, left=left)
        inked = (plate != WHITE).any(axis=2)
        assert inked.any()
        assert 0.2 * HEIGHT_PX < taken < 0.4 * WIDTH_PX
        half = inked[:, : WIDTH_PX // 2] if left else inked[:, WIDTH_PX // 2 :]
        many += half.sum() > 0.95 * inked.sum()
    assert many >= 36


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("clear", [(90.0, 0.0), (0.0, 90.0)])
def test_the_serial_stays_within_the_space_beside_a_logo(seed, clear):
    rng = np.random.default_rng(seed)
    style = Style("unknown", "", (Serial("AAA999"),))
    marks = issue(rng, style.serials[0])
    hand = DieFace(rng, wide=False)
    places = np.array(press(rng, blank(), marks, hand, style, (0, 0, 0), clear))
    left, right = clear
    assert places[0, 0] > 0.8 * left
    assert places[-1, 0] < WIDTH_PX - 0.8 * right


@pytest.mark.parametrize("ground", [0, 60, 119, 121, 190, 255])
def test_words_contrast_with_their_sheet(ground):
    sheet = np.full((20, 30, 3), ground, np.uint8)
    for seed in range(30):
        rng = np.random.default_rng(seed)
        asked: Colour = tuple(int(one) for one in rng.integers(0, 256, 3))
        got = contrasting(rng, sheet, asked)
        assert abs(sum(got) / 3 - ground) >= min(LEAST_CONTRAST, 30)
        if abs(sum(asked) / 3 - ground) >= LEAST_CONTRAST:
            assert got == asked, "a colour that stands out is kept"


def test_a_name_may_appear_on_the_sheets_of_other_styles():
    style = next(one for one in STYLES if one.region == "CA")
    own = [painted(np.random.default_rng(seed), style).mean((0, 1)) for seed in range(30)]
    lent = [painted(np.random.default_rng(seed), style, STYLES).mean((0, 1)) for seed in range(30)]
    assert np.ptp(lent, axis=0).max() > 2 * np.ptp(own, axis=0).max()
