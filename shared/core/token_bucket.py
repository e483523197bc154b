"""A token bucket: allows a burst, then a steady rate."""

import math


class Bucket:
    """Tokens of one sender; they may become negative, and the sender then waits until they are paid back."""

    __slots__ = ("at_s", "tokens")

    def __init__(self, tokens: float, at_s: float) -> None:
        """Start with `tokens` at `at_s`, seconds of a monotonic clock."""
        self.tokens = tokens
        self.at_s = at_s

    def refill(self, now_s: float, per_s: float, most: float) -> None:
        """Add the tokens since the last refill, `per_s` a second, up to `most`."""
        self.tokens = min(most, self.tokens + (now_s - self.at_s) * per_s)
        self.at_s = now_s

    def wait_s(self, per_s: float) -> int:
        """Return the whole seconds until a token is available, at least 1."""
        return max(1, math.ceil((1 - self.tokens) / per_s))
