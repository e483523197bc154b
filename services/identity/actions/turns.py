"""Queues sign-ins from unknown browsers: a few at a time, addresses with the fewest failures first.

Before its turn an attempt costs one counter lookup: no query, no hash. So a flood delays itself, and a person at
a new browser, whose address has not failed, comes before it (ADR-0033). Each process counts separately, in
bounded memory.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from services.identity.domain.problem_codes import Code
from shared.core.errors import TooManyRequests
from shared.limits.refusals import network_of

MAX_WAITING = 32
"""The most waiting attempts; past it the last in line gets 429, so that memory and waiting stay bounded."""

MOST_PLACES = 10_000
"""The most addresses counted; the least recently used is evicted first."""

FORGIVEN_PER_S = 0.1
"""The rate at which the failures of an address decay: six a minute."""


class _Asked(NamedTuple):
    """The decayed number of failed attempts of an address, and the time of that count."""

    in_vain: float
    at_s: float


class _Waiting(NamedTuple):
    """One waiting attempt."""

    place: str
    number: int
    turn: asyncio.Future[None]


class Turns:
    """Turns for sign-ins from unknown browsers, `at_once` at a time."""

    def __init__(
        self,
        at_once: int,
        *,
        most_waiting: int = MAX_WAITING,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._free = at_once
        self._most_waiting = most_waiting
        self._monotonic = monotonic
        self._waiting: list[_Waiting] = []
        self._number = 0
        self._asked: OrderedDict[str, _Asked] = OrderedDict()

    @asynccontextmanager
    async def turn(self, client_address: str) -> AsyncIterator[None]:
        """Wait for a turn and hold it. The attempt counts as failed until `right` is called.

        Raises: TooManyRequests if the queue is full and no address in it has more failures.
        """
        place = network_of(client_address)
        self._count(place)
        await self._come(place)
        try:
            yield
        finally:
            self._go()

    def right(self, client_address: str) -> None:
        """Uncount one attempt of an address after its success."""
        place = network_of(client_address)
        if (asked := self._asked.get(place)) is not None:
            self._asked[place] = asked._replace(in_vain=max(0.0, asked.in_vain - 1))

    def _count(self, place: str) -> float:
        """Count one attempt, and return the decayed count before it."""
        now_s = self._monotonic()
        last = self._asked.pop(place, _Asked(0.0, now_s))
        before = max(0.0, last.in_vain - (now_s - last.at_s) * FORGIVEN_PER_S)
        self._asked[place] = _Asked(before + 1, now_s)
        if len(self._asked) > MOST_PLACES:
            self._asked.popitem(last=False)
        return before

    def _place_in_line(self, waiting: _Waiting) -> tuple[float, int]:
        """Return the sort key of a waiting attempt: the failures of its address now, then its arrival.

        Uses the current count: later attempts of a flood also push back its first ones, already in the queue.
        """
        asked = self._asked.get(waiting.place)
        return (asked.in_vain if asked is not None else 0.0, waiting.number)

    async def _come(self, place: str) -> None:
        if self._free:
            self._free -= 1
            return
        self._number += 1
        one = _Waiting(place, self._number, asyncio.get_running_loop().create_future())
        self._waiting.append(one)
        if len(self._waiting) > self._most_waiting:
            # Drop the newest of the address with most failures; its older attempts stay.
            last = max(self._waiting, key=self._place_in_line)
            self._waiting.remove(last)
            last.turn.set_exception(TooManyRequests(Code.SIGN_IN_BUSY, retry_after_s=2))
        try:
            await one.turn
        except asyncio.CancelledError:
            if one in self._waiting:
                self._waiting.remove(one)
            elif one.turn.done() and not one.turn.cancelled() and one.turn.exception() is None:
                self._go()  # the cancelled attempt already had its turn
            raise

    def _go(self) -> None:
        """Give the turn to the next waiting attempt, or free it."""
        if not self._waiting:
            self._free += 1
            return
        first = min(self._waiting, key=self._place_in_line)
        self._waiting.remove(first)
        first.turn.set_result(None)
