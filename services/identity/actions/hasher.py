"""Passwords hashed with argon2id (RFC 9106), off the event loop and only so many at a time."""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from shared.core.errors import TooManyRequests

T = TypeVar("T")

MAX_WAITING = 32
"""More than this many sign-ins at once are turned away, so that memory and waiting stay bounded."""

MAX_KNOWN_WAITING = 16
"""The same for browsers and sessions that are known: a flood of others does not stop them (ADR-0033)."""


class Hasher:
    """Hashes and verifies; argon2 lets go of the interpreter lock, so threads do.

    Who is `known` has a thread of their own, besides the `workers` of everybody.
    """

    def __init__(self, *, memory_kib: int, time_cost: int, workers: int) -> None:
        self._argon2 = PasswordHasher(memory_cost=memory_kib, time_cost=time_cost, parallelism=1)
        self._dummy = self._argon2.hash(secrets.token_urlsafe())
        self._everybody = _Lane(workers, MAX_WAITING, "argon2")
        self._known = _Lane(1, MAX_KNOWN_WAITING, "argon2-known")

    async def hash(self, password: str, *, known: bool = False) -> str:
        """Return the hash of `password` with its salt and costs. Raises: TooManyRequests."""
        return await self._lane(known).run(self._argon2.hash, password)

    async def verify(self, hashed: str | None, password: str, *, known: bool = False) -> bool:
        """Return whether `password` is the one hashed; None takes as long, for people unknown.

        Raises: TooManyRequests.
        """
        same = await self._lane(known).run(self._same, hashed or self._dummy, password)
        return same and hashed is not None

    def is_outdated(self, hashed: str) -> bool:
        """Return whether `hashed` was made with other costs than today's."""
        return self._argon2.check_needs_rehash(hashed)

    def close(self) -> None:
        """Let the threads go."""
        for lane in (self._everybody, self._known):
            lane.pool.shutdown(wait=False, cancel_futures=True)

    def _lane(self, known: bool) -> "_Lane":
        return self._known if known else self._everybody

    def _same(self, hashed: str, password: str) -> bool:
        try:
            return self._argon2.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False


class _Lane:
    """Threads, and how many may wait for them."""

    def __init__(self, workers: int, most: int, name: str) -> None:
        self.pool = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._most = most
        self._waiting = 0

    async def run(self, work: Callable[..., T], *args: str) -> T:
        """Return what `work` gives. Raises: TooManyRequests."""
        if self._waiting >= self._most:
            raise TooManyRequests("too many people sign in at once", retry_after_s=2)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self.pool, work, *args)
        finally:
            self._waiting -= 1
