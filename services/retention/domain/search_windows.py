"""The order of a search's work: windows of time, newest first, until the page is full (ADR-0057)."""

from datetime import datetime, timedelta

MOST_GROWTH = 8
"""The most by which a window is wider than the one before it."""

_MARGIN = 1.5
"""A window is this much wider than the yield of the one before suggests, so that it often fills the page."""


class Windows:
    """Cuts [since, until) into windows, newest first, each as wide as the yield of the former one suggests."""

    def __init__(
        self, since: datetime, until: datetime, first: timedelta, *, least_growth: float = 1
    ) -> None:
        """`first` is the width of the newest window.

        `least_growth` is above 1 for a search with a cost for each window, whatever it yields.
        """
        self._since = since
        self._until = until
        self._width = first
        self._least_growth = least_growth

    def next(self) -> tuple[datetime, datetime] | None:
        """Return the next window, [from, to); None after the oldest."""
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
        self._width *= min(max(wanted, self._least_growth), MOST_GROWTH)
