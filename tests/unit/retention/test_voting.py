"""One plate out of several reads: never one that no frame read, and never without saying who differed."""

import random

import pytest

from services.retention.domain.sightings import aligned, distance, sureness_of, within
from services.retention.domain.voting import vote
from tests.unit.retention.sighted import sighting


def test_the_majority_of_reads_wins_and_the_dissent_is_listed():
    verdict = vote([sighting("7ABC123", n) for n in range(2)] + [sighting("7A8C123", 2)])
    assert verdict.plate == "7ABC123"
    assert [(one.plate, one.reads) for one in verdict.others] == [("7A8C123", 1)]
    assert verdict.others[0].share == pytest.approx(1 / 3)
    [dissent] = verdict.dissent
    assert dissent.place == 2
    assert dissent.others == (("8", pytest.approx(1 / 3)),)


def test_one_clear_read_outvotes_two_with_a_guessed_character():
    guessed = [0.98, 0.98, 0.3, 0.98, 0.98, 0.98, 0.98]
    reads = [sighting("7A8C123", n, sure=guessed) for n in range(2)] + [sighting("7ABC123", 2)]
    assert vote(reads).plate == "7ABC123"


def test_agreement_is_lower_only_at_differing_characters():
    verdict = vote([sighting("7ABC123", 0), sighting("7ABC123", 1), sighting("7ABC12B", 2)])
    assert verdict.agreement[:6] == (pytest.approx(0.98),) * 6
    assert verdict.agreement[6] == pytest.approx(0.98 * 2 / 3)
    assert verdict.confidence == verdict.agreement[6]


def test_a_missed_character_affects_only_its_own_place():
    verdict = vote([sighting("7ABC123", 0), sighting("7ABC123", 1), sighting("7AC123", 2)])
    assert verdict.plate == "7ABC123"
    [dissent] = verdict.dissent
    assert (dissent.place, dissent.others[0][0]) == (2, "")
    assert verdict.agreement[3:] == (pytest.approx(0.98),) * 4


def test_a_partly_read_plate_does_not_win_for_being_short():
    assert vote([sighting("7ABC123", 0), sighting("ABC1", 1)]).plate == "7ABC123"


def test_a_longer_text_does_not_win_by_having_more_characters():
    reads = [sighting("7ABC123", 0), sighting("7ABC123", 1), sighting("17ABC123", 2)]
    assert vote(reads).plate == "7ABC123"


def test_without_two_equal_reads_the_read_closest_to_all_wins():
    reads = [sighting("7ABC128", 0), sighting("7ABC123", 1), sighting("7A8C123", 2)]
    assert vote(reads).plate == "7ABC123"


def test_agreeing_reads_have_no_dissent():
    verdict = vote([sighting("7ABC123", n) for n in range(4)])
    assert (verdict.others, verdict.dissent) == ((), ())
    assert verdict.confidence == pytest.approx(0.98)


@pytest.mark.parametrize("seed", range(30))
def test_the_winner_is_always_a_plate_that_was_read_in_any_order(seed):
    rnd = random.Random(seed)
    reads = []
    for n in range(rnd.randint(1, 9)):
        text = list("7ABC123")
        for _ in range(rnd.randint(0, 3)):
            text[rnd.randrange(7)] = rnd.choice("78AB0O1I")
        del text[rnd.randint(5, 7) :]
        sure = [rnd.uniform(0.2, 1) for _ in text]
        reads.append(sighting("".join(text), n, sure=sure))
    verdict = vote(reads)
    assert verdict.plate in {read.plate for read in reads}
    assert len(verdict.agreement) == len(verdict.plate)
    assert all(0 <= sure <= 1 for sure in verdict.agreement)
    assert verdict.best.plate == verdict.plate
    shares = [other.share for other in verdict.others]
    assert sum(shares) < 1
    assert vote(rnd.sample(reads, len(reads))) == verdict


def test_the_best_read_is_the_most_confident_of_the_winning_plate():
    reads = [sighting("7ABC123", 0, sure=0.8), sighting("7ABC123", 1, sure=0.95)]
    assert vote([*reads, sighting("8XYZ987", 2, sure=0.99)]).best == reads[1]


