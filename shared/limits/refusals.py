"""Limits and counts the refused unauthenticated requests of each address.

This module has the rules; `shared/limits/limiter.py` applies them to requests, `shared/limits/refusal_log.py`
publishes the counts. Each process counts separately, in bounded memory for any number of addresses (ADR-0015).
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple

from shared.core.token_bucket import Bucket

GUARD = "guard"
"""The name in the keys of all routes that need a credential; an open route that refuses has its own name."""

MOST_BUCKETS = 10_000
"""The most buckets in memory. The least recently used is evicted first; `OVERALL` bounds the fresh allowances that
evictions give."""

OVERALL = 20
"""The allowance of all addresses together at the guard, as a multiple of one address's."""

MOST_NAMED = 100
"""The most keys counted separately in a minute; each name has one sum for the rest."""

MOST_MINUTES = 60
"""The most unpublished minutes with separate keys, while the database is down; later ones have sums only."""

MINUTE = timedelta(minutes=1)
_LONGEST_ADDRESS = 64


class LimitKey(NamedTuple):
    """The key of a bucket: a client's network and a route."""

    network: str
    """An IPv4 address or an IPv6 network of 64 bits; "" if unknown. For a known client of an open route, its
    name."""

    name: str
    """`GUARD`, or the path of an open route."""


@dataclass(frozen=True)
class Counted:
    """Refusals of one key within one minute."""

    minute: datetime
    key: LimitKey
    first_at: datetime
    last_at: datetime
    count: int


def network_of(host: str) -> str:
    """Return a client's IPv4 address or IPv6 /64 network (one client has all its addresses); "" if invalid."""
    return _network(host) if len(host) <= _LONGEST_ADDRESS else ""


@lru_cache(maxsize=4096)
def _network(host: str) -> str:
    try:
        address: IPv4Address | IPv6Address = ip_address(host)
    except ValueError:
        return ""
    if isinstance(address, IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network((int(address), 64), strict=False))


class Allowance:
    """The refusals that each key has left: `burst` at once, then `per_minute`.

    A request reserves one before its check and releases it unless it is refused, so that concurrent requests cannot
    exceed the allowance.
    """

    def __init__(
        self,
        burst: int,
        per_minute: float,
        *,
        most_buckets: int = MOST_BUCKETS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._burst = burst
        self._per_s = per_minute / 60
        self._most_buckets = most_buckets
        self._monotonic = monotonic
        self._narrower: dict[str, float] = {}
        self._buckets: OrderedDict[LimitKey, Bucket] = OrderedDict()
        self._overall = Bucket(burst * OVERALL, monotonic())

    def __len__(self) -> int:
        return len(self._buckets)

    def narrow(self, name: str, burst: int) -> None:
        """Set a smaller burst for keys of this name, whose requests cost more to check."""
        self._narrower[name] = burst

    def reserve(self, key: LimitKey) -> bool:
        """Reserve one refusal; return False if the allowance is spent."""
        bucket = self._bucket(key)
        overall = self._all() if key.name == GUARD else None
        if bucket.tokens < 1 or (overall is not None and overall.tokens < 1):
            return False
        bucket.tokens -= 1
        if overall is not None:
            overall.tokens -= 1
        return True

    def give_back(self, key: LimitKey) -> None:
        """Release the reservation of a request that was not refused."""
        if (bucket := self._buckets.get(key)) is not None:
            bucket.tokens += 1
        if key.name == GUARD:
            self._overall.tokens += 1

    def wait_s(self, key: LimitKey) -> int:
        """Return the seconds until this key's bucket has a token; ignores the overall bucket."""
        return self._bucket(key).wait_s(self._per_s)

    def _bucket(self, key: LimitKey) -> Bucket:
        now_s = self._monotonic()
        burst = min(self._burst, self._narrower.get(key.name, self._burst))
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Bucket(burst, now_s)
            if len(self._buckets) > self._most_buckets:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
            bucket.refill(now_s, self._per_s, burst)
        return bucket

    def _all(self) -> Bucket:
        self._overall.refill(self._monotonic(), self._per_s * OVERALL, self._burst * OVERALL)
        return self._overall


class RefusalTally:
    """Counts of the refusals without an audit entry, by minute and key. The sums include every refusal."""

    def __init__(self, *, most_named: int = MOST_NAMED, most_minutes: int = MOST_MINUTES) -> None:
        self._most_named = most_named
        self._most_minutes = most_minutes
        self._minutes: dict[datetime, dict[LimitKey, Counted]] = {}
        self._open_from: datetime | None = None

    def __len__(self) -> int:
        return sum(map(len, self._minutes.values()))

    def add(self, key: LimitKey, at: datetime) -> None:
        """Count one refusal."""
        minute = at.replace(second=0, microsecond=0)
        if self._open_from is not None and minute < self._open_from:
            minute = self._open_from  # the clock was set back: published minutes stay unchanged
        by_key = self._minutes.setdefault(minute, {})
        if key not in by_key:
            late = len(self._minutes) > self._most_minutes
            if late or len(by_key) >= self._most_named:
                key = LimitKey("", key.name)
        counted = by_key.get(key)
        if counted is None:
            by_key[key] = Counted(minute, key, at, at, 1)
        else:
            last_at = max(counted.last_at, at)
            by_key[key] = replace(counted, last_at=last_at, count=counted.count + 1)

    def pop_before(self, before: datetime) -> list[Counted]:
        """Remove and return the counts of the minutes that ended by `before`."""
        ended = [minute for minute in sorted(self._minutes) if minute + MINUTE <= before]
        counts = [counted for minute in ended for counted in self._minutes.pop(minute).values()]
        if ended:
            self._open_from = max(ended[-1] + MINUTE, self._open_from or ended[-1])
        return counts

    def put_back(self, counts: list[Counted]) -> None:
        """Put counts back after a failed write; the next `pop_before` returns them unchanged."""
        for counted in counts:
            self._minutes.setdefault(counted.minute, {})[counted.key] = counted
