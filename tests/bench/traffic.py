"""Vehicles of a made-up county: their plates, the reads that cameras make of them, a hot list."""

import random
from datetime import UTC, datetime
from string import ascii_uppercase

_SPACE = 10 * 26**3 * 1000  # California's passenger series: a digit, three letters, three digits
_STRIDE = 104_729_009  # no divisor in common with the space, so neighbours get unlike plates


def plate(number: int) -> str:
    """Return the plate of vehicle `number`; different numbers have different plates."""
    rest, last = divmod(number * _STRIDE % _SPACE, 1000)
    letters = ""
    for _ in range(3):
        rest, letter = divmod(rest, 26)
        letters += ascii_uppercase[letter]
    return f"{rest}{letters}{last:03d}"


def hot_list(entries: int) -> str:
    """Return a hot list of the first vehicles as CSV."""
    rows = (f"{plate(number)},CA,stolen_vehicle" for number in range(entries))
    return "plate,state,record_kind\n" + "\n".join(rows) + "\n"


class Traffic:
    """Draws vehicles by a fixed seed and writes batches of reads."""

    def __init__(self, *, listed: int, others: int, listed_share: float) -> None:
        self._random = random.Random(20260601)
        self._others = [plate(listed + number).encode() for number in range(others)]
        self._listed = listed
        self._listed_share = listed_share
        self._next_listed = 0
        self._number = 0
        self.listed_sent = 0

    def next_listed(self) -> bytes:
        """Return the plate of a listed vehicle that was not seen before, while there are any."""
        self._next_listed += 1
        self.listed_sent += 1
        return plate(self._next_listed % self._listed).encode()

    def chance(self, share: float) -> bool:
        """Return whether something that happens in `share` of the cases happens now."""
        return self._random.random() < share

    def batch(self, count: int, *more: bytes) -> bytes:
        """Return a JSON array of `count` reads captured now, including those of the plates `more`."""
        seen = [*more, *self._random.choices(self._others, k=count - len(more))]
        if self.chance(self._listed_share * count):
            seen[-1] = self.next_listed()
        at = datetime.now(UTC).isoformat().encode()
        first = self._number
        self._number += count
        reads = [
            b'{"source_id":"%d","plate":"%b","region":"US-CA","confidence":0.93,"captured_at":"%b"}'
            % (number, seen[number - first], at)
            for number in range(first, self._number)
        ]
        return b"[" + b",".join(reads) + b"]"
