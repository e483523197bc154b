"""Stores images and packages in a folder or S3, through obstore; a put returns only once it is durable."""

import asyncio
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Protocol, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

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

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import S3Config

wait_at_exit()

T = TypeVar("T")

_KEY = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._/-]{0,500}")
_CHUNK_BYTES = 256 * 1024
_PROBE_BYTES = 4096
_AT_ONCE = 50

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


def open_store(url: str, s3: "S3Config | None" = None) -> ObjectStore:
    """Open the store at `url`: file:///folder (created if absent) or s3://bucket/prefix.

    `s3`: what replaces the AWS_… variables of the environment. Raises: ValueError for another scheme.
    """
    address = urlsplit(url)
    if address.scheme == "file":
        return LocalObjects(Path(address.path))
    if address.scheme == "s3":
        prefix = address.path.strip("/") or None
        return _Objects(S3Store(address.netloc, prefix=prefix, config=s3))
    message = f"an object store is file:// or s3://, not {address.scheme!r}"
    raise ValueError(message)


class _Objects:
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
            await obstore.put_async(self._store, _checked(key), content)
        except (BaseError, OSError) as exc:
            raise Unavailable(Common.OBJECT_NOT_STORED) from exc

    async def get(self, key: str) -> bytes:
        """Return the bytes at `key`."""
        with span("get object", Kind.CLIENT):
            return b"".join([piece async for piece in self.stream(key)])

    async def stream(self, key: str) -> AsyncIterator[bytes]:
        """Yield the bytes at `key`."""
        try:
            found = await obstore.get_async(self._store, _checked(key))
            async for piece in found.stream(min_chunk_size=_CHUNK_BYTES):
                yield bytes(piece)
        except (NotFoundError, FileNotFoundError):
            raise NotFound(Common.OBJECT_MISSING) from None
        except (BaseError, OSError) as exc:
            raise Unavailable(Common.OBJECT_STORE_AWAY) from exc

    async def delete(self, key: str) -> None:
        """Remove `key`; it may be absent."""
        try:
            await obstore.delete_async(self._store, _checked(key))
        except (NotFoundError, FileNotFoundError):
            return
        except (BaseError, OSError) as exc:
            raise Unavailable(Common.OBJECT_STORE_AWAY) from exc

    async def delete_all(self, keys: Sequence[str]) -> frozenset[str]:
        """Remove `keys`, S3's a thousand a request (DeleteObjects). After a failure, remove them one by one."""
        try:
            await obstore.delete_async(self._store, [_checked(key) for key in keys])
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
            found = await obstore.list_with_delimiter_async(self._store, _checked(folder))
        except (BaseError, OSError) as exc:
            raise DependencyDown("the object store does not list") from exc
        folders = sorted(found["common_prefixes"], key=lambda folder: f"{folder}/")
        return Level(folders, sorted(map(_stored, found["objects"])))

    async def page(
        self, folder: str, *, after: str | None = None, limit: int = PAGE
    ) -> list[Stored]:
        """List one page; refuses a server that does not list in the order of keys, as S3 does."""
        listed = obstore.list(self._store, _checked(folder), offset=after, chunk_size=limit)
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


