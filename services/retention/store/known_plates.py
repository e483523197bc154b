"""Remembers plates that Postgres has, so that storing a read of a known plate needs no statement for it (ADR-0062)."""

from collections.abc import Iterable, Set
from datetime import datetime
from typing import NamedTuple

REMEMBERED = 200_000
"""About the most plates of a memory, 85 bytes each."""


class Mark(NamedTuple):
    """What changes whenever a plate may be gone from Postgres."""

    server_started_at: datetime
    """Another server, or the same one after a crash, may lack transactions that had committed."""
    deletions: int
    """Statements that deleted plates."""


class KnownPlates:
    """The plates last used, by number; those of one mark."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._recent: set[int] = set()
        self._older: set[int] = set()
        self.mark: Mark | None = None
        """The mark under which the plates are known; None if none are."""

    def unknown(self, plates: Set[int]) -> set[int]:
        """Return the plates that are not known."""
        return set(plates) - self._recent - self._older

    def remember(self, plates: Iterable[int], *, before: Mark | None, now: Mark) -> None:
        """Add the plates of a transaction that has committed.

        Args:
            plates: all that it stored or found.
            before: the mark of this memory when the transaction began.
            now: the mark that it read, which holds until it committed.
        """
        if now != self.mark:
            if self.mark != before:
                return  # a transaction that ended earlier has read another mark, perhaps a later one
            self._recent, self._older = set(), set()
            self.mark = now
        self._recent.update(plates)
        if len(self._recent) > self._most // 2:
            self._recent, self._older = set(), self._recent
