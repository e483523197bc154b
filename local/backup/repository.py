"""The place of backups: an object store with a folder for each, and one pool of contents.

A backup is whole once its signed note is there, which is written last.
"""

import asyncio
import gzip
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import file_digest, sha256
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import unquote, urlsplit

import msgspec

from local.backup.manifest import (
    FOLDER,
    MANIFEST,
    NOTE,
    Manifest,
    ObjectLine,
    StoredFile,
    encoded,
    verified,
)
from local.backup.objects import AT_ONCE, faults_of, listed, place_of, pooled
from shared.core.errors import InternalFault, NotFound
from shared.core.signed_notes import Signer, Verifier
from shared.objects.opening import open_store
from shared.objects.store import ObjectStore

if TYPE_CHECKING:
    from obstore.store import S3Config

_lines = msgspec.json.Encoder()
_line = msgspec.json.Decoder(ObjectLine)

NAME_FORM = "%Y%m%dT%H%M%SZ"

Record = Callable[[Manifest, str], Awaitable[None]]
"""Puts a backup on record, by its manifest and the SHA-256 of the manifest's file."""

MADE_WITHIN = timedelta(hours=20)
"""After so long an unfinished backup is given up, so that the next night's deletes it."""


OF_BACKUPS = "BACKUP_"
OWN = (
    "BACKUP_AWS_ACCESS_KEY_ID",
    "BACKUP_AWS_SECRET_ACCESS_KEY",
    "BACKUP_AWS_ENDPOINT_URL",
    "BACKUP_AWS_REGION",
)
"""Settings of the place of backups alone: each replaces the one without BACKUP_, which is the object store's."""


def store_at(address: str, given: Mapping[str, str] = os.environ) -> ObjectStore:
    """Open the store at a folder, file:// or s3:// address. Raises: ValueError for another scheme.

    A new folder is its owner's alone, since backups have plates in plaintext.
    """
    if not address.startswith("s3://"):
        url = address if "://" in address else Path(address).absolute().as_uri()
        if url.startswith("file://"):
            Path(unquote(urlsplit(url).path)).mkdir(mode=0o700, parents=True, exist_ok=True)
        return open_store(url)
    own = {name.removeprefix(OF_BACKUPS).lower(): given[name] for name in OWN if name in given}
    return open_store(address, cast("S3Config", own))


def name_of(at: datetime) -> str:
    """Return the name of a backup that is made now: its time, UTC."""
    return at.strftime(NAME_FORM)


@dataclass(frozen=True)
class Damage:
    """What is missing or changed of a backup."""

    files: Sequence[str]
    """Faults of the dump, the list of objects and the sealed keys."""

    contents: Mapping[str, str]
    """Faults of contents of objects, by their SHA-256."""

    @property
    def faults(self) -> list[str]:
        """All faults."""
        return [*self.files, *self.contents.values()]


