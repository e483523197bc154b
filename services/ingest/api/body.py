"""Request bodies, taken in piece by piece: refused as soon as they are too large, late or too many."""

import asyncio
from collections.abc import Callable

from fastapi import Request
from starlette.requests import ClientDisconnect

from services.ingest.domain.in_flight import Held
from shared.core.errors import Malformed, TooLarge


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
