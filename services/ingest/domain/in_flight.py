"""Bounds the bytes of request bodies that one process holds at once, in all and for each device."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from services.ingest.domain.problem_codes import Code
from shared.core.errors import Unavailable

BUSY_RETRY_S = 2


class InFlight:
    """Counts the bytes of all bodies in this process, and refuses more than `most_bytes`, or than `share_bytes` of one
    device: a few slow uploads of one camera would keep all others out."""

    def __init__(self, most_bytes: int, share_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._share_bytes = share_bytes
        self._of_device = Counter[UUID]()
        self.held_bytes = 0

    @contextmanager
    def body(self, device_id: UUID) -> Iterator["Reservation"]:
        """Count the body of one request of a device; releases its bytes at the end."""
        held = Reservation(self, device_id)
        try:
            yield held
        finally:
            self.held_bytes -= held.count_bytes
            self._of_device[device_id] -= held.count_bytes
            if not self._of_device[device_id]:
                del self._of_device[device_id]

    def reserve(self, device_id: UUID, count_bytes: int) -> None:
        """Reserve bytes for a device. Raises: Unavailable if a limit would be exceeded."""
        whole, own = self.held_bytes + count_bytes, self._of_device[device_id] + count_bytes
        if whole > self._most_bytes or own > self._share_bytes:
            raise Unavailable(Code.TOO_MUCH_IN_FLIGHT, retry_after_s=BUSY_RETRY_S)
        self.held_bytes = whole
        self._of_device[device_id] = own


class Reservation:
    """One body's share of the bytes in flight."""

    def __init__(self, in_flight: InFlight, device_id: UUID) -> None:
        self._in_flight = in_flight
        self._device_id = device_id
        self.count_bytes = 0

    def add(self, count_bytes: int) -> None:
        """Reserve more bytes for it. Raises: Unavailable."""
        self._in_flight.reserve(self._device_id, count_bytes)
        self.count_bytes += count_bytes
