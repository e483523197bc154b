"""Small characters, one above the other, before or behind a serial: which of a text they are."""

import numpy as np
import pytest

from services.recognition.engine.ctc import Place
from services.recognition.engine.small_characters import none, small_in, squeezed, stacked, without
from services.recognition.models import ALPHABET

COLUMNS = 40


def text(*characters):
    """Return the places of (character, column, half) with one step each."""
    return tuple(
        Place(ALPHABET.index(one) + 1, column + COLUMNS * half, column + COLUMNS * half + 1)
        for one, column, half in characters
    )


def steps_of(places):
    """Return the probabilities of a network that sees a text's characters and nothing else."""
    steps = np.full((2 * COLUMNS, len(ALPHABET) + 1), 1e-6)
    steps[:, 0] = 1
    for place in places:
        steps[place.start, 0] = 0.01
        steps[place.start, place.label] = 0.99
    return steps / steps.sum(axis=1, keepdims=True)


def word(places, small):
    return "".join(ALPHABET[label - 1] for label in without(places, small))


def in_a_row(serial, first=16, apart=4, half=0):
    return [(one, first + apart * i, half) for i, one in enumerate(serial)]


@pytest.mark.parametrize(
    ("places", "pair"),
    [
        ([("D", 3, 0), ("P", 4, 1), *in_a_row("853", half=1)], {0, 1}),
        ([*in_a_row("853"), ("D", 33, 0), ("P", 32, 1)], {3, 4}),
        ([("C", 4, 0), *in_a_row("3423", 14), ("L", 4, 1)], {0, 5}),
        ([*in_a_row("3423", 10), ("L", 22, 1)], {3, 4}),
        ([*in_a_row("3423", 10), ("L", 14, 1)], set()),
        ([("A", 10, 0), ("B", 28, 0), ("1", 10, 1), ("2", 28, 1)], set()),
        ([("D", 3, 0), ("P", 3, 1), ("8", 12, 1)], set()),
        (in_a_row("853FL"), set()),
        (in_a_row("853FL", half=1), set()),
    ],
    ids=[
        "before, the serial below",
        "behind",
        "before, the serial above",
        "under the last",
        "under one in the middle",
        "two lines",
        "too short",
        "all above",
        "all below",
    ],
)
def test_a_pair_in_both_halves_is_in_the_same_columns(places, pair):
    assert stacked(text(*places), COLUMNS) == pair


@pytest.mark.parametrize("half", [0, 1])
@pytest.mark.parametrize(
    ("columns", "pair"),
    [
        ((12, 13, 16, 20, 24), {0, 1}),
        ((12, 14, 18, 22, 26), {0, 1}),
        ((12, 15, 19, 23, 27), set()),
        ((2, 6, 14, 22, 30), {0, 1}),
        ((2, 7, 15, 23, 31), set()),
        ((12, 16, 20, 24, 25), {3, 4}),
        ((12, 16, 17, 21, 25), set()),
        ((12, 16, 20, 24, 28), set()),
        ((12, 13, 17), set()),
    ],
    ids=[
        "first two",
        "half as far",
        "a narrow 1",
        "half as far of wide ones",
        "five eighths as far",
        "last two",
        "in the middle",
        "none",
        "too short",
    ],
)
def test_a_pair_in_one_half_is_far_nearer_than_neighbours_are(columns, pair, half):
    places = text(*((one, column, half) for one, column in zip("DP853", columns, strict=False)))
    assert squeezed(places, COLUMNS) == pair


@pytest.mark.parametrize("narrow", ["1", "I"])
@pytest.mark.parametrize("characters", ["{}P", "P{}"])
def test_a_narrow_character_is_near_its_neighbours_at_full_height(characters, narrow):
    first, second = characters.format(narrow)
    assert squeezed(text((first, 12, 0), (second, 13, 0), *in_a_row("853")), COLUMNS) == set()


def test_characters_of_both_halves_are_not_squeezed():
    assert squeezed(text(("D", 12, 0), ("P", 13, 0), *in_a_row("853", half=1)), COLUMNS) == set()


SQUEEZED = text(("D", 12, 0), ("P", 14, 0), *in_a_row("853FL"))


@pytest.mark.parametrize(
    "places",
    [
        SQUEEZED,
        text(("D", 12, 0), *in_a_row("853FL")),
        text(("P", 14, 0), *in_a_row("853FL")),
        text(("Y", 13, 0), *in_a_row("853FL")),
        text(("D", 12, 0), ("P", 14, 0), *in_a_row("853FL"), ("F", 28, 1)),
    ],
)
def test_every_text_of_the_plate_loses_what_it_has_in_the_place_of_the_pair(places):
    assert word(places, small_in([steps_of(SQUEEZED)])) == "853FL"


def test_most_cuts_need_to_show_the_pair():
    pair, alone = steps_of(SQUEEZED), steps_of(text(("P", 13, 0), *in_a_row("853FL")))
    assert word(SQUEEZED, small_in([alone, pair, pair])) == "853FL"
    assert word(SQUEEZED, small_in([pair, alone])) == "DP853FL"
    assert word(SQUEEZED, small_in([alone, alone, pair])) == "DP853FL"


def test_where_the_network_sees_no_pair_only_one_in_both_halves_is_small():
    small = small_in([steps_of(text(*in_a_row("853FL")))])
    assert word(SQUEEZED, small) == "DP853FL"
    both = text(*in_a_row("853FL", 8), ("D", 33, 0), ("P", 33, 1))
    assert word(both, small) == "853FL"
    assert word(text(*in_a_row("853FL")), small) == "853FL"


@pytest.mark.parametrize(
    ("low", "plate"),
    [(("3", 25, 1), "853FL"), (("F", 24, 1), "853FLF"), (("3", 20, 1), "853FL3")],
    ids=["the one above it", "another one", "under another column"],
)
def test_a_character_that_the_network_shows_in_both_halves_counts_once(low, plate):
    places = text(*in_a_row("853FL"), low)
    assert word(places, small_in([steps_of(text(*in_a_row("853FL")))])) == plate


def test_none_leaves_every_character():
    assert word(SQUEEZED, none) == "DP853FL"
