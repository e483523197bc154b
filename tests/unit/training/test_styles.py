import re
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

import training.styles
from training.motifs import EMBLEMS, HEIGHT_PX, WIDTH_PX
from training.styles import FILES, STYLES, StyleFault, parse

# fmt: off
STATES = {
    "AL", "AK", "AZ", "AR", "CA", "CO", "CT", "DC", "DE", "FL", "GA", "HI", "ID", "IL", "IN", "IA", "KS",
    "KY", "LA", "ME", "MD", "MA", "MI", "MN", "MS", "MO", "MT", "NE", "NV", "NH", "NJ", "NM", "NY", "NC",
    "ND", "OH", "OK", "OR", "PA", "RI", "SC", "SD", "TN", "TX", "UT", "VT", "VA", "WA", "WV", "WI", "WY",
}
# fmt: on
ONE = r"(?:[9A]|\[[0-9A-Z]\])"
WELL_FORMED = re.compile(rf"(?:{ONE}|\{{{ONE}{ONE}\}}|(?<=.)[ */-](?=.))+")
BETWEEN = re.compile(r"[ *-]{2}")
PAINTED = [style for style in STYLES if style.motif]


def named(style):
    return f"{style.region}-{style.serials[0].pattern}"


def blank():
    return np.full((HEIGHT_PX, WIDTH_PX, 3), 200, np.uint8)


def inks(style):
    return [style.ink] if isinstance(style.ink[0], int) else style.ink


def painted(style, seed):
    """Paint the flat plate before its serial, its background without the renderer's care for edges."""
    rows, stops = np.linspace(0, 1, HEIGHT_PX), np.linspace(0, 1, len(style.background))
    column = np.stack([np.interp(rows, stops, c) for c in zip(*style.background, strict=True)], 1)
    canvas = np.repeat(column[:, None].astype(np.uint8), WIDTH_PX, axis=1)
    if style.motif:
        style.motif(canvas, np.random.default_rng(seed))
    return canvas


def characters(pattern):
    return len(re.findall(ONE, pattern))


def weight_of(region):
    return sum(style.weight for style in STYLES if style.region == region)


def test_exactly_the_states_and_the_district_have_a_style():
    assert {style.region for style in STYLES} == STATES | {"unknown"}


def test_styles_and_serials_are_varied():
    assert len(STYLES) >= 130
    assert len({serial.pattern for style in STYLES for serial in style.serials}) >= 200


def test_the_most_populous_states_occur_most_often():
    heaviest = sorted(STATES, key=weight_of, reverse=True)[:4]
    assert set(heaviest) == {"CA", "TX", "FL", "NY"}
    assert min(style.weight for style in STYLES) >= 0.3


@pytest.mark.parametrize("style", STYLES, ids=named)
def test_the_serials_of_a_style_can_be_issued(style):
    assert style.serials
    for serial in style.serials:
        assert WELL_FORMED.fullmatch(serial.pattern), serial.pattern
        assert not BETWEEN.search(serial.pattern), serial.pattern
        assert 4 <= characters(serial.pattern) <= 8, serial.pattern
        assert serial.weight > 0
        assert set(serial.letters) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        assert serial.first
        assert set(serial.first) <= set("0123456789")


@pytest.mark.parametrize("style", STYLES, ids=named)
def test_a_serial_contains_an_emblem_only_if_the_style_has_one(style):
    assert style.emblem == "none" or style.emblem in EMBLEMS
    if any("*" in serial.pattern for serial in style.serials):
        assert style.emblem != "none"


@pytest.mark.parametrize("style", STYLES, ids=named)
def test_the_printed_parts_of_a_style_are_valid(style):
    assert 1 <= len(style.background) <= 4
    assert set(style.sticker_places) <= {"tl", "tr", "bl", "br"}
    assert len(set(style.sticker_places)) == len(style.sticker_places)
    assert 0 <= style.serial_left <= 0.3
    assert style.name_place == "none" or style.name
    if style.slogan and style.name_place != "none":
        assert style.slogan_place != style.name_place
    assert f"{style.name}{style.slogan}".isascii()


@pytest.mark.parametrize("style", STYLES, ids=named)
def test_only_tall_plates_have_two_lines(style):
    two_lines = {"/" in serial.pattern for serial in style.serials}
    assert two_lines == {style.aspect < 2}


@pytest.mark.parametrize("style", PAINTED, ids=named)
def test_a_motif_is_reproducible_by_seed(style):
    first, again, other = blank(), blank(), blank()
    for canvas, seed in ((first, 5), (again, 5), (other, 6)):
        style.motif(canvas, np.random.default_rng(seed))
    assert first.shape == (HEIGHT_PX, WIDTH_PX, 3)
    assert first.dtype == np.uint8
    assert (first != blank()).any()
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("name", sorted(EMBLEMS))
def test_an_emblem_is_painted_around_its_centre_at_its_height(name):
    first, again, other = blank(), blank(), blank()
    for canvas, seed in ((first, 5), (again, 5), (other, 6)):
        EMBLEMS[name](canvas, (300, 150), 120, (30, 40, 160), np.random.default_rng(seed))
    painted = (first != 200).any(axis=2)
    x, y, width, height = cv2.boundingRect(painted.astype(np.uint8))
    assert 60 < x < 300 < x + width < 540
    assert 60 < y < 150 < y + height < 240
    assert height <= 150
    assert painted.sum() > 150
    assert first.shape == (HEIGHT_PX, WIDTH_PX, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_emblems_differ_from_each_other():
    shapes = Counter()
    for name in EMBLEMS:
        canvas = blank()
        EMBLEMS[name](canvas, (300, 150), 120, (30, 40, 160), np.random.default_rng(5))
        shapes[canvas.tobytes()] += 1
    assert len(shapes) == len(EMBLEMS)


@pytest.mark.parametrize("style", STYLES, ids=named)
def test_a_serial_contrasts_with_its_background(style):
    for seed in range(6):
        left = round(WIDTH_PX * max(style.serial_left, 0.1))
        behind = painted(style, seed)[90:230, left:540].astype(int)
        for ink in inks(style):
            near_ink = np.abs(behind - ink).max(axis=2) < 45
            assert near_ink.mean() < 0.15, (ink, seed)


GOOD = """
[[style]]
region = "CA"
name = "California"
serials = ["9AAA999", { pattern = "99999A9", weight = 2 }]
ink = [1, 2, 3]
background = ["white", [9, 8, 7]]
motif = [{ draw = "faint", motif = { draw = "sun", colour = "red" }, strength = 0.5 }]
"""


def test_a_style_file_is_parsed_as_written():
    [style] = parse(GOOD, "one.toml")
    assert [serial.weight for serial in style.serials] == [1, 2]
    assert (style.ink, style.background) == ((1, 2, 3), ((246, 246, 244), (9, 8, 7)))
    assert style.motif is not None


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("ink =", "inc ="),
        ('"white"', '"whit"'),
        ("[1, 2, 3]", "[1, 2]"),
        ('name = "California"', 'name = "California"\nname_font = "comic"'),
        ('"sun"', '"moon"'),
        ("strength", "power"),
        ("weight = 2", "wait = 2"),
        ('region = "CA"\n', ""),
    ],
)
def test_an_unknown_value_is_refused_with_its_file_and_style(right, wrong):
    with pytest.raises(StyleFault, match=r"^one\.toml, style 1 "):
        parse(GOOD.replace(right, wrong), "one.toml")


def test_every_file_beside_the_loader_is_read():
    folder = Path(training.styles.__file__).parent
    assert {path.stem for path in folder.glob("*.toml")} == {*FILES, "palette"}
