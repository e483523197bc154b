"""Objects in any store that obstore opens, such as S3."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import (
    BaseError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from obstore.store import LocalStore, S3Store

from shared.core.errors import DependencyDown, NotFound, Unavailable
from shared.core.problem_codes import Common
from shared.core.spans import Kind, span
from shared.objects.ending import wait_at_exit
from shared.objects.rights import PING
from shared.objects.store import CHUNK_BYTES, PAGE, Level, Stored, checked

if TYPE_CHECKING:
    from obstore import ObjectMeta

wait_at_exit()

_AT_ONCE = 50


class ObstoreObjects:
    """Any store that obstore opens; S3 answers a put only once the object is durable."""

    def __init__(self, store: LocalStore | S3Store) -> None:
        self._store = store

    async def put(self, key: str, data: bytes) -> None:
        """Store `data` at `key`."""
        with span("put object", Kind.CLIENT):
            await self._put(key, data)

    async def put_file(self, key: str, path: Path) -> None:
        """Store the content of a file at `key`; uploads a large one in parts."""
        await self._put(key, path)

    async def _put(self, key: str, content: bytes | Path) -> None:
        try:
            await obstore.put_async(self._store, checked(key), content)
        except (BaseError, OSError) as exc:
            raise Unavailable(Common.OBJECT_NOT_STORED) from exc

    async def get(self, key: str) -> bytes:
        """Return the bytes at `key`."""
        with span("get object", Kind.CLIENT):
            return b"".join([piece async for piece in self.stream(key)])

    async def stream(self, key: str) -> AsyncIterator[bytes]:
        """Yield the bytes at `key`."""
        try:
            found = await obstore.get_async(self._store, checked(key))
            async for piece in found.stream(min_chunk_size=CHUNK_BYTES):
                yield bytes(piece)
        except (NotFoundError, FileNotFoundError):
            raise NotFound(Common.OBJECT_MISSING) from None
        except (BaseError, OSError) as exc:
            raise Unavailable(Common.OBJECT_STORE_AWAY) from exc

    async def delete(self, key: str) -> None:
        """Remove `key`; it may be absent."""
        try:
            await obstore.delete_async(self._store, checked(key))
        except (NotFoundError, FileNotFoundError):
            return
        except (BaseError, OSError) as exc:
            raise Unavailable(Common.OBJECT_STORE_AWAY) from exc

    async def delete_all(self, keys: Sequence[str]) -> frozenset[str]:
        """Remove `keys`, S3's a thousand a request (DeleteObjects). After a failure, remove them one by one."""
        try:
            await obstore.delete_async(self._store, [checked(key) for key in keys])
        except (NotFound, BaseError, OSError):
            return await self._delete_each(keys)
        return frozenset()

    async def _delete_each(self, keys: Sequence[str]) -> frozenset[str]:
        """Remove `keys` one by one; return those that could not be removed. Ends early if none of the first can be."""
        failed: set[str] = set()
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            results = await asyncio.gather(*map(self.delete, some), return_exceptions=True)
            failed |= {key for key, found in zip(some, results, strict=True) if found is not None}
            if len(failed) == start + len(some):
                return frozenset(keys)  # the store is down: spare it the rest
        return frozenset(failed)

    async def level(self, folder: str) -> Level:
        """List up to the next delimiter."""
        try:
            found = await obstore.list_with_delimiter_async(self._store, checked(folder))
        except (BaseError, OSError) as exc:
            raise DependencyDown("the object store does not list") from exc
        folders = sorted(found["common_prefixes"], key=lambda folder: f"{folder}/")
        return Level(folders, sorted(map(_stored, found["objects"])))

    async def page(
        self, folder: str, *, after: str | None = None, limit: int = PAGE
    ) -> list[Stored]:
        """List one page; refuses a server that does not list in the order of keys, as S3 does."""
        listed = obstore.list(self._store, checked(folder), offset=after, chunk_size=limit)
        found: list[Stored] = []
        try:
            async for part in listed:
                found = [_stored(one) for one in part]
                break
        except (BaseError, OSError) as exc:
            raise DependencyDown("the object store does not list") from exc
        keys = [one.key for one in found]
        if any(a >= b for a, b in pairwise(keys if after is None else [after, *keys])):
            raise DependencyDown("the object store does not list in the order of keys")
        return found

    async def ping(self) -> None:
        """Request an object that every service may read; a store that reports it missing has answered, too."""
        try:
            await obstore.head_async(self._store, PING)
        except (NotFoundError, FileNotFoundError):
            return
        except (PermissionDeniedError, UnauthenticatedError) as exc:
            raise DependencyDown(
                f"the object store refuses this service's key, or has no object {PING!r}"
            ) from exc
        except (BaseError, OSError) as exc:
            raise Unavailable(Common.OBJECT_STORE_AWAY) from exc


def _stored(one: "ObjectMeta") -> Stored:
    return Stored(one["path"], one["last_modified"])
