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

MOST_NETWORKS = 10_000
"""The most addresses counted; the least recently used is evicted first."""

FORGIVEN_PER_S = 0.1
"""The rate at which the failures of an address decay: six a minute."""


class _Failures(NamedTuple):
    """The decayed number of failed attempts of an address, and the time of that count."""

    failed: float
    at_s: float


class _Waiting(NamedTuple):
    """One waiting attempt."""

    network: str
    number: int
    turn: asyncio.Future[None]


class SignInQueue:
    """The queue of sign-ins from unknown browsers, `at_once` at a time."""

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
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    @asynccontextmanager
    async def enqueue(self, client_address: str) -> AsyncIterator[None]:
        """Wait for a turn and hold it. The attempt counts as failed until `forgive` is called.

        Raises: TooManyRequests if the queue is full and no address in it has more failures.
        """
        network = network_of(client_address)
        self._count(network)
        await self._wait(network)
        try:
            yield
        finally:
            self._release()

    def forgive(self, client_address: str) -> None:
        """Uncount one attempt of an address after its success."""
        network = network_of(client_address)
        if (failures := self._failures.get(network)) is not None:
            self._failures[network] = failures._replace(failed=max(0.0, failures.failed - 1))

    def _count(self, network: str) -> float:
        """Count one attempt, and return the decayed count before it."""
        now_s = self._monotonic()
        last = self._failures.pop(network, _Failures(0.0, now_s))
        before = max(0.0, last.failed - (now_s - last.at_s) * FORGIVEN_PER_S)
        self._failures[network] = _Failures(before + 1, now_s)
        if len(self._failures) > MOST_NETWORKS:
            self._failures.popitem(last=False)
        return before

    def _place_in_line(self, waiting: _Waiting) -> tuple[float, int]:
        """Return the sort key of a waiting attempt: the failures of its address now, then its arrival.

        Uses the current count: later attempts of a flood also push back its first ones, already in the queue.
        """
        failures = self._failures.get(waiting.network)
        return (failures.failed if failures is not None else 0.0, waiting.number)

    async def _wait(self, network: str) -> None:
        if self._free:
            self._free -= 1
            return
        self._number += 1
        one = _Waiting(network, self._number, asyncio.get_running_loop().create_future())
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
                self._release()  # the cancelled attempt already had its turn
            raise

    def _release(self) -> None:
        """Give the turn to the next waiting attempt, or free it."""
        if not self._waiting:
            self._free += 1
            return
        first = min(self._waiting, key=self._place_in_line)
        self._waiting.remove(first)
        first.turn.set_result(None)
