"""The plates that count as the same: look-alikes, differences, patterns that share a plate."""

import random
import re
import subprocess
import sys
from itertools import product
from uuid import uuid4

import pytest

from shared.core.matching import (
    LOOKALIKE_CLASSES,
    CompiledPattern,
    Difference,
    differences,
    fold,
    have_a_plate_in_common,
    skeleton,
)
from shared.core.plates import CHARACTERS
from tests.architecture.source import ROOT

RECORDS_SQL = ROOT / "services/retention/migrations/versions/0001_records.py"


def test_only_characters_of_one_class_fold_to_the_same_character():
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    class_of = {c: members[0] for members in LOOKALIKE_CLASSES for c in members}
    for one, other in product(alphabet, repeat=2):
        same = class_of.get(one, one) == class_of.get(other, other)
        assert (fold(one) == fold(other)) is same, (one, other)


def test_the_classes_are_those_of_the_law_note():
    assert {frozenset(members) for members in LOOKALIKE_CLASSES} == {
        frozenset("0ODQ"),
        frozenset("1I"),
        frozenset("2Z"),
        frozenset("5S"),
        frozenset("8B"),
        frozenset("6G"),
    }


@pytest.mark.parametrize(
    ("read", "listed", "places"),
    [
        ("7ABC123", "7ABC123", []),
        ("7A8C123", "7ABC123", [2]),
        ("OQ0", "000", [0, 1]),
        ("2222", "ZZZZ", [0, 1, 2, 3]),
    ],
)
def test_differences_are_returned_by_position(read, listed, places):
    assert differences(read, listed) == [Difference(p, read[p], listed[p]) for p in places]


def test_only_look_alikes_have_the_same_skeleton():
    folded = sum(len(members) - 1 for members in LOOKALIKE_CLASSES)
    for members in LOOKALIKE_CLASSES:
        assert {skeleton(character) for character in members} == {members[0]}
    assert len({skeleton(c) for c in CHARACTERS}) == len(CHARACTERS) - folded
    assert skeleton("7A8?*") == skeleton("7AB?*") == "7A8?*"
    assert fold(CHARACTERS).decode() == skeleton(CHARACTERS)


def test_the_skeleton_that_postgres_generates_is_that_of_the_table():
    [(given, made)] = re.findall(
        r"translate\(plate, '([^']+)', '([^']+)'\)", RECORDS_SQL.read_text()
    )
    assert CHARACTERS.translate(str.maketrans(given, made)) == skeleton(CHARACTERS)


@pytest.mark.parametrize("text", ["", "7\u00c4BC", "\ud800"])
def test_text_that_is_not_a_plate_folds_to_no_plate(text):
    assert fold(text) in {b"", b"7?8C", b"?"}


@pytest.mark.parametrize(
    ("pattern", "plate", "differing"),
    [
        ("7AB*", "7ABC123", ()),
        ("7AB*", "7A8C123", ((2, "8", "B"),)),
        ("*0?0", "XXOAO", ((2, "O", "0"), (4, "O", "0"))),
        ("7AB?", "7AB", None),
        ("7AB*", "8ABC", None),
    ],
)
def test_a_pattern_match_returns_its_differences(pattern, plate, differing):
    found = CompiledPattern(uuid4(), pattern).match(plate, fold(plate))
    wanted = differing and tuple(Difference(*one) for one in differing)
    assert found == wanted


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        ("7ABC123", "7ABC123", True),
        ("7ABC123", "7ABC124", False),
        ("7ABC12?", "7ABC1?3", True),
        ("7AB*", "*123", True),
        ("7AB*", "8*", False),
        ("*", "7A", True),
        ("7?", "7", False),
    ],
)
def test_two_patterns_have_a_plate_in_common(one, other, common):
    assert have_a_plate_in_common(one, other) is common
    assert have_a_plate_in_common(other, one) is common


def test_two_patterns_overlap_exactly_if_a_plate_matches_both():
    dice = random.Random(468)

    def regex(text):
        return re.compile(text.replace("?", ".").replace("*", ".*"))

    plates = ["".join(p) for n in range(1, 5) for p in product("AB", repeat=n)]
    for _ in range(300):
        one, other = ("".join(dice.choices("AB?*", k=dice.randint(1, 3))) for _ in range(2))
        both = any(regex(one).fullmatch(p) and regex(other).fullmatch(p) for p in plates)
        assert have_a_plate_in_common(one, other) is both, (one, other)


def test_matching_loads_no_server_modules():
    """A vehicle's computer matches by these rules and has no Postgres, Kafka or HTTP."""
    code = (
        "import sys, shared.core.matching, shared.core.plate_index;"
        "print(*sorted({name.split('.')[0] for name in sys.modules}));"
        "print(*sorted(name for name in sys.modules if name.startswith('shared.')))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded, ours = (set(line.split()) for line in run.stdout.splitlines())
    assert loaded.isdisjoint(
        {"sqlalchemy", "asyncpg", "aiokafka", "fastapi", "starlette", "services"}
    )
    assert ours >= {"shared.core.matching"}
    assert all(name.startswith("shared.core") for name in ours)
