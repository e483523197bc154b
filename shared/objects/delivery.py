"""Streams a package and verifies its digest; sends the last piece only if the digest is right."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from hashlib import sha256

from shared.core.errors import Unavailable
from shared.core.problem_codes import Common

log = logging.getLogger(__name__)


async def opened(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Fetch the first piece, then return all `pieces`, so that a missing object fails before the answer begins.

    Raises: NotFound, Unavailable.
    """
    first = await anext(pieces, b"")

    async def all_of_it() -> AsyncIterator[bytes]:
        yield first
        async for piece in pieces:
            yield piece

    return all_of_it()


async def sealed(
    pieces: AsyncIterator[bytes],
    expected_sha256: str,
    receipt: Callable[[], Awaitable[None]],
    still: Callable[[], None],
) -> AsyncIterator[bytes]:
    """Yield `pieces`; yields the last one only once the whole digest is right and `receipt` is stored.

    `still` raises what ends the download before each piece: the recipient's account has ended meanwhile.

    Raises: Unavailable if the digest differs, and what `still` raises; the recipient then has a truncated body.
    """
    digest = sha256()
    held: bytes | None = None
    async for piece in pieces:
        digest.update(piece)
        still()
        if held is not None:
            yield held
        held = piece
    still()
    if digest.hexdigest() != expected_sha256:
        log.error(
            "a package in the object store differs from the one that was built: not delivered"
        )
        raise Unavailable(Common.PACKAGE_CHANGED)
    await receipt()
    if held is not None:
        yield held
