"""Images and packages: a folder or S3, through obstore; a put returns only when it is safe."""

import asyncio
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import urlsplit
from uuid import uuid4

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, S3Store

from shared.errors import NotFound, Unavailable

_KEY = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._/-]{0,500}")
_CHUNK_BYTES = 256 * 1024
_PROBE_BYTES = 4096


class ObjectStore(Protocol):
    """Where bytes are kept by key. Keys are ours: letters, digits, `._-/`, never a plate."""

    async def put(self, key: str, data: bytes) -> None:
        """Keep `data`; durable when this returns. Raises: Unavailable."""
        ...

    async def put_file(self, key: str, path: Path) -> None:
        """Keep the content of a file, in pieces; durable when this returns. Raises: Unavailable."""
        ...

    async def get(self, key: str) -> bytes:
        """Return the bytes at `key`. Raises: NotFound, Unavailable."""
        ...

    def stream(self, key: str) -> AsyncIterator[bytes]:
        """Yield the bytes at `key` in pieces. Raises: NotFound, Unavailable."""
        ...

    async def delete(self, key: str) -> None:
        """Remove `key` if it is there. Raises: Unavailable."""
        ...

    async def ping(self) -> None:
        """Return if the store answers. Raises: Unavailable."""
        ...


def open_store(url: str) -> ObjectStore:
    """Return the store at `url`: file:///folder (made if absent) or s3://bucket/prefix."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return LocalObjects(Path(parts.path))
    if parts.scheme == "s3":
        prefix = parts.path.strip("/") or None
        return _Objects(S3Store(parts.netloc, prefix=prefix))
    message = f"an object store is file:// or s3://, not {parts.scheme!r}"
    raise ValueError(message)


class _Objects:
    """Any store that obstore opens; S3 answers a put only when the object is durable."""

    def __init__(self, store: LocalStore | S3Store) -> None:
        self._store = store

    async def put(self, key: str, data: bytes) -> None:
        """Keep `data` at `key`."""
        try:
            await obstore.put_async(self._store, _checked(key), data)
        except (BaseError, OSError) as exc:
            raise Unavailable("the object store did not take it") from exc

    async def put_file(self, key: str, path: Path) -> None:
        """Keep the content of a file at `key`; a large one goes up in parts."""
        try:
            await obstore.put_async(self._store, _checked(key), path)
        except (BaseError, OSError) as exc:
            raise Unavailable("the object store did not take it") from exc

    async def get(self, key: str) -> bytes:
        """Return the bytes at `key`."""
        return b"".join([piece async for piece in self.stream(key)])

    async def stream(self, key: str) -> AsyncIterator[bytes]:
        """Yield the bytes at `key`."""
        try:
            found = await obstore.get_async(self._store, _checked(key))
            async for piece in found.stream(min_chunk_size=_CHUNK_BYTES):
                yield bytes(piece)
        except (NotFoundError, FileNotFoundError):
            raise NotFound("no such object") from None
        except (BaseError, OSError) as exc:
            raise Unavailable("the object store does not answer") from exc

    async def delete(self, key: str) -> None:
        """Remove `key`; absent is fine."""
        try:
            await obstore.delete_async(self._store, _checked(key))
        except (NotFoundError, FileNotFoundError):
            return
        except (BaseError, OSError) as exc:
            raise Unavailable("the object store does not answer") from exc

    async def ping(self) -> None:
        """Look for a key that need not be there."""
        try:
            await obstore.head_async(self._store, "ping")
        except (NotFoundError, FileNotFoundError):
            return
        except (BaseError, OSError) as exc:
            raise Unavailable("the object store does not answer") from exc


class LocalObjects(_Objects):
    """A folder. obstore's own local puts never fsync; these do, file and folder, before they return."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(LocalStore(folder))
        self._folder = folder
        self._threads = ThreadPoolExecutor(16, "objects")

    async def put(self, key: str, data: bytes) -> None:
        """Write a temporary file, fsync it, rename it, fsync its folder."""
        await self._keep(key, lambda file: file.write(data))

    async def put_file(self, key: str, path: Path) -> None:
        """Copy a file as `put` writes its bytes."""

        def copy(file: BinaryIO) -> None:
            with path.open("rb") as source:
                shutil.copyfileobj(source, file, _CHUNK_BYTES)

        await self._keep(key, copy)

    async def _keep(self, key: str, write: Callable[[BinaryIO], object]) -> None:
        path = self._folder / _checked(key)
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, _put, path, write)
        except OSError as exc:
            raise Unavailable("the object store did not take it") from exc

    async def ping(self) -> None:
        """The folder is there and takes a file: a full disk, or one mounted read-only, does not."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, _probe, self._folder)
        except OSError as exc:
            raise Unavailable("the object folder cannot be written") from exc


def _probe(folder: Path) -> None:
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".ping-") as file:
        file.write(bytes(_PROBE_BYTES))
        file.flush()
        os.fsync(file.fileno())


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


def _make_folder(folder: Path) -> list[Path]:
    """Make `folder`; return the parents whose new entries must be fsynced too."""
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


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise NotFound("no such object")
    return key