def test_of_equally_confident_reads_one_with_a_crop_is_the_best():
    with_crop = sighting("7ABC123", 0, crop_key="crops/one.jpg")
    assert vote([with_crop, sighting("7ABC123", 1)]).best == with_crop


@pytest.mark.parametrize(
    ("regions", "region"),
    [
        ([None, None], None),
        (["US-CA", None, None], "US-CA"),
        (["US-CA", "US-NV"], None),
        (["US-CA", "US-CA", "US-NV"], "US-CA"),
        (["US-CA", "US-NV", "US-OR"], None),
    ],
)
def test_the_region_is_the_most_frequent_named_region(regions, region):
    reads = [sighting("7ABC123", n, region=one) for n, one in enumerate(regions)]
    assert vote(reads).region == region


def test_dissent_raises_the_risk_of_a_misread_and_agreement_does_not_lower_it():
    alone = sighting("7ABC123", 0, misread_risk=0.1)
    agreed = vote([alone, sighting("7ABC123", 1, misread_risk=0.1)])
    doubted = vote([alone, sighting("7ABC123", 1, misread_risk=0.1), sighting("7A8C123", 2)])
    assert vote([alone]).misread_risk == pytest.approx(0.1)
    assert agreed.misread_risk == pytest.approx(0.1)
    assert doubted.misread_risk == pytest.approx(1 - 0.9 * 2 / 3)
    assert vote([sighting("7ABC123")]).misread_risk is None


def test_reads_without_any_confidence_are_still_counted():
    verdict = vote([sighting("7ABC123", n, sure=0.0) for n in range(2)])
    assert (verdict.plate, verdict.confidence) == ("7ABC123", 0)


@pytest.mark.parametrize(
    ("one", "other", "least", "most"),
    [
        ("7ABC123", "7ABC123", 0, 0),
        ("7ABC123", "7ABC124", 0.9, 1),  # two clear plates of one fleet
        ("7ABC123", "7A8C123", 0.4, 0.5),  # look-alikes
        ("7ABC123", "7ABC12", 0.9, 1),
        ("7ABC123", "8XYZ987", 5, 7),
    ],
)
def test_the_distance_of_clear_plates_is_close_to_their_edit_distance(one, other, least, most):
    a, b = sighting(one), sighting(other, 1)
    assert least <= distance(a, b) <= most
    assert distance(a, b) == pytest.approx(distance(b, a))


def test_a_guessed_character_adds_little_distance():
    guess = [0.98] * 6 + [0.4]
    assert distance(sighting("7ABC124", sure=guess), sighting("7ABC123", 1)) < 0.4


def test_characters_of_two_reads_are_aligned():
    assert aligned(sighting("7ABC123"), sighting("7AC123", 1)) == [0, 1, None, 2, 3, 4, 5]
    assert aligned(sighting("ABC"), sighting("AXC", 1)) == [0, 1, 2]
    assert aligned(sighting("ABC"), sighting("1ABC", 1)) == [1, 2, 3]


@pytest.mark.parametrize(
    ("characters", "sureness"),
    [
        ([], (0.7, 0.7, 0.7)),
        ([("a", 0.9), ("-", 0.1), ("1", None), ("B", 0.8)], (0.9, 0.7, 0.8)),
        ([("A1B", 0.9)], (0.7, 0.7, 0.7)),
        ([("A", 0.9), ("1", 0.9)], (0.7, 0.7, 0.7)),
        ([("X", 0.9), ("1", 0.9), ("B", 0.9)], (0.7, 0.7, 0.7)),
    ],
    ids=["none", "with a dash and a gap", "as one", "too few", "of another text"],
)
def test_character_confidences_are_used_only_if_they_match_the_plate(characters, sureness):
    assert sureness_of("A1B", characters, 0.7) == sureness


@pytest.mark.parametrize("seed", range(20))
def test_the_quick_comparison_agrees_with_the_computed_distance(seed):
    rnd = random.Random(seed)
    alphabet = "78AB0O1I"
    for n in range(100):
        pair = []
        for second in range(2):
            plate = "".join(rnd.choices(alphabet, k=rnd.randint(1, 8)))
            sure = [rnd.uniform(0.1, 1) for _ in plate]
            pair.append(sighting(plate, n + second / 2, sure=sure))
        apart, limit = distance(*pair), rnd.uniform(0, 3)
        assert within(*pair, limit) == (apart if apart < limit else None)
