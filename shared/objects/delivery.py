"""A package on its way out: checked while it streams, and its last piece held back until it is right."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from hashlib import sha256

from shared.core.errors import Unavailable

log = logging.getLogger(__name__)


async def opened(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Return `pieces` with the first one in hand. Raises: NotFound, Unavailable if there is none."""
    first = await anext(pieces, b"")

    async def all_of_it() -> AsyncIterator[bytes]:
        yield first
        async for piece in pieces:
            yield piece

    return all_of_it()


async def sealed(
    pieces: AsyncIterator[bytes], expected_sha256: str, receipt: Callable[[], Awaitable[None]]
) -> AsyncIterator[bytes]:
    """Yield `pieces`; the last one only when the digest of all is right and `receipt` is on file.

    Raises: Unavailable when the digest is another one; the recipient then holds a truncated body.
    """
    digest = sha256()
    held: bytes | None = None
    async for piece in pieces:
        digest.update(piece)
        if held is not None:
            yield held
        held = piece
    if digest.hexdigest() != expected_sha256:
        log.error("a package in the object store is not the one that was built; it was held back")
        raise Unavailable("the package in the object store is not the one that was built")
    await receipt()
    if held is not None:
        yield held
