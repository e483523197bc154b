"""Log odds, in which evidence for and against a plate adds up."""

import math
from typing import Final

MOST_SURE: Final = 1e-7
"""The least doubt that log odds have."""


def log_odds(probability: float) -> float:
    """Return the natural logarithm of p / (1 - p), with a little doubt in what is certain."""
    doubted = min(max(probability, MOST_SURE), 1 - MOST_SURE)
    return math.log(doubted / (1 - doubted))


def probability(odds: float) -> float:
    """Return the probability that has these log odds."""
    return 1 / (1 + math.exp(-odds))


def of_both(one: float, other: float) -> float:
    """Return the probability that has the mean of the log odds of two."""
    return probability((log_odds(one) + log_odds(other)) / 2)