class LocalObjects(_Objects):
    """A folder. obstore's local puts never fsync; these fsync file and folder before they return."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(LocalStore(folder))
        self._folder = folder
        self._threads = ThreadPoolExecutor(16, "objects")

    async def put(self, key: str, data: bytes) -> None:
        """Write a temporary file, fsync it, rename it, fsync its folder."""
        with span("put object", Kind.CLIENT):
            await self._write(key, lambda file: file.write(data))

    async def put_file(self, key: str, path: Path) -> None:
        """Copy a file, written as `put` writes bytes."""

        def copy(file: BinaryIO) -> None:
            with path.open("rb") as source:
                shutil.copyfileobj(source, file, _CHUNK_BYTES)

        await self._write(key, copy)

    async def delete_all(self, keys: Sequence[str]) -> frozenset[str]:
        """Remove files; a missing one counts as removed."""
        call = asyncio.get_running_loop().run_in_executor
        return await call(self._threads, _unlinked, self._folder, keys)

    async def level(self, folder: str) -> Level:
        """List the folder. A file that a crash left half written appears under a name with a dot."""
        path = self._folder / _checked(folder)
        return await self._listed(lambda: _level(path, folder))

    async def page(
        self, folder: str, *, after: str | None = None, limit: int = PAGE
    ) -> list[Stored]:
        """Walk the folder and its subfolders in the order of keys, which obstore's own walk does not."""
        path = self._folder / _checked(folder)
        return await self._listed(lambda: list(islice(_walk(path, folder, after), limit)))

    async def _listed(self, call: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        except OSError as exc:
            raise DependencyDown("the object folder cannot be listed") from exc

    async def _write(self, key: str, write: Callable[[BinaryIO], object]) -> None:
        path = self._folder / _checked(key)
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, _put, path, write)
        except OSError as exc:
            raise Unavailable(Common.OBJECT_NOT_STORED) from exc

    async def ping(self) -> None:
        """Check that the folder accepts a file; a full or read-only disk does not."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, _probe, self._folder)
        except OSError as exc:
            raise DependencyDown("the object folder cannot be written") from exc


def _probe(folder: Path) -> None:
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".ping-") as file:
        file.write(bytes(_PROBE_BYTES))
        file.flush()
        os.fsync(file.fileno())


def _unlinked(folder: Path, keys: Sequence[str]) -> frozenset[str]:
    failed = set()
    for key in keys:
        try:
            (folder / _checked(key)).unlink(missing_ok=True)
        except (NotFound, OSError):
            failed.add(key)
    return frozenset(failed)


def _put(path: Path, write: Callable[[BinaryIO], object]) -> None:
    made = _make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    for folder in (path.parent, *made):
        _fsync_folder(folder)


class _Entry(NamedTuple):
    """A file or folder, with its key, or for a folder the prefix of all keys in it."""

    key: str
    path: Path
    is_folder: bool
    put_at: datetime


def _entries(path: Path, folder: str) -> list[_Entry]:
    """Return the contents of a folder in the order of keys, in which a folder's name ends with `/`."""
    found = []
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                # A name that is not UTF-8 is no key of ours; it is listed, but cannot be read or deleted.
                name = os.fsencode(entry.name).decode(errors="replace")
                is_folder = entry.is_dir(follow_symlinks=False)
                if not is_folder and not entry.is_file(follow_symlinks=False):
                    continue
                try:
                    put_at = datetime.fromtimestamp(entry.stat().st_mtime, UTC)
                except FileNotFoundError:
                    continue  # deleted in the meantime
                key = f"{folder}/{name}{'/' if is_folder else ''}"
                found.append(_Entry(key, path / entry.name, is_folder, put_at))
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(found)


def _level(path: Path, folder: str) -> Level:
    entries = _entries(path, folder)
    return Level(
        [entry.key.rstrip("/") for entry in entries if entry.is_folder],
        [Stored(entry.key, entry.put_at) for entry in entries if not entry.is_folder],
    )


def _walk(path: Path, folder: str, after: str | None) -> Iterator[Stored]:
    """Yield the objects after `after`, skipping folders that are wholly before it."""
    for entry in _entries(path, folder):
        begun = after is not None and after.startswith(entry.key)
        if after is not None and entry.key <= after and not (entry.is_folder and begun):
            continue
        if entry.is_folder:
            yield from _walk(entry.path, entry.key.rstrip("/"), after)
        else:
            yield Stored(entry.key, entry.put_at)


def _make_folder(folder: Path) -> list[Path]:
    """Create `folder`; returns the parents whose new entries must be fsynced too."""
    changed = []
    missing = folder
    while not missing.exists():
        missing = missing.parent
        changed.append(missing)
    folder.mkdir(parents=True, exist_ok=True)
    return changed


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _stored(one: "ObjectMeta") -> Stored:
    return Stored(one["path"], one["last_modified"])


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise NotFound(Common.OBJECT_MISSING)
    return key