class Backups:
    """The backups in one place."""

    def __init__(self, store: ObjectStore) -> None:
        self.store = store

    async def names(self) -> list[str]:
        """Return the whole backups, oldest first. Raises: Unavailable."""
        folders = (await self.store.level(FOLDER)).folders
        names = sorted(folder.rpartition("/")[2] for folder in folders)
        return [name for name in names if await self._is_whole(name)]

    async def _is_whole(self, name: str) -> bool:
        return any(
            one.key == f"{FOLDER}/{name}/{NOTE}"
            for one in (await self.store.level(f"{FOLDER}/{name}")).objects
        )

    async def manifest(self, name: str, keys: Sequence[Verifier]) -> Manifest:
        """Return the manifest that one of the keys signed. Raises: InternalFault, Unavailable."""
        try:
            body = await self.store.get(f"{FOLDER}/{name}/{MANIFEST}")
            note = await self.store.get(f"{FOLDER}/{name}/{NOTE}")
        except NotFound:
            raise InternalFault(
                f"{name} is no whole backup: {MANIFEST} or {NOTE} is missing"
            ) from None
        return verified(name, body, note.decode(errors="replace"), keys)

    async def add_file(self, name: str, path: str, content: bytes | Path) -> StoredFile:
        """Store a file of a backup. Raises: Unavailable."""
        key = f"{FOLDER}/{name}/{path}"
        if isinstance(content, Path):
            await self.store.put_file(key, content)
            size, hexed = await asyncio.to_thread(_measured, content)
        else:
            await self.store.put(key, content)
            size, hexed = len(content), sha256(content).hexdigest()
        return StoredFile(path=path, size_bytes=size, sha256=hexed)

    async def add_files(self, name: str, folder: str, paths: Sequence[Path]) -> list[StoredFile]:
        """Store files in a folder of a backup, several at a time. Raises: Unavailable."""
        added = list[StoredFile]()
        for start in range(0, len(paths), AT_ONCE):
            some = paths[start : start + AT_ONCE]
            added += await asyncio.gather(
                *(self.add_file(name, f"{folder}/{path.name}", path) for path in some)
            )
        return added

    async def finish(self, manifest: Manifest, signer: Signer, record: Record | None = None) -> str:
        """Store the manifest, and last the signed note that makes the backup whole; return the manifest's SHA-256.

        `record` puts the backup on record before it is whole. Raises: Unavailable.
        """
        body, note = encoded(manifest, signer)
        digest = sha256(body).hexdigest()
        if record is not None:
            await record(manifest, digest)
        await self.store.put(f"{FOLDER}/{manifest.name}/{MANIFEST}", body)
        await self.store.put(f"{FOLDER}/{manifest.name}/{NOTE}", note.encode())
        return digest

    async def object_lines(self, manifest: Manifest) -> list[ObjectLine]:
        """Return a backup's list of objects. Raises: InternalFault if it differs from its digest."""
        [file] = [one for one in manifest.files if one.path == manifest.objects.list]
        body = await self.store.get(f"{FOLDER}/{manifest.name}/{file.path}")
        if sha256(body).hexdigest() != file.sha256:
            raise InternalFault(
                f"{manifest.name}/{file.path} differs from its digest in the manifest"
            )
        return [_line.decode(line) for line in gzip.decompress(body).splitlines()]

    async def faults(self, manifest: Manifest) -> list[str]:
        """Read a whole backup; return each file that is missing or differs from its digest, by its name."""
        return (await self.read_through(manifest)).faults

    async def read_through(self, manifest: Manifest) -> "Damage":
        """Read a whole backup, and compare it with its manifest."""
        within = f"{FOLDER}/{manifest.name}"
        files = [
            msgspec.structs.replace(one, path=f"{within}/{one.path}") for one in manifest.files
        ]
        faults = await faults_of(self.store, files)
        if any(manifest.objects.list in fault for fault in faults):
            return Damage(faults, {})
        sizes = {line.sha256: line.size_bytes for line in await self.object_lines(manifest)}
        contents = {place_of(digest): digest for digest in sizes}
        damaged = await faults_of(
            self.store,
            (
                StoredFile(path=place, size_bytes=sizes[digest], sha256=digest)
                for place, digest in contents.items()
            ),
        )
        return Damage(faults, {contents[fault.split()[0]]: fault for fault in damaged})

    async def end(
        self, now: datetime, keys: Sequence[Verifier], *, unless_last: bool = False
    ) -> list[str] | None:
        """Delete ended and unfinished backups, and the contents that no other needs; return the ended ones' names.

        An unfinished backup may be in the making for `MADE_WITHIN`; until then it stays, and so does every content.

        Args:
            unless_last: delete nothing, and return None, where no backup would be left.

        Raises: InternalFault if a manifest is not signed: nothing is deleted then; Unavailable.
        """
        whole = await self.names()
        manifests = [await self.manifest(name, keys) for name in whole]
        ended = [one.name for one in manifests if one.ends_at <= now]
        staying = [one for one in manifests if one.ends_at > now]
        if unless_last and not staying:
            return None
        needed = {line.sha256 for one in staying for line in await self.object_lines(one)}
        folders = (await self.store.level(FOLDER)).folders
        unfinished = {folder.rpartition("/")[2] for folder in folders} - set(whole)
        abandoned = {name for name in unfinished if name < name_of(now - MADE_WITHIN)}
        for name in sorted({*ended, *abandoned}):
            await self._delete(name)
        if unfinished - abandoned:
            return ended
        unneeded = sorted(await pooled(self.store) - needed)
        await self._delete_keys([place_of(digest) for digest in unneeded])
        return ended

    async def _delete(self, name: str) -> None:
        """Delete a backup, its signed note first, so that no remainder passes for a backup."""
        await self.store.delete(f"{FOLDER}/{name}/{NOTE}")
        async for page in listed(self.store, f"{FOLDER}/{name}"):
            await self._delete_keys([one.key for one in page])

    async def _delete_keys(self, keys: Sequence[str]) -> None:
        if keys and (left := await self.store.delete_all(keys)):
            raise InternalFault(f"{len(left)} files of ended backups could not be deleted")


def _measured(path: Path) -> tuple[int, str]:
    """Return a file's size and SHA-256."""
    with path.open("rb") as file:
        return path.stat().st_size, file_digest(file, "sha256").hexdigest()


def list_file(lines: Sequence[ObjectLine]) -> bytes:
    """Return a list of objects as a file: gzip, a line of JSON each."""
    return gzip.compress(b"".join(_lines.encode(line) + b"\n" for line in lines), 6, mtime=0)
