"""A county's traffic as cameras see it: the vehicles that pass, the reads of each, and the store's records of them.

Plates follow Zipf's law (exponent 1) over three million vehicles: the n-th most frequent one passes 1/n times as often
as the first. A store of earlier reads holds part of them.
"""

import random
from bisect import bisect
from collections.abc import Sequence
from datetime import UTC, datetime
from heapq import heappop, heappush
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from tests.bench.traffic import plate

READS_OF_PASS = ((1, 0.60), (2, 0.25), (3, 0.0375), (4, 0.0375), (5, 0.0375), (6, 0.0375))
"""The numbers of reads that a passing vehicle gives, each with its share of the passes."""
APART_S = (0.2, 0.7)
"""Between two reads of a pass."""
CLOCK_OFF_S = 2.0
KNOWN_SHARE = 0.9
"""Of the vehicles that pass, those that the store has seen before."""
DRAWN_AT_ONCE = 65_536
LATITUDES, LONGITUDES = (39.8, 40.0), (-122.3, -122.1)
LATE_H = (1, 72)
LATE_SPAN_S = 1800.0
"""The longest delay of a vehicle's late captures: half an hour."""

Ranks = npt.NDArray[np.int64]


LISTED_AT_MOST = 1_000_000
"""Vehicles of a lower number may be on the bench's hot list; those that pass here are not."""


def plate_of(rank: int) -> str:
    """Return the plate of the vehicle of this rank."""
    return plate(LISTED_AT_MOST + rank)


class Vehicles:
    """Draws vehicles by rank, 0 the most frequent; equal seeds draw equal vehicles."""

    def __init__(self, count: int, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._weights = 1.0 / np.arange(1, count + 1)
        self._drawn: list[bytes] = []
        self._known: Ranks = np.arange(0)
        self._others: Ranks = np.arange(count)

    def store(self, reads: int) -> Ranks:
        """Draw the vehicles of the reads that a store has; `next_plate` knows them from now on."""
        seen = self._of(np.arange(len(self._weights)), reads)
        self._known = np.unique(seen)
        known = np.zeros(len(self._weights), dtype=bool)
        known[self._known] = True
        self._others = np.flatnonzero(~known)
        return seen

    def next_plate(self) -> bytes:
        """Return the plate of the next vehicle that passes."""
        if not self._drawn:
            known = self._random.random(DRAWN_AT_ONCE) < KNOWN_SHARE if len(self._known) else None
            count = 0 if known is None else int(known.sum())
            ranks = np.concatenate(
                [self._of(self._known, count), self._of(self._others, DRAWN_AT_ONCE - count)]
            )
            self._random.shuffle(ranks)
            self._drawn = [plate_of(int(rank)).encode() for rank in ranks]
        return self._drawn.pop()

    def _of(self, ranks: Ranks, count: int) -> Ranks:
        if not count:
            return ranks[:0]
        ends = np.cumsum(self._weights[ranks])
        drawn: Ranks = ranks[np.searchsorted(ends, self._random.random(count) * ends[-1])]
        return drawn


class Device:
    """A camera on its own clock; vehicles pass it, and it sends their reads in order of time."""

    def __init__(
        self, credential: str, vehicles: Vehicles, draw: random.Random, *, mobile: bool = False
    ) -> None:
        self.credential = credential
        self.mobile = mobile
        self._vehicles = vehicles
        self._random = draw
        self._off_s = draw.uniform(-CLOCK_OFF_S, CLOCK_OFF_S)
        self._seen_to_s: float | None = None
        self._coming: list[tuple[float, bytes]] = []
        self._number = 0

    def batch(self, count: int, now_s: float, listed: Sequence[bytes] = ()) -> bytes:
        """Return a JSON array of the `count` reads up to now, one of each plate in `listed` among them."""
        now_s += self._off_s
        since_s = now_s - 5.0 if self._seen_to_s is None else self._seen_to_s
        self._seen_to_s = now_s
        for number in listed:
            heappush(self._coming, (since_s, number))
        ready = sum(at_s <= now_s for at_s, _ in self._coming)
        while ready < count:
            ready += self._pass_by(self._random.uniform(since_s, now_s), now_s)
        return self._written([heappop(self._coming) for _ in range(count)])

    def late_batch(self, count: int, now_s: float) -> bytes:
        """Return a JSON array of `count` reads that were captured hours ago."""
        begin_s = now_s - 3600 * self._random.uniform(*LATE_H)
        waiting, self._coming = self._coming, []
        while len(self._coming) < count:
            self._pass_by(begin_s + self._random.uniform(0, LATE_SPAN_S), now_s)
        late, self._coming = sorted(self._coming)[:count], waiting
        return self._written(late)

    def _pass_by(self, at_s: float, now_s: float) -> int:
        """Let a vehicle pass; return how many of its reads there are by now."""
        vehicle, by_now = self._vehicles.next_plate(), 0
        for _ in range(_reads(self._random.random())):
            heappush(self._coming, (at_s, vehicle))
            by_now += at_s <= now_s
            at_s += self._random.uniform(*APART_S)
        return by_now

    def _written(self, reads: Sequence[tuple[float, bytes]]) -> bytes:
        first = self._number
        self._number += len(reads)
        place = self._place() if self.mobile else b""
        return b"[%b]" % b",".join(
            b'{"source_id":"%d","plate":"%b","region":"US-CA","confidence":0.93,"captured_at":"%b"%b}'
            % (number, vehicle, datetime.fromtimestamp(at_s, UTC).isoformat().encode(), place)
            for number, (at_s, vehicle) in enumerate(reads, first)
        )

    def _place(self) -> bytes:
        """Return where a device on a vehicle is, as a read's fields: somewhere in the county."""
        return b',"latitude":%.4f,"longitude":%.4f' % (
            self._random.uniform(*LATITUDES),
            self._random.uniform(*LONGITUDES),
        )


_COUNTS = [count for count, _ in READS_OF_PASS]
_ENDS = list(accumulate(share for _, share in READS_OF_PASS))


def _reads(drawn: float) -> int:
    return _COUNTS[min(bisect(_ENDS, drawn), len(_COUNTS) - 1)]
