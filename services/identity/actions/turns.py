"""Who of the strangers at sign-in is next: few at a time, and those first whose address has failed least.

A stranger costs nothing before their turn but a look at a counter: no query, no hash. So a flood waits for
itself, and somebody at a new browser, whose address has not failed, is ahead of it (ADR-0033). Counted by each
process for itself, in bounded memory.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from shared.core.errors import TooManyRequests
from shared.limits.refusals import place_of

MAX_WAITING = 32
"""More strangers than this do not wait: memory and waiting stay bounded."""

MOST_PLACES = 10_000
"""Addresses that are counted; the one longest unused is forgotten first."""

FORGIVEN_PER_S = 0.1
"""What an address has asked in vain counts for less with time: six a minute are forgiven."""


class _Asked(NamedTuple):
    """What an address has asked in vain so far, and when that was reckoned."""

    in_vain: float
    at_s: float


class _Waiting(NamedTuple):
    """Somebody who waits."""

    place: str
    number: int
    turn: asyncio.Future[None]


class Turns:
    """Turns at the door for strangers, `at_once` at a time."""

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
        """Wait for a turn and have it. Who does not say that they were `right` has asked in vain.

        Raises: TooManyRequests where as many wait already, and none at an address that has failed more.
        """
        place = place_of(client_address)
        self._count(place)
        await self._come(place)
        try:
            yield
        finally:
            self._go()

    def right(self, client_address: str) -> None:
        """Take back that somebody asked in vain: they signed in."""
        place = place_of(client_address)
        if (asked := self._asked.get(place)) is not None:
            self._asked[place] = asked._replace(in_vain=max(0.0, asked.in_vain - 1))

    def _count(self, place: str) -> float:
        """Count one more, and return how many an address asked in vain before."""
        now_s = self._monotonic()
        last = self._asked.pop(place, _Asked(0.0, now_s))
        before = max(0.0, last.in_vain - (now_s - last.at_s) * FORGIVEN_PER_S)
        self._asked[place] = _Asked(before + 1, now_s)
        if len(self._asked) > MOST_PLACES:
            self._asked.popitem(last=False)
        return before

    def _place_in_line(self, waiting: _Waiting) -> tuple[float, int]:
        """Return what people come to their turn by: what their address has asked in vain by now, then their order.

        By now: of a flood's first guesses, which wait with everybody else, the others of the flood tell.
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
            # The newest of the worst: who waits at the same address for longer stays.
            last = max(self._waiting, key=self._place_in_line)
            self._waiting.remove(last)
            last.turn.set_exception(
                TooManyRequests("too many people sign in at once", retry_after_s=2)
            )
        try:
            await one.turn
        except asyncio.CancelledError:
            if one in self._waiting:
                self._waiting.remove(one)
            elif one.turn.done() and not one.turn.cancelled() and one.turn.exception() is None:
                self._go()  # it had come to its turn
            raise

    def _go(self) -> None:
        """Pass a turn on."""
        if not self._waiting:
            self._free += 1
            return
        first = min(self._waiting, key=self._place_in_line)
        self._waiting.remove(first)
        first.turn.set_result(None)
