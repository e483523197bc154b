"""CTC against every path there is, in texts short enough to write them all out."""

from itertools import groupby, pairwise, product

import numpy as np
import pytest

from services.recognition.engine import ctc
from services.recognition.engine.ctc import (
    BLANK,
    QUIET,
    best_path,
    decode,
    labels,
    probabilities,
    tempered,
)


def some_steps(seed, length=5, classes=4, sharpness=2.0):
    logits = np.random.default_rng(seed).normal(0, sharpness, (length, classes))
    return tempered(logits.astype(np.float32), 1.0)


def written_out(steps):
    """Return the probability of every text, by adding up every path."""
    totals = {}
    for path in product(range(steps.shape[1]), repeat=len(steps)):
        text = tuple(label for label, _ in groupby(path) if label != BLANK)
        way = np.prod([steps[t, label] for t, label in enumerate(path)])
        totals[text] = totals.get(text, 0.0) + way
    return totals


@pytest.mark.parametrize("seed", range(5))
def test_each_texts_probability_is_that_of_all_its_paths(seed):
    steps = some_steps(seed)
    expected = written_out(steps)
    texts = list(expected)
    assert probabilities(steps, texts) == pytest.approx([expected[text] for text in texts])
    assert probabilities(steps, texts).sum() == pytest.approx(1)
    assert () in texts
    assert any(a == b for text in texts for a, b in pairwise(text))


@pytest.mark.parametrize(("quiet", "skipped"), [(2.8e-4, 8), (3.2e-4, 0)])
def test_steps_within_blanks_are_skipped_and_their_share_is_not(quiet, skipped, monkeypatch):
    blanks = np.tile([1 - quiet, quiet, 0.0], (6, 1))
    steps = np.concatenate([blanks, some_steps(7, length=3, classes=3), blanks])
    shortened = ctc._shortened(steps)
    assert len(steps) - len(shortened) == skipped
    texts = [(), (2,), (2, 1), (1, 2), (1, 2, 1)]
    found = probabilities(steps, texts)
    monkeypatch.setattr(ctc, "_shortened", lambda steps: steps)
    exact = probabilities(steps, texts)
    assert found == pytest.approx(exact, abs=QUIET)
    assert found[0] == pytest.approx(exact[0], rel=1e-9), "nothing but blanks"


def test_a_text_that_does_not_fit_has_probability_zero():
    steps = some_steps(1, length=3)
    assert probabilities(steps, [(1, 1, 1), (1, 2, 3, 1), (1, 1)])[:2].tolist() == [0, 0]
    assert probabilities(steps, [(1, 1)])[0] > 0


def test_the_most_probable_text_is_found_and_nearly_always_the_one_after_it():
    # Harder than plates: random steps leave no blanks between characters.
    best, second = 0, 0
    for seed in range(200):
        steps = some_steps(seed, sharpness=3.0)
        written = written_out(steps)
        ranked = sorted(written, key=lambda text: -written[text])
        decoded = decode([steps])
        best += decoded.text == ranked[0]
        second += ranked[1] in [text for text, _ in decoded.others]
        for text, probability in (decoded.text, decoded.probability), *decoded.others:
            assert probability == pytest.approx(written[text])
    assert best >= 198
    assert second >= 170


def test_a_text_that_beats_the_best_path_is_found():
    # Blank is the best class at both steps, but "1" can be written in three ways.
    steps = np.array([[0.5, 0.45, 0.05], [0.5, 0.45, 0.05]])
    assert best_path(steps) == ()
    decoded = decode([steps])
    assert decoded.text == (1,)
    assert decoded.probability == pytest.approx(0.45 * 0.45 + 2 * 0.5 * 0.45)
    assert decoded.others[0] == ((), pytest.approx(0.25))


def peaks(*rows, classes=5):
    """Steps with the given values and the rest blank."""
    steps = np.zeros((len(rows), classes))
    for step, row in zip(steps, rows, strict=True):
        for label, probability in row.items():
            step[label] = probability
        step[BLANK] += 1 - step.sum()
    return steps


def test_doubt_about_one_character_does_not_affect_others():
    steps = peaks({1: 1}, {}, {2: 0.7, 3: 0.3}, {}, {4: 1})
    decoded = decode([steps])
    assert decoded.text == (1, 2, 4)
    assert decoded.certainty == pytest.approx((1, 0.7, 1))
    assert decoded.others == (((1, 3, 4), pytest.approx(0.3)),)


