"""Computes how many tests, in random order, must run to show that few enough of all fail.

Of N tests, at most A may fail. Suppose that A + 1 or more do. After n tests in random order, the number that
failed is hypergeometric, and lowest where exactly A + 1 fail. The c-th stop, c = 0, 1, ..., comes once, after
the least n at which at most c failures have a chance of RISK / 2**(c + 1) or less; the run ends there if at most c
failed. The stops' chances add up to less than RISK, however many stops there are: that is the chance of
counting a mutant whose failing tests are too many.

A few slow tests may cost more than all others. They are not drawn: of N tests, E are left aside, and each is
counted as if it failed. Then A - E of the N - E that are drawn may fail, and all above holds for these.
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate
from math import comb

RISK = Fraction(1, 100)
_STEP = 5
"""How many tests more are left aside from one try to the next."""


def best_aside(seconds: Sequence[float], allowed: int) -> int:
    """Return how many of the slowest tests to leave aside, so that the first stop comes after the least time.

    `seconds` is how long each test takes, quickest first.
    """
    until = list(accumulate(seconds, initial=0.0))

    def cost(aside: int) -> float:
        drawn = len(seconds) - aside
        return until[drawn] / drawn * _first_stop(drawn, allowed - aside)

    return min(range(0, min(allowed, len(seconds) - 1) + 1, _STEP), key=cost, default=0)


def _first_stop(of: int, allowed: int, risk: Fraction = RISK) -> int:
    """Return after how many tests a run without failures ends; `of - allowed` where that is sooner."""
    chance, ran = Fraction(1), 0
    while chance > risk / 2 and ran < of - allowed:
        chance *= Fraction(of - allowed - 1 - ran, of - ran)  # one more of the good ones is drawn
        ran += 1
    return ran


def stops(of: int, allowed: int, risk: Fraction = RISK) -> list[int]:
    """Return after how many tests a run may end: at `stops(...)[c]` with c failures at most.

    Stops that would come no sooner than certainty, when those left could all fail, are left out.
    """
    found: list[int] = []
    if of <= allowed:
        return found
    ran = _first_stop(of, allowed, risk)
    for failures in range(allowed + 1):
        bound = risk / 2 ** (failures + 1)
        while ran <= of and _at_most(failures, ran, of, allowed + 1) > bound:
            ran += 1
        if ran >= of - allowed + failures:
            break
        found.append(ran)
    return found


def _at_most(failures: int, ran: int, of: int, failing: int) -> Fraction:
    """Return the chance of so few failures among `ran` of `of` tests, `failing` of which fail."""
    cases = sum(
        comb(failing, k) * comb(of - failing, ran - k) for k in range(failures + 1) if ran >= k
    )
    return Fraction(cases, comb(of, ran))
