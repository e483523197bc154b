"""Objects in a folder, durable as soon as a put returns."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import BinaryIO, NamedTuple, TypeVar
from uuid import uuid4

from obstore.store import LocalStore

from shared.core.errors import DependencyDown, NotFound, Unavailable
from shared.core.problem_codes import Common
from shared.core.spans import Kind, span
from shared.objects.obstore_objects import ObstoreObjects
from shared.objects.store import CHUNK_BYTES, PAGE, Level, Stored, checked

T = TypeVar("T")

_PROBE_BYTES = 4096

_making = Lock()
"""Held while folders are created: no put returns that needs a folder which a crash could still lose."""
_unsynced = set[Path]()
"""Folders with new entries that may not be on the disk yet. If an fsync fails, the next put tries again."""


class LocalObjects(ObstoreObjects):
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
                shutil.copyfileobj(source, file, CHUNK_BYTES)

        await self._write(key, copy)

    async def delete_all(self, keys: Sequence[str]) -> frozenset[str]:
        """Remove files; a missing one counts as removed."""
        call = asyncio.get_running_loop().run_in_executor
        return await call(self._threads, _unlinked, self._folder, keys)

    async def level(self, folder: str) -> Level:
        """List the folder. A file that a crash left half written appears under a name with a dot."""
        path = self._folder / checked(folder)
        return await self._listed(lambda: _level(path, folder))

    async def page(
        self, folder: str, *, after: str | None = None, limit: int = PAGE
    ) -> list[Stored]:
        """Walk the folder and its subfolders in the order of keys, which obstore's own walk does not."""
        path = self._folder / checked(folder)
        return await self._listed(lambda: list(islice(_walk(path, folder, after), limit)))

    async def _listed(self, call: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        except OSError as exc:
            raise DependencyDown("the object folder cannot be listed") from exc

    async def _write(self, key: str, write: Callable[[BinaryIO], object]) -> None:
        path = self._folder / checked(key)
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
            (folder / checked(key)).unlink(missing_ok=True)
        except (IsADirectoryError, NotADirectoryError):
            continue  # there is a folder, or an object in the way: none with this key
        except (NotFound, OSError):
            failed.add(key)
    return frozenset(failed)


def _put(path: Path, write: Callable[[BinaryIO], object]) -> None:
    _make_folder(path.parent)
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
    _fsync_folder(path.parent)


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


def _make_folder(folder: Path) -> None:
    """Create `folder`, and fsync the parents that have new entries; a put beside this one waits until then."""
    with _making:
        missing = folder
        while not missing.exists():
            missing = missing.parent
            _unsynced.add(missing)
        folder.mkdir(parents=True, exist_ok=True)
        for parent in _unsynced.intersection(folder.parents):
            _fsync_folder(parent)
            _unsynced.discard(parent)


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
