"""The folder of an export: which file is where, how one is added, and how all are compared with the manifest."""

import asyncio
import gzip
from collections.abc import Sequence
from hashlib import file_digest, sha256
from pathlib import Path

import msgspec

from local.backup.manifest import (
    EXPORT,
    MANIFEST,
    NOTE,
    Manifest,
    ObjectLine,
    StoredFile,
    encoded,
    verified,
)
from local.backup.objects import faults_of, place_of
from shared.core.errors import InternalFault, NotFound
from shared.core.signed_notes import Signer, Verifier
from shared.objects.opening import open_store
from shared.objects.store import ObjectStore

BEFORE, AFTER = "structure/before-the-rows.sql", "structure/after-the-rows.sql"
TABLES = "structure/tables.json"
AUDIT_LOG = "audit-log.jsonl"
READS = "records/reads.geojsonl.gz"
OBJECTS = "objects.jsonl.gz"
POLICY = "policy.toml"
KEYS, PUBLIC_KEYS = "keys/keys.sealed", "keys/public.json"
README = "README.txt"

_line = msgspec.json.Decoder(ObjectLine)


def rows_file(table: str) -> str:
    """Return the file with the rows of a table, which is named with its schema."""
    return f"tables/{table}.ndjson.gz"


class ExportFolder:
    """An export in its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.store: ObjectStore = open_store(self.folder.as_uri())

    def check_empty(self) -> None:
        """Raise InternalFault if the folder has anything."""
        if there := sorted(path.name for path in self.folder.iterdir()):
            raise InternalFault(
                f"{self.folder} has {', '.join(there[:3])}: name a new or empty folder for the export"
            )

    async def add(self, path: str, content: bytes | Path) -> StoredFile:
        """Store a file. Raises: Unavailable."""
        if isinstance(content, Path):
            await self.store.put_file(path, content)
            size, hexed = await asyncio.to_thread(_measured, content)
        else:
            await self.store.put(path, content)
            size, hexed = len(content), sha256(content).hexdigest()
        return StoredFile(path=path, size_bytes=size, sha256=hexed)

    async def finish(self, manifest: Manifest, signer: Signer) -> str:
        """Store the manifest, and last the signed note that makes the export whole; return the manifest's SHA-256."""
        body, note = encoded(manifest, signer)
        await self.store.put(MANIFEST, body)
        await self.store.put(NOTE, note.encode())
        return sha256(body).hexdigest()

    async def manifest(self, keys: Sequence[Verifier]) -> Manifest:
        """Return the manifest that one of the keys signed. Raises: InternalFault, Unavailable."""
        try:
            body = await self.store.get(MANIFEST)
            note = (await self.store.get(NOTE)).decode(errors="replace")
        except NotFound:
            raise InternalFault(
                f"this is no whole export: {MANIFEST} or {NOTE} is missing"
            ) from None
        name = note.splitlines()[1] if note.count("\n") > 1 else ""
        return verified(name, body, note, keys, EXPORT)

    async def object_lines(self, manifest: Manifest) -> list[ObjectLine]:
        """Return the list of objects. Raises: InternalFault if it differs from its digest."""
        [file] = [one for one in manifest.files if one.path == manifest.objects.list]
        body = await self.store.get(file.path)
        if sha256(body).hexdigest() != file.sha256:
            raise InternalFault(f"{file.path} differs from its digest in the manifest")
        return [_line.decode(line) for line in gzip.decompress(body).splitlines()]

    async def faults(self, manifest: Manifest) -> list[str]:
        """Read every file; return each that is missing, differs from its digest, or is in no list, by its name."""
        faults = await faults_of(self.store, manifest.files)
        listing = {file.path for file in manifest.files}
        if not any(manifest.objects.list in fault for fault in faults):
            contents = {line.sha256: line for line in await self.object_lines(manifest)}
            files = [
                StoredFile(path=place_of(digest), size_bytes=line.size_bytes, sha256=digest)
                for digest, line in contents.items()
            ]
            faults += await faults_of(self.store, files)
            listing |= {file.path for file in files}
            there = await asyncio.to_thread(self._files)
            faults += [f"{path} is in no list" for path in sorted(there - listing)]
        return faults

    def _files(self) -> set[str]:
        """Return the files that are there, but for the manifest and its signature."""
        found = (path for path in self.folder.rglob("*") if not path.is_dir())
        return {str(path.relative_to(self.folder)) for path in found} - {MANIFEST, NOTE}


def _measured(path: Path) -> tuple[int, str]:
    """Return a file's size and SHA-256."""
    with path.open("rb") as file:
        return path.stat().st_size, file_digest(file, "sha256").hexdigest()
