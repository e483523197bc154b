"""Bounds the bytes of request bodies that one process holds at once."""

from collections.abc import Iterator
from contextlib import contextmanager

from services.ingest.domain.problem_codes import Code
from shared.core.errors import Unavailable

BUSY_RETRY_S = 2


class InFlight:
    """Counts the bytes of all bodies in this process, and refuses more than `most_bytes`."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self.held_bytes = 0

    @contextmanager
    def body(self) -> Iterator["Reservation"]:
        """Count one request's body; releases its bytes at the end."""
        held = Reservation(self)
        try:
            yield held
        finally:
            self.held_bytes -= held.count_bytes

    def reserve(self, count_bytes: int) -> None:
        """Reserve bytes. Raises: Unavailable if the limit would be exceeded."""
        if self.held_bytes + count_bytes > self._most_bytes:
            raise Unavailable(Code.TOO_MUCH_IN_FLIGHT, retry_after_s=BUSY_RETRY_S)
        self.held_bytes += count_bytes


class Reservation:
    """One body's share of the bytes in flight."""

    def __init__(self, in_flight: InFlight) -> None:
        self._in_flight = in_flight
        self.count_bytes = 0

    def add(self, count_bytes: int) -> None:
        """Reserve more bytes for it. Raises: Unavailable."""
        self._in_flight.reserve(count_bytes)
        self.count_bytes += count_bytes
