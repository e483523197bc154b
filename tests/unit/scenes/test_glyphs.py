from itertools import combinations

import numpy as np
import pytest

from scenes.glyphs import PATHS, draw_glyph, strokes


def pressed(character):
    canvas = np.zeros((160, 100), np.uint8)
    draw_glyph(canvas, character, (20, 20), (60, 120), 16)
    return canvas.astype(np.int32)


def test_there_is_a_die_for_every_letter_and_digit():
    assert set(PATHS) == set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


def test_every_glyph_differs_visibly_from_every_other():
    dies = {character: pressed(character) for character in PATHS}
    for first, second in combinations(dies, 2):
        differ = np.abs(dies[first] - dies[second]).sum()
        ink = min(dies[first].sum(), dies[second].sum())
        assert differ > 0.08 * ink, f"{first} and {second}"


@pytest.mark.parametrize("character", sorted(PATHS))
def test_strokes_stay_near_their_box(character):
    points = np.concatenate(strokes(character))
    assert points[:, 0].min() >= -0.5
    assert points[:, 0].max() <= 6.5
    assert points[:, 1].min() >= -0.01
    assert points[:, 1].max() <= 10.7


def test_a_character_without_a_die_is_refused():
    with pytest.raises(KeyError):
        strokes("Ñ")
