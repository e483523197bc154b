"""Waits at the start for a store that is slow to come up, instead of exiting to be restarted."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from shared.core.errors import Unavailable

log = logging.getLogger(__name__)

T = TypeVar("T")

FIRST_PAUSE_S, MAX_PAUSE_S = 0.5, 5.0


async def patiently(
    waiter: str, store: str, connect: Callable[[], Awaitable[T]], *, within_s: float
) -> T:
    """Return the result of `connect`, retrying for up to `within_s` while the store does not answer.

    Args:
        waiter: the waiting service's name in log lines.
        store: the store's name in log lines.

    Raises: Unavailable if the store does not come up.
    """
    loop = asyncio.get_running_loop()
    until, pause_s = loop.time() + within_s, FIRST_PAUSE_S
    while True:
        try:
            return await connect()
        except Unavailable as exc:
            if loop.time() + pause_s > until:
                raise
            log.warning("%s waits for %s: %s", waiter, store, exc.detail)
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, MAX_PAUSE_S)
