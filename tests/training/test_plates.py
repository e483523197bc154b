import numpy as np
import pytest

from services.recognition.models import ALPHABET
from training.faces import DieFace, TypeFace
from training.painting import HEIGHT_PX
from training.plates import PlateRenderer
from training.press import press
from training.samples import LONGEST, REGIONS
from training.serials import issue, text_of
from training.styles import STYLES, Serial, Style

TWO_LINES = next(style for style in STYLES if "/" in style.serials[0].pattern)
WHITE, BLACK = 255, (0, 0, 0)


def named(style):
    return f"{style.region}-{style.serials[0].pattern}"


def pressed(pattern, seed, *, style=None, face=DieFace):
    """Return a serial in black on a white plate: the plate, its text and the places of its characters."""
    rng = np.random.default_rng(seed)
    style = style or Style("unknown", "", (Serial(pattern),))
    plate = np.full((HEIGHT_PX, round(HEIGHT_PX * style.aspect), 3), WHITE, np.uint8)
    marks = issue(rng, Serial(pattern))
    hand = DieFace(rng, wide=False) if face is DieFace else TypeFace(rng)
    return plate, text_of(marks), np.array(press(rng, plate, marks, hand, style, BLACK))


def drawn(seed, many=12):
    rng, renderer = np.random.default_rng(seed), PlateRenderer()
    return [renderer.render(rng) for _ in range(many)]


def test_plates_are_the_same_from_one_seed_and_others_from_another():
    first, again, other = drawn(3), drawn(3), drawn(4)
    for one, two in zip(first, again, strict=True):
        assert (one.text, one.region) == (two.text, two.region)
        assert np.array_equal(one.pixels, two.pixels)
        assert np.array_equal(one.places, two.places)
    assert [plate.text for plate in first] != [plate.text for plate in other]


def test_earlier_drawings_do_not_change_a_plate():
    fresh, used = PlateRenderer(), PlateRenderer()
    for seed in range(8):
        used.render(np.random.default_rng(seed))
    one, two = (r.render(np.random.default_rng(50)) for r in (fresh, used))
    assert np.array_equal(one.pixels, two.pixels)


@pytest.mark.parametrize("style", STYLES, ids=named)
def test_every_style_renders_plates_with_text_and_places(style):
    renderer, rng = PlateRenderer([style], cached_per_style=1), np.random.default_rng(1)
    for _ in range(3):
        plate = renderer.render(rng)
        height, width = plate.pixels.shape[:2]
        assert (height, width) == (HEIGHT_PX, round(HEIGHT_PX * style.aspect))
        assert plate.pixels.dtype == np.uint8
        assert plate.pixels.std() > 3
        assert plate.region == style.region
        assert plate.region in REGIONS
        assert 2 <= len(plate.text) <= LONGEST
        assert set(plate.text) <= set(ALPHABET)
        assert plate.places.shape == (len(plate.text), 2)
        assert ((plate.places > 0) & (plate.places < (width, height))).all()


@pytest.mark.parametrize("face", [DieFace, TypeFace])
@pytest.mark.parametrize("seed", range(10))
def test_each_character_of_a_line_is_at_its_reported_place(face, seed):
    plate, text, places = pressed("9AAA999", seed, face=face)
    assert (np.diff(places[:, 0]) > 5).all()
    assert np.ptp(places[:, 1]) == 0
    dark = (plate < 128).any(axis=2).any(axis=0)
    edges = (places[1:, 0] + places[:-1, 0]) / 2
    for part in np.split(dark, np.rint(edges).astype(int)):
        assert part.any()
    first, last = np.flatnonzero(dark)[[0, -1]]
    assert first < places[0, 0] < places[-1, 0] < last
    assert len(text) == 7


@pytest.mark.parametrize("seed", range(10))
def test_the_upper_character_of_a_stacked_pair_is_read_first(seed):
    plate, text, places = pressed("{[D][P]}9999", seed)
    assert text[:2] == "DP"
    assert text[2:].isdigit()
    (upper_x, upper_y), (lower_x, lower_y) = places[:2]
    assert upper_x == lower_x < places[2, 0]
    assert upper_y < places[2, 1] < lower_y
    for x, y in places[:2]:
        near = plate[round(y) - 14 : round(y) + 14, round(x) - 14 : round(x) + 14]
        assert near.min() < 128


def test_a_stacked_pair_may_end_a_serial():
    _, text, places = pressed("999{[H][C]}", 1)
    assert text[3:] == "HC"
    assert places[2, 0] < places[3, 0] == places[4, 0]
    assert places[3, 1] < places[2, 1] < places[4, 1]


@pytest.mark.parametrize("seed", range(10))
def test_the_upper_line_of_two_is_read_first(seed):
    plate, text, places = pressed("AAA/999", seed, style=TWO_LINES)
    assert text[:3].isalpha()
    assert text[3:].isdigit()
    middle = HEIGHT_PX / 2
    assert (places[:3, 1] < middle).all()
    assert (places[3:, 1] > middle).all()
    assert (np.diff(places[:3, 0]) > 0).all()
    assert (np.diff(places[3:, 0]) > 0).all()
    dark = (plate < 128).any(axis=2)
    assert dark[: HEIGHT_PX // 2].any()
    assert dark[HEIGHT_PX // 2 :].any()


def test_separators_between_characters_are_not_read():
    for pattern in ("AAA-9999", "AAA 9999", "AAA*9999", "AAA.9999"):
        marks = issue(np.random.default_rng(2), Serial(pattern))
        assert len(marks) == 8
        assert len(text_of(marks)) == 7


def test_a_leading_digit_is_one_that_its_series_allows():
    serial = Serial("9AA9", letters="XY", first="7")
    texts = {text_of(issue(np.random.default_rng(seed), serial)) for seed in range(60)}
    assert {text[0] for text in texts} == {"7"}
    assert {c for text in texts for c in text[1:3]} == {"X", "Y"}
    assert len({text[3] for text in texts}) == 10


def test_a_blank_sign_is_drawn_as_large_as_a_plate():
    renderer, rng = PlateRenderer(), np.random.default_rng(2)
    signs = [renderer.blank(rng) for _ in range(30)]
    assert {sign.shape[0] for sign in signs} == {HEIGHT_PX}
    assert len({sign.tobytes() for sign in signs}) == 30
