"""The vocabulary of colours and makes: closed, and the same however it is written."""

import pytest

from shared.core.vehicles import (
    COLOURS,
    MAKE_CODES,
    MAKES,
    NO_MAKE,
    colour_named,
    colours_in,
    make_named,
    make_of,
)


def test_a_word_between_two_colours_is_of_both_and_a_person_must_choose():
    for word, colours in (
        ("teal", {"blue", "green"}),
        ("gold-beige", {"brown", "yellow"}),
        ("Charcoal", {"grey", "black"}),
        ("BLK/WHI", {"black", "white"}),
    ):
        assert colours_in(word) == colours
        assert colour_named(word) is None


def test_a_persons_word_names_one_colour_or_none():
    assert {colour_named(colour) for colour in COLOURS} == set(COLOURS)
    for word in ("grey", "Gray", "GRY", "silver", "SIL", "dark grey", "lightGray", "silver-gray"):
        assert colour_named(word) == "grey", word
    for word in ("", "chartreuse", "redwood", "BLK/WHI", "unknown", "blau", "ſilver"):
        assert colour_named(word) is None, word


@pytest.mark.parametrize(
    ("word", "make"),
    [
        ("Chevrolet", "CHEVROLET"),
        ("CHEVY", "CHEVROLET"),
        ("chev", "CHEV"),
        ("Mercedes-Benz", "MERCEDESBENZ"),
        ("MERZ", "MERCEDESBENZ"),
        ("Škoda", "SKODA"),
        ("citroen", "CITROEN"),
        ("Land Rover", "LANDROVER"),
        ("Ram", "DODGE"),
        ("T", None),
        ("Toytoa", None),
        ("Toyota Camry", None),
        ("unknown", None),
        ("", None),
        ("123", None),
    ],
)
def test_a_make_is_a_known_name_its_start_or_a_code(word, make):
    assert make_named(word) == make


def test_every_known_make_and_code_can_be_asked_for():
    for word in (*MAKES, *MAKE_CODES):
        assert make_named(word) == make_of(word) != "", word
    assert not any(make_of(word) for word in NO_MAKE)
