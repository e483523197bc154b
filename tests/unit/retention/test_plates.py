"""Plates as numbers, look-alikes, patterns."""

import itertools
import random
import re

import numpy as np
import pytest

from services.retention.domain.plates import (
    class_numbers,
    grams,
    grams_of,
    like,
    numbers_of,
    plate_number,
    plate_of,
)
from shared.core.matching import skeleton
from shared.core.plates import CHARACTERS, PlatePattern


def some_plates(count, seed=7):
    rnd = random.Random(seed)
    return ["".join(rnd.choices(CHARACTERS, k=rnd.randint(1, 12))) for _ in range(count)]


def test_plates_and_numbers_convert_both_ways_in_the_same_order():
    plates = sorted({*some_plates(2000), "A", "Z", "0", "Z" * 12, "0" * 12})
    numbers = [plate_number(plate) for plate in plates]
    assert [plate_of(number) for number in numbers] == plates
    assert numbers == sorted(numbers)
    assert len(set(numbers)) == len(plates)
    assert min(numbers) > 0
    assert max(numbers) < 2**63


def test_plates_that_look_alike_have_one_class_number():
    plates = [*CHARACTERS, *some_plates(2000), "O0Q1I", "ZZZZZZZZZZZZ", "O" * 12]
    numbers = np.array([plate_number(plate) for plate in plates])
    assert class_numbers(numbers).tolist() == [plate_number(skeleton(plate)) for plate in plates]


@pytest.mark.parametrize("text", ["", "abc", "7ABC 123", "A" * 13, "Ä", "7ABC?"])
def test_a_plate_that_is_not_in_normal_form_has_no_number(text):
    with pytest.raises(ValueError, match="plate"):
        plate_number(text)


def as_regex(pattern):
    text = skeleton(pattern.text) if pattern.lookalike else pattern.text
    return re.compile(text.replace("?", ".").replace("*", ".*"))


def test_the_index_conditions_lose_no_plate_that_matches_a_pattern():
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
        pattern = PlatePattern.parse(text, lookalike=rnd.random() < 0.5)
        regex, wanted, numbers = as_regex(pattern), set(grams_of(pattern)), numbers_of(pattern)
        for plate in rnd.sample(plates, 300):
            if regex.fullmatch(skeleton(plate) if pattern.lookalike else plate):
                matched += 1
                assert wanted <= set(grams(skeleton(plate))), (text, plate)
                if numbers is not None:
                    assert numbers[0] <= plate_number(plate) < numbers[1], (text, plate)
    assert matched > 100


def test_a_pattern_is_translated_to_sql_like():
    assert like(PlatePattern.parse("7ABC12?")) == "7ABC12_"
    assert like(PlatePattern.parse("*BC*", lookalike=True)) == "%8C%"


def test_a_pattern_is_indexed_exactly_if_an_index_condition_exists():
    rnd = random.Random(23)
    seen = set()
    for _ in range(5000):
        text = "".join(rnd.choices("7B??**", k=rnd.randint(1, 8)))
        if not re.search("[7B]", text):
            continue
        pattern = PlatePattern.parse(text, lookalike=rnd.random() < 0.5)
        asked = bool(grams_of(pattern)) or numbers_of(pattern) is not None
        assert pattern.indexed is asked, pattern
        seen.add(asked)
    assert seen == {True, False}


def test_gram_codes_fit_the_column():
    codes = grams("^$".join(skeleton(CHARACTERS))) + grams(skeleton(CHARACTERS))
    assert min(codes) >= 0
    assert max(codes) < 2**15
