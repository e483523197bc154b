"""The plates of a list: whole ones found by look-alikes, partial ones by two known characters."""

import random
import re
from uuid import UUID, uuid4

import pytest

from shared.core.matching import STORED, Difference, fold, skeleton
from shared.core.plate_index import PatternIndex, PlateIndex


def find(pattern, plate):
    index, entry_id = PatternIndex(STORED), uuid4()
    index.add(entry_id, pattern)
    return [differing for _, differing in index.find(plate, fold(plate))]


@pytest.mark.clause("468.4(c)/partial-forward")
@pytest.mark.parametrize(
    ("pattern", "plate", "matches"),
    [
        ("7?BC123", "7ABC123", True),
        ("7?BC123", "7BC123", False),
        ("7A*", "7A", True),
        ("7AB*", "7ABC123", True),
        ("*123", "7ABC123", True),
        ("*4BC*", "XX4BCYY", True),
        ("*4BC*", "4BC", True),
        ("*4BC*", "XX4B", False),
        ("?*BC?", "ABC1", True),
        ("?*BC?", "BC1", False),
        ("7AB?1*", "7ABX1", True),
        ("7AB?1*", "7AB1", False),
        ("7*3", "7AB3", True),
        ("7*3", "7AB", False),
        ("7*", "8A", False),
        ("*3", "AB3", True),
        ("*3", "A3B", False),
        ("*3*", "A3B", True),
        ("*A?B*", "XA1BY", True),
        ("?A???B?", "1A234B5", True),
        ("?A???B?", "1A234B", False),
        ("*?7", "7", False),
        ("7*AB*", "7XXAB", True),
    ],
)
def test_wildcards_match_one_or_any_number_of_characters(pattern, plate, matches):
    assert find(pattern, plate) == ([()] if matches else [])


@pytest.mark.parametrize(
    ("pattern", "plate", "places"),
    [
        ("7?BC1*", "7A8C199", [2]),
        ("*BC", "XX8C", [2]),
        ("*0AB*", "XOABY", [1]),
        ("*0?0", "XXOAO", [2, 4]),
    ],
)
def test_look_alikes_are_reported_at_their_position_in_the_read(pattern, plate, places):
    [differing] = find(pattern, plate)
    assert [d.position for d in differing] == places
    assert all(isinstance(d, Difference) and plate[d.position] == d.read for d in differing)


@pytest.mark.clause("468.4(c)/partial-forward")
def test_the_index_finds_the_same_as_trying_every_pattern():
    dice = random.Random(468)
    alphabet = "AB8C0OQ1I2"
    index, patterns = PatternIndex(STORED), {}
    for _ in range(300):
        text = re.sub(r"\*+", "*", "".join(dice.choices(alphabet + "??**", k=6)))
        if any(c not in "?*" for c in text):
            entry_id = uuid4()
            patterns[entry_id] = text
            index.add(entry_id, text)
    for gone in list(patterns)[::3]:
        index.remove(gone)
        del patterns[gone]
    assert len(index) == len(patterns)
    hits = 0
    for _ in range(500):
        plate = "".join(dice.choices(alphabet, k=dice.randint(3, 7)))
        folded = fold(plate)
        wanted = {
            entry_id
            for entry_id, text in patterns.items()
            if re.fullmatch(skeleton(text).replace("?", ".").replace("*", ".*"), folded.decode())
        }
        assert {entry_id for entry_id, _ in index.find(plate, folded)} == wanted
        hits += len(wanted)
    assert hits > 100


def test_many_patterns_of_one_beginning_are_spread_over_further_places():
    index = PatternIndex(STORED)
    for number in range(1000):
        index.add(UUID(int=number), f"7A{number:03d}?*")
    compared = [len(same) for place in index._places.values() for same in place.values()]
    assert max(compared) <= 101
    assert [entry.int for entry, _ in index.find("7A468XY", fold("7A468XY"))] == [468]


def test_a_pattern_added_twice_is_found_once_and_not_after_its_removal():
    index, entry_id = PatternIndex(STORED), uuid4()
    index.add(entry_id, "7AB*")
    index.add(entry_id, "*ABC")
    assert [e for e, _ in index.find("7ABC", fold("7ABC"))] == [entry_id]
    index.remove(entry_id)
    index.remove(entry_id)
    assert (len(index), index.find("7ABC", fold("7ABC"))) == (0, [])


def packed(number, plate):
    return UUID(int=number).bytes + plate.encode()


def positions(index, plate, most=1):
    found = index.find(plate, fold(plate), most)
    return {entry.int: [d.position for d in differing] for entry, differing in found}


def test_an_index_finds_whole_and_partial_plates_with_what_differs():
    index = PlateIndex(STORED)
    index.add([packed(1, "7ABC123"), packed(2, "7A8C123"), packed(3, "XYZ")])
    index.add_partials([packed(4, "7AB*"), packed(5, "*9")])
    assert len(index) == 5
    assert positions(index, "7ABC123") == {1: [], 2: [2], 4: []}
    assert positions(index, "NOTHING") == {}


@pytest.mark.parametrize(("most", "found"), [(0, {1}), (1, {1, 2, 4}), (2, {1, 2, 3, 4})])
def test_entries_that_differ_in_more_than_the_number_allowed_are_not_found(most, found):
    index = PlateIndex(STORED)
    index.add([packed(1, "B8O"), packed(2, "88O"), packed(3, "8BO")])
    index.add_partials([packed(4, "B80*")])
    assert positions(index, "B8O", most).keys() == found


@pytest.mark.clause("468.4(c)/partial-forward")
def test_entries_that_are_removed_are_found_no_more_and_the_others_still():
    index = PlateIndex(STORED)
    index.add_partials([packed(6, "AC*"), packed(7, "AC?")])
    index.remove_partials([packed(7, "AC?")])
    assert positions(index, "ACX") == {6: []}
    index.remove_partials([packed(6, "AC*")])
    index.add([packed(1, "AB0"), packed(2, "ABO"), packed(3, "ABQ")])
    index.add_partials([packed(4, "AB?")])
    index.remove([packed(2, "ABO"), packed(9, "NOTHERE")])
    index.remove_partials([packed(4, "AB?"), packed(9, "AB?")])
    assert (len(index), positions(index, "AB0").keys()) == (2, {1, 3})
