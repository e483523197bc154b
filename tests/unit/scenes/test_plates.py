import re

import numpy as np
import pytest

from scenes.designs import DESIGNS
from scenes.glyphs import PATHS
from scenes.plate_image import draw_plate
from scenes.plates import (
    BY_CODE,
    CALIFORNIA,
    GAPS,
    PERSONALISED,
    STATES,
    Issued,
    attribute,
    issue,
)


@pytest.fixture
def rng():
    return np.random.default_rng(468)


@pytest.mark.parametrize("state", STATES, ids=lambda s: s.code)
def test_a_state_issues_only_what_one_of_its_series_allows(state, rng):
    for _ in range(60):
        plate = issue(rng, state).plate
        assert plate in PERSONALISED or any(s.regex.fullmatch(plate) for s in state.series)


def test_californian_passenger_plates_are_a_digit_three_letters_three_digits(rng):
    passenger = CALIFORNIA.series[0]
    for _ in range(200):
        assert re.fullmatch(r"[4-9][A-HJ-NPR-Z]{3}[0-9]{3}", passenger.issue(rng))


def test_most_plates_are_californian_and_others_occur(rng):
    drawn = [issue(rng).state for _ in range(600)]
    assert 0.5 < drawn.count("CA") / len(drawn) < 0.75
    assert len(set(drawn)) >= 10


def test_every_state_has_a_design():
    assert set(DESIGNS) == {state.code for state in STATES}


def test_separators_are_pressed_on_the_metal_but_not_part_of_the_plate(rng):
    issued = issue(rng, BY_CODE["NY"])
    assert issued.pressed[3] == "-"
    assert issued.plate == issued.pressed.replace("-", "")


def test_a_given_plate_keeps_its_characters_and_gets_a_state(rng):
    assert attribute(rng, "7ABC123") == Issued("CA", "7ABC123")
    for state in STATES:
        for _ in range(10):
            plate = issue(rng, state).plate
            given = attribute(rng, plate)
            assert given.plate == plate
            assert plate in PERSONALISED or any(
                s.regex.fullmatch(plate) for s in BY_CODE[given.state].series
            )


def test_a_plate_that_no_state_issues_becomes_personalised(rng):
    assert attribute(rng, "Q1Q1Q1Q1") == Issued("CA", "Q1Q1Q1Q1")


@pytest.mark.parametrize("bad", ["", "ABC 123", "abc123", "ABCDEFGHI", "ÅBC123", "7ABC123\n"])
def test_an_invalid_plate_is_refused_without_being_repeated(bad, rng):
    with pytest.raises(ValueError, match="letters and digits") as refused:
        attribute(rng, bad)
    assert not bad.strip() or bad not in str(refused.value)


def test_every_pressed_character_has_a_die(rng):
    for _ in range(300):
        assert set(issue(rng).pressed) <= set(PATHS) | set(GAPS)


@pytest.mark.parametrize("code", sorted(DESIGNS))
def test_the_serial_of_every_state_contrasts_with_its_plate(code, rng):
    thin, full = (
        draw_plate(np.random.default_rng(1), Issued(code, serial)).astype(int)
        for serial in ("1111111", "8888888")
    )
    assert thin.shape == full.shape == (300, 600, 3)
    changed = np.abs(full - thin).max(axis=2) > 40
    assert changed[90:230].mean() > 0.1
    assert changed[:80].mean() < 0.01
