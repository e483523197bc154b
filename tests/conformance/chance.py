"""How many tests need be run, in an order drawn at random, before it is told that few enough of all fail.

Of N tests, at most A may fail. Suppose that A + 1 or more do. After n tests in random order, the number that
failed is hypergeometric, and lowest where exactly A + 1 fail. The c-th look, c = 0, 1, ..., is made once, after
the least n at which at most c failures have a chance of RISK / 2**(c + 1) or less; the run ends there if at most c
failed. The looks' chances add up to less than RISK, however many looks there are: that is the chance that
tests which do not count are taken for some that do.
"""

from fractions import Fraction
from math import comb

RISK = Fraction(1, 1000)


def looks(of: int, allowed: int, risk: Fraction = RISK) -> list[int]:
    """Return after how many tests each look is made: `looks(...)[c]` forgives c failures.

    Looks that would come no sooner than certainty, when those left could all fail, are left out.
    """
    found: list[int] = []
    if of <= allowed:
        return found
    ran = 0
    for failures in range(allowed + 1):
        bound = risk / 2 ** (failures + 1)
        while ran <= of and _at_most(failures, ran, of, allowed + 1) > bound:
            ran += 1
        if ran >= of - allowed + failures:
            break
        found.append(ran)
    return found


def _at_most(failures: int, ran: int, of: int, failing: int) -> Fraction:
    """The chance of so few failures among `ran` of `of` tests, `failing` of which fail."""
    ways = sum(
        comb(failing, k) * comb(of - failing, ran - k) for k in range(failures + 1) if ran >= k
    )
    return Fraction(ways, comb(of, ran))
