import pytest

from local.demo.truth import TruePlate
from tests.bench.scoring import (
    Bin,
    Judged,
    calibration_error,
    character_pairs,
    characters_right,
    edits,
    matched,
    plate_pairs,
    reliability,
    shares,
)
from tests.unit.bench.readings import reading


def judged(true, read, sure=0.9):
    return Judged(
        "a.jpg", TruePlate(true, (100, 100, 40, 20)), reading(read, sure) if read else None
    )


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [
        ("", "", 0),
        ("ABC", "", 3),
        ("ABC123", "ABC123", 0),
        ("ABC123", "ABD123", 1),
        ("ABC123", "ABC23", 1),
        ("ABC123", "ZABC123", 1),
        ("KITTEN", "SITTING", 3),
    ],
)
def test_edits_are_counted(one, other, distance):
    assert edits(one, other) == edits(other, one) == distance


@pytest.mark.parametrize(
    ("read", "true", "right"),
    [
        ("ABC", "ABC", [1, 1, 1]),
        ("ABD", "ABC", [1, 1, 0]),
        ("XABC", "ABC", [0, 1, 1, 1]),
        ("BC", "ABC", [1, 1]),
        ("AXBC", "ABC", [1, 0, 1, 1]),
        ("XYZ", "", [0, 0, 0]),
        ("", "ABC", []),
    ],
)
def test_characters_are_compared_in_alignment_despite_missing_or_extra_ones(read, true, right):
    assert characters_right(read, true) == list(map(bool, right))


def test_shares_count_all_true_plates_and_folding_equates_look_alikes():
    four = [
        judged("ABC 120", "ABC120"),
        judged("OIL123", "01L123"),
        judged("ABC123", "ABC12"),
        judged("XYZ987", None),
    ]
    assert shares(four) == {"n": 4, "exact": 0.25, "folded": 0.5, "le1": 0.75, "no_read": 0.25}


def test_a_plate_is_matched_with_the_most_confident_reading_at_its_place():
    plates = [TruePlate("AAA111", (100, 100, 40, 20)), TruePlate("BBB222", (500, 100, 40, 20))]
    sure, unsure = reading("AAA111", 0.9), reading("AAA", 0.5)
    elsewhere = reading("CCC333", 0.99, x=900)
    found, left = matched(plates, [unsure, elsewhere, sure])
    assert found == [sure, None]
    assert sorted(one.plate for one in left) == ["AAA", "CCC333"]


def test_a_reading_matches_only_one_of_two_overlapping_plates():
    plates = [TruePlate("A1", (100, 100, 40, 20)), TruePlate("A1", (104, 100, 40, 20))]
    found, left = matched(plates, [reading("A1")])
    assert [one is not None for one in found] == [True, False]
    assert left == []


def test_bins_contain_equal_numbers_of_reads():
    bins = reliability([(n / 100, n >= 50) for n in range(100)], bins=4)
    assert [one.n for one in bins] == [25] * 4
    assert [one.right for one in bins] == [0, 0, 1, 1]
    assert bins[0].confidence == pytest.approx(0.12)


def test_fewer_reads_than_bins_are_all_counted():
    assert [one.n for one in reliability([(0.5, True), (0.6, False), (0.9, True)])] == [1, 1, 1]
    assert [one.n for one in reliability([(n / 23, True) for n in range(23)])].count(0) == 0
    assert sum(one.n for one in reliability([(n / 23, True) for n in range(23)])) == 23


def test_the_calibration_error_is_the_mean_distance_by_mass():
    assert calibration_error([Bin(3, 0.9, 0.8), Bin(1, 0.5, 0.9)]) == pytest.approx(0.175)
    assert calibration_error([]) is None


def test_well_calibrated_confidences_have_no_error():
    pairs = [(0.75, place % 4 > 0) for place in range(400)]
    assert calibration_error(reliability(pairs, bins=1)) == pytest.approx(0)


def test_full_confidence_that_is_right_half_the_time_has_an_error_of_a_half():
    pairs = [(1.0, place % 2 == 0) for place in range(400)]
    assert calibration_error(reliability(pairs, bins=1)) == pytest.approx(0.5)


def test_plates_and_characters_are_paired_with_their_confidence():
    two = [judged("OIL123", "01L124", 0.7), judged("XYZ987", None)]
    assert plate_pairs(two) == [(0.7, False)]
    assert character_pairs(two) == [(0.7, True)] * 5 + [(0.7, False)]
