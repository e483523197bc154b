"""What an object store does: keeps images and packages as bytes by key. A put returns only once it is durable."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from shared.core.errors import NotFound, Unavailable
from shared.core.problem_codes import Common
from shared.core.spans import Kind, span

_KEY = re.compile(r"(?!.*(?:\.\.|/\.?(?:/|$)))[A-Za-z0-9][A-Za-z0-9._/-]{0,500}")
"""Without `//`, `/./` or an end of this kind: a folder has the object of another key there, and S3's client fails."""

CHUNK_BYTES = 256 * 1024
"""Least size of the pieces in which an object is read and written."""

PAGE = 1000
"""Objects in one page of S3's listing."""


class Stored(NamedTuple):
    """An object in a listing."""

    key: str
    put_at: datetime
    """Time of the last put, by the store's clock, UTC."""


class Level(NamedTuple):
    """Direct contents of a folder: whole paths, each list in the order of keys."""

    folders: list[str]
    objects: list[Stored]


class ObjectStore(Protocol):
    """Stores bytes by key. We choose the keys: letters, digits, `._-/`, never a plate."""

    async def put(self, key: str, data: bytes) -> None:
        """Store `data`; durable on return. Raises: Unavailable."""
        ...

    async def put_file(self, key: str, path: Path) -> None:
        """Store the content of a file, in pieces; durable on return. Raises: Unavailable."""
        ...

    async def get(self, key: str) -> bytes:
        """Return the bytes at `key`. Raises: NotFound, Unavailable."""
        ...

    def stream(self, key: str) -> AsyncIterator[bytes]:
        """Yield the bytes at `key` in pieces. Raises: NotFound, Unavailable."""
        ...

    async def delete(self, key: str) -> None:
        """Remove `key` if it exists. Raises: Unavailable."""
        ...

    async def delete_all(self, keys: Sequence[str]) -> frozenset[str]:
        """Remove the keys that exist, in few requests; return those that could not be removed."""
        ...

    async def level(self, folder: str) -> Level:
        """Return the direct contents of a folder; empty if it does not exist. Raises: Unavailable.

        A listing shows all keys in the store, also those that `put` would refuse.
        """
        ...

    async def page(
        self, folder: str, *, after: str | None = None, limit: int = PAGE
    ) -> list[Stored]:
        """Return the first `limit` objects after `after`, by key, in a folder and its subfolders.

        Fewer than `limit` means the end. Raises: Unavailable.
        """
        ...

    async def ping(self) -> None:
        """Return if the store answers. Raises: Unavailable."""
        ...


@asynccontextmanager
async def in_time(seconds: float, refusal: Unavailable) -> AsyncIterator[None]:
    """Limit the wait for a store, which may take minutes to give up when a server answers nothing.

    Raises: Unavailable, the `refusal`, after `seconds`; a put may then be done all the same.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise refusal from None


async def fetched(objects: ObjectStore, key: str, within_s: float) -> bytes:
    """Return the bytes at `key`. Raises: Unavailable once no more of them has come for `within_s`; NotFound."""
    pieces: list[bytes] = []
    with span("get object", Kind.CLIENT):
        stream = aiter(objects.stream(key))
        while True:
            async with in_time(within_s, Unavailable(Common.OBJECT_STORE_AWAY)):
                piece = await anext(stream, None)
            if piece is None:
                return b"".join(pieces)
            pieces.append(piece)


def checked(key: str) -> str:
    """Return a key. Raises: NotFound for one that no store of ours has."""
    if not _KEY.fullmatch(key):
        raise NotFound(Common.OBJECT_MISSING)
    return key