def test_independent_doubts_multiply_to_the_probability_of_the_text():
    steps = peaks({1: 0.8, 2: 0.2}, {}, {2: 0.9, 3: 0.1}, {}, {4: 0.7, 1: 0.3})
    decoded = decode([steps])
    assert decoded.certainty == pytest.approx((0.8, 0.9, 0.7))
    assert decoded.probability == pytest.approx(np.prod(decoded.certainty))
    assert [text for text, _ in decoded.others] == [(1, 2, 1), (2, 2, 4)]


def test_a_rival_of_a_character_differs_from_the_text_there_alone():
    steps = peaks({1: 0.8, 2: 0.2}, {}, {2: 0.9, 3: 0.1}, {}, {4: 0.7, 1: 0.3})
    rivals = decode([steps]).rivals
    assert rivals == ({2: pytest.approx(0.2)}, {3: pytest.approx(0.1)}, {1: pytest.approx(0.3)})


def test_a_prior_leaves_their_share_to_texts_that_were_not_found_and_drops_the_impossible():
    steps = np.full((1, 501), 0.4 / 500)
    steps[0, 1] = 0.6
    decoded = decode([steps], prior=lambda text: 3.0 if text == (1,) else 1.0)
    assert decoded.probability == pytest.approx(3 * 0.6 / (3 * 0.6 + 0.4), abs=0.001)
    steps = peaks({1: 0.7, 2: 0.3})
    decoded = decode([steps], prior=lambda text: 0.0 if text == (2,) else 1.0)
    assert (decoded.text, decoded.others) == ((1,), ())


def test_doubt_about_an_optional_character_is_shared_by_its_neighbours():
    steps = peaks({1: 1}, {}, {2: 0.4}, {}, {4: 1})
    decoded = decode([steps])
    assert decoded.text == (1, 4)
    assert decoded.certainty == pytest.approx((0.75, 0.75))
    assert decoded.others == (((1, 2, 4), pytest.approx(0.4)),)


def test_doubt_that_no_single_edit_explains_lowers_every_character():
    # The classes of each step are even, but for one of a hair more.
    steps = np.full((8, 5), 0.2) + np.eye(8, 5) * 1e-3
    decoded = decode([steps / steps.sum(axis=1, keepdims=True)])
    assert decoded.probability < 0.05
    assert np.prod(decoded.certainty) <= decoded.probability * 1.0001
    assert max(decoded.certainty) < 0.6


def test_an_alternative_counts_from_a_hundred_thousandth_on():
    decoded = decode([peaks({1: 0.99898, 2: 0.001, 3: 0.00002}, {}, {4: 0.998, 2: 0.002})], most=9)
    found = dict(decoded.others)
    assert found[2, 4] == pytest.approx(0.001 * 0.998)
    assert (2, 2) not in found


def test_the_most_probable_classes_of_a_place_are_tried():
    """Five besides the blank, whatever their order."""
    step = {1: 0.002, 2: 0.003, 3: 0.004, 4: 0.005, 5: 0.006, 6: 0.007, 7: 0.9}
    decoded = decode([peaks(step, classes=8)], most=20)
    assert {text for text, _ in decoded.others} == {(), (3,), (4,), (5,), (6,)}


def test_a_doubled_character_is_an_alternative_to_a_single_one():
    steps = peaks({1: 1}, {1: 0.6, BLANK: 0.4}, {1: 1})
    decoded = decode([steps])
    assert decoded.text == (1,)
    assert decoded.others[0] == ((1, 1), pytest.approx(0.4))


def test_a_decoded_character_has_its_start_and_stop():
    steps = peaks({}, {1: 0.9}, {1: 0.8}, {}, {2: 0.9}, {})
    assert [(one.label, one.start, one.stop) for one in best_path(steps)] == [(1, 1, 3), (2, 4, 5)]
    assert labels(best_path(steps)) == (1, 2)


def test_steps_of_blanks_decode_to_an_empty_text():
    decoded = decode([peaks({}, {}, {})])
    assert (decoded.text, decoded.probability, decoded.certainty) == ((), 1, ())


