"""A token bucket: so much at once, then as much as comes back with time."""

import math


class Bucket:
    """Tokens of one sender; may go into debt, and is then waited for until that is paid off."""

    __slots__ = ("at_s", "tokens")

    def __init__(self, tokens: float, at_s: float) -> None:
        """Begin with `tokens` at `at_s`, seconds of a clock that never goes back."""
        self.tokens = tokens
        self.at_s = at_s

    def refill(self, now_s: float, per_s: float, most: float) -> None:
        """Put in what came back since it was last looked at, `per_s` a second and up to `most`."""
        self.tokens = min(most, self.tokens + (now_s - self.at_s) * per_s)
        self.at_s = now_s

    def wait_s(self, per_s: float) -> int:
        """Return after how many whole seconds there is a token again, 1 at the least."""
        return max(1, math.ceil((1 - self.tokens) / per_s))
