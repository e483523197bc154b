"""Plates as numbers, look-alikes, patterns."""

import itertools
import random
import re

import pytest

from services.retention.domain.plates import (
    LOOKALIKES,
    grams,
    parse_pattern,
    plate_number,
    plate_of,
    skeleton,
)

CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def some_plates(count, seed=7):
    rnd = random.Random(seed)
    return ["".join(rnd.choices(CHARACTERS, k=rnd.randint(1, 12))) for _ in range(count)]


def test_a_plate_and_its_number_are_one_another_and_numbers_sort_as_plates_do():
    plates = sorted({*some_plates(2000), "A", "Z", "0", "Z" * 12, "0" * 12})
    numbers = [plate_number(plate) for plate in plates]
    assert [plate_of(number) for number in numbers] == plates
    assert numbers == sorted(numbers)
    assert len(set(numbers)) == len(plates)
    assert min(numbers) > 0
    assert max(numbers) < 2**63


@pytest.mark.parametrize("text", ["", "abc", "7ABC 123", "A" * 13, "Ä", "7ABC?"])
def test_what_is_no_plate_in_normal_form_has_no_number(text):
    with pytest.raises(ValueError, match="plate"):
        plate_number(text)


def test_look_alikes_have_one_skeleton_and_others_have_not():
    for group in ("0ODQ", "1I", "2Z", "5S", "8B", "6G"):
        assert len({skeleton(character) for character in group}) == 1
    assert len({skeleton(c) for c in CHARACTERS}) == 36 - len(LOOKALIKES)
    assert skeleton("7ABC123") == skeleton("7A8CI23") != skeleton("7ABC723")


def as_regex(pattern):
    text = skeleton(pattern.text) if pattern.lookalike else pattern.text
    return re.compile(text.replace("?", ".").replace("*", ".*"))


def test_every_plate_that_matches_a_pattern_passes_all_that_its_index_is_asked():
    """Grams and the range of numbers only ever narrow; they must not lose a plate that matches."""
    rnd = random.Random(11)
    alphabet = "78AB0O1I"
    plates = ["".join(p) for p in itertools.product(alphabet, repeat=4)]
    plates += ["".join(rnd.choices(alphabet, k=k)) for k in (1, 2, 3, 5, 7) for _ in range(200)]
    matched = 0
    for _ in range(300):
        text = "".join(rnd.choices(alphabet + "??**", k=rnd.randint(2, 6)))
        if not re.search("[0-9A-Z]", text):
            continue
        pattern = parse_pattern(text, lookalike=rnd.random() < 0.5)
        regex, wanted, numbers = as_regex(pattern), set(pattern.grams), pattern.numbers
        for plate in rnd.sample(plates, 300):
            if regex.fullmatch(skeleton(plate) if pattern.lookalike else plate):
                matched += 1
                assert wanted <= set(grams(skeleton(plate))), (text, plate)
                if numbers is not None:
                    assert numbers[0] <= plate_number(plate) < numbers[1], (text, plate)
    assert matched > 100


def test_a_pattern_is_read_as_people_write_it():
    assert parse_pattern(" 7ab-?1** ").text == "7AB?1*"
    assert parse_pattern("7ABC123").exact
    assert not parse_pattern("7ABC123", lookalike=True).exact
    assert parse_pattern("7ABC12?").like == "7ABC12_"
    assert parse_pattern("*BC*", lookalike=True).like == "%8C%"
    assert parse_pattern("7?A*").known_characters == 2


@pytest.mark.parametrize("text", ["", "*", "??", "7ABC%", "7_A", "7ABC;--", "A" * 13, "7\u00e4"])
def test_what_is_no_pattern_is_refused(text):
    with pytest.raises(ValueError, match="plate"):
        parse_pattern(text)


def test_codes_fit_the_column():
    codes = grams("^$".join(skeleton(CHARACTERS))) + grams(skeleton(CHARACTERS))
    assert min(codes) >= 0
    assert max(codes) < 2**15
