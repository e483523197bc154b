"""Rate limit of devices: a token bucket for each, which may go into debt.

Debt lets a vehicle send 10,000 reads in one body after an outage; it then waits until the debt is paid off. Each
process counts separately, so with n replicas a device may send n times its rate.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

from services.ingest.domain.problem_codes import Code
from shared.core.errors import TooManyRequests, Unavailable
from shared.core.token_bucket import Bucket

BURST_S = 10
"""A silent device may send this many seconds' worth of its rate at once."""


class Rates:
    """One bucket per device, for one kind of item."""

    def __init__(self, what: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._monotonic = monotonic
        self._buckets: dict[UUID, Bucket] = {}

    def spend(self, device_id: UUID, per_s: float) -> None:
        """Spend one token. Raises: TooManyRequests, with the time until the next one."""
        bucket = self._bucket(device_id, per_s)
        if bucket.tokens < 1:
            raise TooManyRequests(
                Code.DEVICE_RATE_EXCEEDED,
                retry_after_s=bucket.wait_s(per_s),
                per_s=per_s,
                what=self._what,
            )
        bucket.tokens -= 1

    def charge(self, device_id: UUID, count: int) -> None:
        """Spend `count` tokens more for a request."""
        self._buckets[device_id].tokens -= count

    @contextmanager
    def charged(self, device_id: UUID, count: int) -> Iterator[None]:
        """Spend `count` tokens more for a request; give them back if it is not accepted for our own fault, since the
        device is to send it again."""
        self.charge(device_id, count)
        try:
            yield
        except Unavailable:
            self.charge(device_id, -count)
            raise

    def _bucket(self, device_id: UUID, per_s: float) -> Bucket:
        now_s = self._monotonic()
        most = max(1.0, per_s * BURST_S)
        bucket = self._buckets.get(device_id)
        if bucket is None:
            bucket = self._buckets[device_id] = Bucket(most, now_s)
        bucket.refill(now_s, per_s, most)
        return bucket
