"""Request bodies, taken in piece by piece: refused as soon as they are too large, late or too many."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fastapi import Request
from starlette.requests import ClientDisconnect

from shared.core.errors import Malformed, TooLarge, Unavailable

BUSY_RETRY_S = 2


class InFlight:
    """Counts the bytes of all bodies that this process holds, and takes no more than it may."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self.held_bytes = 0

    @contextmanager
    def body(self) -> Iterator["Held"]:
        """Count one request's body; what it held is free again at the end."""
        held = Held(self)
        try:
            yield held
        finally:
            self.held_bytes -= held.count_bytes

    def take(self, count_bytes: int) -> None:
        """Raises: Unavailable when it would be too much."""
        if self.held_bytes + count_bytes > self._most_bytes:
            raise Unavailable("too much is being taken in", retry_after_s=BUSY_RETRY_S)
        self.held_bytes += count_bytes


class Held:
    """One body's share of what is in flight."""

    def __init__(self, in_flight: InFlight) -> None:
        self._in_flight = in_flight
        self.count_bytes = 0

    def take(self, count_bytes: int) -> None:
        """Count more of it. Raises: Unavailable."""
        self._in_flight.take(count_bytes)
        self.count_bytes += count_bytes


async def pour(
    request: Request,
    into: Callable[[bytes], object],
    held: Held,
    *,
    most_bytes: int,
    within_s: float,
) -> None:
    """Hand a request's body to `into`, piece by piece as it arrives.

    Raises: TooLarge as soon as it is known to be, Malformed when it does not arrive whole in time,
    Unavailable when this process holds too much already.
    """
    check_length(request, most_bytes)
    count_bytes = 0
    try:
        async with asyncio.timeout(within_s):
            async for piece in request.stream():
                count_bytes += len(piece)
                if count_bytes > most_bytes:
                    raise _too_large(most_bytes)
                held.take(len(piece))
                into(piece)
    except TimeoutError:
        raise Malformed(f"the body did not arrive whole within {within_s:g} s") from None
    except ClientDisconnect:
        raise Malformed("the body did not arrive whole") from None


def check_length(request: Request, most_bytes: int) -> None:
    """Refuse a body by what its sender says of it, before any of it is read. Raises: TooLarge."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > most_bytes:
        raise _too_large(most_bytes)


def _too_large(most_bytes: int) -> TooLarge:
    return TooLarge(f"the body has more than {most_bytes} bytes", max_bytes=most_bytes)
