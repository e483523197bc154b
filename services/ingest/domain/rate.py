"""How much a device may send: a token bucket for each, which may go into debt.

Debt lets a vehicle send 10,000 reads in one body after an outage; it then waits until that is paid off.
Counted by each process for itself: behind several replicas a device may send so many times its rate.
"""

import time
from collections.abc import Callable
from uuid import UUID

from shared.core.errors import TooManyRequests
from shared.core.token_bucket import Bucket

BURST_S = 10
"""How long a device that was silent may send at once what its rate allows in that time."""


class Rates:
    """One bucket a device, for one kind of thing."""

    def __init__(self, what: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._monotonic = monotonic
        self._buckets: dict[UUID, Bucket] = {}

    def take(self, device_id: UUID, per_s: float) -> None:
        """Take one. Raises: TooManyRequests, with the time until there is one again."""
        bucket = self._bucket(device_id, per_s)
        if bucket.tokens < 1:
            raise TooManyRequests(
                f"this device may send {per_s:g} {self._what} a second",
                retry_after_s=bucket.wait_s(per_s),
            )
        bucket.tokens -= 1

    def charge(self, device_id: UUID, count: int) -> None:
        """Take `count` more of what was let in already."""
        if (bucket := self._buckets.get(device_id)) is not None:
            bucket.tokens -= count

    def _bucket(self, device_id: UUID, per_s: float) -> Bucket:
        now_s = self._monotonic()
        most = max(1.0, per_s * BURST_S)
        bucket = self._buckets.get(device_id)
        if bucket is None:
            bucket = self._buckets[device_id] = Bucket(most, now_s)
        bucket.refill(now_s, per_s, most)
        return bucket