def test_an_unlikely_character_among_blanks_is_an_alternative_to_an_empty_text():
    decoded = decode([peaks({}, {1: 0.2}, {})])
    assert (decoded.text, decoded.certainty) == ((), ())
    assert decoded.others == (((1,), pytest.approx(0.2)),)


def test_temperature_changes_confidence_but_not_the_text():
    logits = np.log(some_steps(3)).astype(np.float32)
    plain, hot, cold = (tempered(logits, t) for t in (1.0, 2.0, 0.5))
    assert plain == pytest.approx(some_steps(3), abs=1e-6)
    for steps in (plain, hot, cold):
        assert steps.sum(axis=1) == pytest.approx(1)
        assert (steps.argmax(axis=1) == plain.argmax(axis=1)).all()
    assert (hot.max(axis=1) < plain.max(axis=1)).all()
    assert (cold.max(axis=1) > plain.max(axis=1)).all()


def test_long_sequences_do_not_underflow():
    steps = np.full((160, 37), 0.2 / 36)
    steps[:, BLANK] = 0.8
    steps[np.arange(10, 80, 10)] = 0.1 / 36
    for t, label in zip(range(10, 80, 10), (8, 11, 12, 13, 2, 3, 4), strict=True):
        steps[t, label] = 0.9
    decoded = decode([steps / steps.sum(axis=1, keepdims=True)])
    assert decoded.text == (8, 11, 12, 13, 2, 3, 4)
    assert 0 < decoded.probability < 1


def test_the_probability_of_a_text_is_the_mean_over_all_views():
    clear = peaks({1: 1}, {}, {2: 0.9, 3: 0.1}, {})
    moved = peaks({}, {1: 1}, {}, {3: 0.6, 2: 0.4})
    decoded = decode([clear, moved])
    assert decoded.text == (1, 2)
    assert decoded.probability == pytest.approx((0.9 + 0.4) / 2)
    assert decoded.others[0] == ((1, 3), pytest.approx((0.1 + 0.6) / 2))
    assert decoded.certainty == pytest.approx((1, 0.65))


def test_a_text_found_in_one_view_is_weighed_against_the_others():
    first = peaks({1: 1}, {}, {2: 0.6, 3: 0.4}, {})
    other = peaks({1: 1}, {}, {3: 1}, {})
    assert decode([first, other]).text == (1, 3)
    assert decode([first]).text == (1, 2)


def test_texts_that_reduce_to_the_same_one_are_one_text():
    # Which of 2 and 3 is first is open; without its first character the text is surer than any other.
    steps = peaks({2: 0.36, 3: 0.3, 1: 0.34}, {}, {4: 0.8, 1: 0.2}, {}, {3: 1})
    plain = decode([steps])
    assert plain.probability == pytest.approx(0.36 * 0.8)
    decoded = decode([steps], reduced=lambda places: labels(places)[1:])
    assert labels(decoded.places)[1:] == (4, 3)
    assert decoded.probability == pytest.approx(0.8)
    assert decoded.others[0] == ((1, 3), pytest.approx(0.2))
    assert decoded.certainty[1:] == pytest.approx((0.8, 1))
    assert decoded.certainty[0] == pytest.approx(1), "what it reduces to does not depend on it"


def test_the_places_are_those_of_the_most_probable_text_of_the_chosen_ones():
    steps = peaks({2: 0.5, 3: 0.3, 1: 0.2}, {}, {4: 1}, {}, {3: 1})
    decoded = decode([steps], reduced=lambda places: labels(places)[1:])
    assert labels(decoded.places) == (2, 4, 3)


def test_a_text_that_is_not_the_most_probable_wins_together_with_those_that_reduce_to_it():
    # 1 4 3 has 0.4, but 2 4 3 and 3 4 3, which end alike, have 0.32 and 0.28.
    steps = peaks({1: 0.4, 2: 0.32, 3: 0.28}, {}, {4: 1}, {}, {3: 1})

    def reduced(places):
        text = labels(places)
        return text if text[:1] == (1,) else text[1:]

    decoded = decode([steps], reduced=reduced)
    assert labels(decoded.places) == (2, 4, 3)
    assert decoded.probability == pytest.approx(0.6)
    assert decoded.seen == (1, 4, 3)
