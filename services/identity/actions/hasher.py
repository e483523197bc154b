"""Hashes passwords with argon2id (RFC 9106), off the event loop and a bounded number at a time."""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.identity.domain.problem_codes import Code
from shared.core.errors import TooManyRequests

T = TypeVar("T")

MAX_WAITING = 32
"""The most sign-ins at once; further ones get 429, so that memory and waiting stay bounded."""

MAX_KNOWN_WAITING = 16
"""The same for known browsers and sessions, so that a flood of others does not block them (ADR-0033)."""


class Hasher:
    """Hashes and verifies passwords in threads; argon2 releases the interpreter lock.

    Callers that pass `known` share one further thread besides the `workers`.
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
        """Return whether `password` matches `hashed`; None, for an unknown person, takes as long.

        Raises: TooManyRequests.
        """
        same = await self._lane(known).run(self._same, hashed or self._dummy, password)
        return same and hashed is not None

    def is_outdated(self, hashed: str) -> bool:
        """Return whether `hashed` was made with other costs than today's."""
        return self._argon2.check_needs_rehash(hashed)

    def close(self) -> None:
        """Shut the threads down."""
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
    """Threads, and a bound on the calls that wait for them."""

    def __init__(self, workers: int, most: int, name: str) -> None:
        self.pool = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._most = most
        self._waiting = 0

    async def run(self, work: Callable[..., T], *args: str) -> T:
        """Run `work` in a thread and return its result. Raises: TooManyRequests."""
        if self._waiting >= self._most:
            raise TooManyRequests(Code.SIGN_IN_BUSY, retry_after_s=2)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self.pool, work, *args)
        finally:
            self._waiting -= 1
