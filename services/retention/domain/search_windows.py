"""The order of a search's work: windows of time, newest first, until the page is full or its time is over (ADR-0057).

The time for a page is what keeps a search of rare reads from being ended by a time limit: the page ends early, and the
next page continues where it ended (ADR-0064).
"""

from collections.abc import Callable
from datetime import datetime, timedelta

MOST_GROWTH = 8
"""The most by which a window is wider than the one before it."""

_MARGIN = 1.5
"""A window is this much wider than the yield of the one before suggests, so that it often fills the page."""

_LEAST_S = 0.001
"""The shortest time of a window that limits the next one."""


class Windows:
    """Cuts [since, until) into windows, newest first, each as wide as yield and time of the former one suggest."""

    def __init__(
        self,
        since: datetime,
        until: datetime,
        first: timedelta,
        *,
        most_s: float,
        monotonic: Callable[[], float],
        least_growth: float = 1,
    ) -> None:
        """`first` is the width of the newest window. `most_s` after the first one begins, no further window does.

        `least_growth` is above 1 for a search with a cost for each window, whatever it yields.
        """
        self._since = since
        self._until = until
        self._width = first
        self._least_growth = least_growth
        self._most_s = most_s
        self._monotonic = monotonic
        self._begun_s: float | None = None
        self._window_s = 0.0

    @property
    def rest_until(self) -> datetime | None:
        """The end of what no window covered yet; None if they covered all."""
        return self._until if self._since < self._until else None

    def next(self) -> tuple[datetime, datetime] | None:
        """Return the next window, [from, to); None after the oldest, and when the time is over."""
        self._window_s = self._monotonic()
        if self._begun_s is None:
            self._begun_s = self._window_s
        elif self._window_s - self._begun_s >= self._most_s:
            return None
        if self._until <= self._since:
            return None
        until = self._until
        # A rest of less than half a window is part of this one.
        whole = self._width * 1.5 >= until - self._since
        self._until = self._since if whole else until - self._width
        return self._until, until

    def widen(self, found: int, missing: int) -> None:
        """Set the width of the next window after one that yielded `found` items; `missing` more are wanted."""
        wanted = _MARGIN * missing / found if found else MOST_GROWTH
        in_time = self._most_s / max(self._monotonic() - self._window_s, _LEAST_S)
        self._width *= min(max(wanted, self._least_growth), MOST_GROWTH, in_time)
