"""The objects of backups: each content once, under its SHA-256, so that a further backup copies only what is new."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from local.backup.manifest import POOL, ObjectLine, StoredFile
from shared.core.errors import InternalFault, NotFound
from shared.objects.rights import RIGHTS
from shared.objects.store import PAGE, ObjectStore, Stored

PREFIXES = sorted({prefix.rstrip("/") for rights in RIGHTS.values() for prefix in rights})
"""The folders of the object store."""

AT_ONCE = 8
IN_MEMORY_BYTES = 4_000_000
"""A larger object goes through a file."""


@dataclass(frozen=True)
class Content:
    """The content of an object or file, in memory or in a temporary file."""

    sha256: str
    size_bytes: int
    data: bytes | Path

    async def put(self, store: ObjectStore, key: str) -> None:
        """Store it. Raises: Unavailable."""
        if isinstance(self.data, Path):
            await store.put_file(key, self.data)
        else:
            await store.put(key, self.data)

    def copy_to(self, path: Path) -> None:
        """Write it to a file."""
        if isinstance(self.data, Path):
            shutil.copyfile(self.data, path)
        else:
            path.write_bytes(self.data)


@asynccontextmanager
async def content_of(store: ObjectStore, key: str) -> AsyncIterator[Content]:
    """Read an object whole. Raises: NotFound, Unavailable."""
    digest, size_bytes, pieces = sha256(), 0, list[bytes]()
    with ExitStack() as stack:
        file: IO[bytes] | None = None
        async for piece in store.stream(key):
            digest.update(piece)
            size_bytes += len(piece)
            pieces.append(piece)
            if size_bytes > IN_MEMORY_BYTES:
                if file is None:
                    file = stack.enter_context(NamedTemporaryFile(prefix="plateward-"))
                file.writelines(pieces)
                pieces.clear()
        if file is None:
            yield Content(digest.hexdigest(), size_bytes, b"".join(pieces))
        else:
            file.flush()
            yield Content(digest.hexdigest(), size_bytes, Path(file.name))


def place_of(digest: str) -> str:
    """Return the key of a content in the pool."""
    return f"{POOL}/{digest[:2]}/{digest}"


async def listed(store: ObjectStore, folder: str) -> AsyncIterator[list[Stored]]:
    """Yield the objects of a folder in pages. Raises: Unavailable."""
    after: str | None = None
    while page := await store.page(folder, after=after):
        yield page
        if len(page) < PAGE:
            return
        after = page[-1].key


async def pooled(target: ObjectStore) -> set[str]:
    """Return the digests of the contents in the pool. Raises: Unavailable."""
    return {one.key.rpartition("/")[2] async for page in listed(target, POOL) for one in page}


class Copier:
    """Copies the objects that the pool lacks."""

    def __init__(
        self,
        source: ObjectStore,
        target: ObjectStore,
        before: Mapping[str, ObjectLine],
        there: set[str],
    ) -> None:
        """`before`: the list of an earlier backup by key; `there`: the digests in the pool."""
        self._source = source
        self._target = target
        self._before = before
        self._there = there
        self.new = 0
        """Contents that were added to the pool."""

    async def copy_all(self) -> list[ObjectLine]:
        """Copy all objects; return their list, by key. Raises: Unavailable."""
        lines = list[ObjectLine]()
        for prefix in PREFIXES:
            async for page in listed(self._source, prefix):
                for start in range(0, len(page), AT_ONCE):
                    found = await asyncio.gather(*map(self._line, page[start : start + AT_ONCE]))
                    lines += [line for line in found if line is not None]
        return sorted(lines, key=lambda line: line.key)

    async def _line(self, one: Stored) -> ObjectLine | None:
        """Return an object's line; None if a purge deleted it meanwhile. An unchanged one is not read again."""
        known = self._before.get(one.key)
        if known is not None and known.put_at == one.put_at and known.sha256 in self._there:
            return known
        try:
            async with content_of(self._source, one.key) as content:
                if content.sha256 not in self._there:
                    await content.put(self._target, place_of(content.sha256))
                    self._there.add(content.sha256)
                    self.new += 1
                return ObjectLine(
                    key=one.key,
                    sha256=content.sha256,
                    size_bytes=content.size_bytes,
                    put_at=one.put_at,
                )
        except NotFound:
            return None


async def faults_of(store: ObjectStore, files: Iterable[StoredFile]) -> list[str]:
    """Compare files with their size and SHA-256; return what differs or is missing, each with its name."""
    faults, batch = list[str](), list(files)
    for start in range(0, len(batch), AT_ONCE):
        found = await asyncio.gather(
            *(_fault(store, file) for file in batch[start : start + AT_ONCE])
        )
        faults += [fault for fault in found if fault is not None]
    return faults


async def _fault(store: ObjectStore, file: StoredFile) -> str | None:
    try:
        async with content_of(store, file.path) as content:
            same = (content.sha256, content.size_bytes) == (file.sha256, file.size_bytes)
            return None if same else f"{file.path} differs from its digest in the manifest"
    except NotFound:
        return f"{file.path} is missing"


async def check_empty(store: ObjectStore) -> None:
    """Raise InternalFault if an object store has objects of an installation."""
    for prefix in PREFIXES:
        if page := await store.page(prefix, limit=1):
            raise InternalFault(
                f"the object store is not empty: {prefix}/ has {len(page)} or more objects. Nothing is overwritten: "
                "name an empty one"
            )


async def put_back(pool: ObjectStore, target: ObjectStore, lines: Sequence[ObjectLine]) -> None:
    """Store all objects of a list. Raises: InternalFault for a changed content; NotFound, Unavailable."""
    for start in range(0, len(lines), AT_ONCE):
        await asyncio.gather(
            *(_put_back(pool, target, line) for line in lines[start : start + AT_ONCE])
        )


async def _put_back(pool: ObjectStore, target: ObjectStore, line: ObjectLine) -> None:
    async with content_of(pool, place_of(line.sha256)) as content:
        if content.sha256 != line.sha256:
            raise InternalFault(f"{place_of(line.sha256)} differs from its name")
        await content.put(target, line.key)
