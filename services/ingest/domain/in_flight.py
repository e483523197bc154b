"""How many bytes of bodies one process holds at once, and that it takes no more than it may."""

from collections.abc import Iterator
from contextlib import contextmanager

from shared.core.errors import Unavailable

BUSY_RETRY_S = 2


class InFlight:
    """Counts the bytes of all bodies that this process holds, and takes no more than it may."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self.held_bytes = 0

    @contextmanager
    def body(self) -> Iterator["Held"]:
        """Count one request's body; what it held is free again at the end."""
        held = Held(self)
        try:
            yield held
        finally:
            self.held_bytes -= held.count_bytes

    def take(self, count_bytes: int) -> None:
        """Raises: Unavailable when it would be too much."""
        if self.held_bytes + count_bytes > self._most_bytes:
            raise Unavailable("too much is being taken in", retry_after_s=BUSY_RETRY_S)
        self.held_bytes += count_bytes


class Held:
    """One body's share of what is in flight."""

    def __init__(self, in_flight: InFlight) -> None:
        self._in_flight = in_flight
        self.count_bytes = 0

    def take(self, count_bytes: int) -> None:
        """Count more of it. Raises: Unavailable."""
        self._in_flight.take(count_bytes)
        self.count_bytes += count_bytes
