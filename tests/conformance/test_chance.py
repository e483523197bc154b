"""The chance of overlooking that a mutant breaks more than a little else is one in a hundred at most."""

import random
from fractions import Fraction

import pytest

from tests.conformance.chance import RISK, best_aside, stops


def chance_of_a_wrong_end(of: int, failing: int, plan: list[int]) -> Fraction:
    """Return the exact probability that a stop ends the run, over all orders of the tests."""
    chances = {0: Fraction(1)}
    ended, ran = Fraction(0), 0
    for forgiven, after in enumerate(plan):
        for before in range(ran, after):
            left = of - before
            following: dict[int, Fraction] = {}
            for failed, chance in chances.items():
                fails = Fraction(failing - failed, left)
                if fails:
                    following[failed + 1] = following.get(failed + 1, Fraction(0)) + chance * fails
                if fails < 1:
                    following[failed] = following.get(failed, Fraction(0)) + chance * (1 - fails)
            chances = following
        ran = after
        ended += sum(
            (chance for failed, chance in chances.items() if failed <= forgiven), Fraction(0)
        )
        chances = {failed: chance for failed, chance in chances.items() if failed > forgiven}
    return ended


@pytest.mark.parametrize(
    ("of", "allowed"), [(61, 60), (66, 60), (120, 60), (300, 60), (80, 4), (30, 1)]
)
def test_the_stopping_rule_accepts_too_many_failures_at_most_once_in_a_hundred(of, allowed):
    plan = stops(of, allowed)
    assert chance_of_a_wrong_end(of, allowed + 1, plan) <= RISK
    for more in (allowed + 2, (allowed + of) // 2, of):
        if allowed < more <= of:
            assert chance_of_a_wrong_end(of, more, plan) <= RISK


def test_simulated_runs_keep_within_the_accepted_risk():
    plan, draw = stops(150, 20), random.Random(49)
    wrong = 0
    for _ in range(5000):
        order = draw.sample([True] * 21 + [False] * 129, 150)
        wrong += any(sum(order[:after]) <= forgiven for forgiven, after in enumerate(plan))
    # 50 are expected at the most; 80 or more come once in ten thousand such tests
    assert wrong < 80


def test_a_run_without_failures_ends_at_the_first_stop():
    first, second, *_ = stops(1150, 60)
    assert first == 94
    assert second > first


def test_no_stop_is_planned_if_all_may_fail_or_certainty_is_reached_first():
    assert stops(60, 60) == []
    assert stops(61, 60) == []
    assert all(after < 100 - 60 + forgiven for forgiven, after in enumerate(stops(100, 60)))


def test_slow_tests_are_skipped_where_that_is_faster():
    even = [0.3] * 500
    assert best_aside(even, 57) == 0, "there is nothing to win"
    uneven = [0.1] * 490 + [20.0] * 10
    assert best_aside(uneven, 57) == 10
    assert best_aside(uneven, 4) == 0, "fewer may fail than are slow"
    assert best_aside([], 57) == 0
    assert best_aside([0.0] * 100, 57) == 0, "nothing is known of how long they take"
