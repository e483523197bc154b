"""Bounds the heavy searches that one process runs at once, so that light ones keep their time (ADR-0064)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import ceil

from prometheus_client import Counter, Gauge

from services.retention.domain.problem_codes import Code
from services.retention.store.search import PAGE_S
from shared.core.errors import Unavailable

MOST_WAITING = 16
"""The most heavy searches of a process that wait for their turn."""

RUNNING = Gauge("alpr_heavy_searches_running", "Heavy searches that run in this process")
WAITING = Gauge("alpr_heavy_searches_waiting", "Heavy searches that wait for their turn")
BUSY = Counter("alpr_heavy_searches_busy", "Heavy searches refused because too many waited")


class HeavySearches:
    """The turns of the heavy searches of one process, in the order in which they ask for one."""

    def __init__(self, at_once: int, *, most_waiting: int = MOST_WAITING) -> None:
        self._at_once = at_once
        self._most_waiting = most_waiting
        self._turns = asyncio.Semaphore(at_once)
        self._waiting = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn and hold it in this context. The caller must hold no connection while it waits.

        Raises: Unavailable if too many wait already.
        """
        if self._turns.locked() and self._waiting >= self._most_waiting:
            BUSY.inc()
            raise Unavailable(Code.SEARCHES_BUSY, retry_after_s=self._wait_s)
        self._waiting += 1
        with WAITING.track_inprogress():
            try:
                await self._turns.acquire()
            finally:
                self._waiting -= 1
        try:
            with RUNNING.track_inprogress():
                yield
        finally:
            self._turns.release()

    @property
    def _wait_s(self) -> int:
        """How long those who wait now take at most, about."""
        return ceil(self._waiting / self._at_once * PAGE_S)
