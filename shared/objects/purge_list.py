"""The list of records that a purge run destroyed and of those that holds kept: retention writes it, followers read it.

docs/purge-list.md is the specification. A list names records by digests of their ids, because an id begins with the
moment of capture. `purges/<run id>/` holds a manifest and the parts of two sections, `purged`
and `held`. Each line of a part names one record; the lines of a section are sorted, and the section's root is the
Merkle tree hash (RFC 6962) over them. Writer and reader hold at most one part in memory.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from itertools import pairwise
from typing import Literal, NamedTuple
from uuid import UUID

import msgspec

from shared.core.errors import InternalFault
from shared.core.ids import id_digest
from shared.core.merkle import Frontier, leaf_hash
from shared.events import PurgeList
from shared.objects.store import ObjectStore

FORMAT = "plateward purge list 2"
FORMAT_OF_IDS = "plateward purge list 1"
"""The format of lists from before digests; a reader returns the digests of their ids."""
FOLDER = "purges"
PART_LINES = 100_000
"""Lines of a part, about 4 MB; only the last part of a section has fewer."""

MAX_MANIFEST_BYTES = 4_000_000
MAX_PART_BYTES = 8_000_000

SectionName = Literal["purged", "held"]
Kind = Literal["capture", "read"]


class Record(NamedTuple):
    """One capture or read, named by the digest of its id. Records sort like their lines."""

    kind: Kind
    digest: UUID

    @classmethod
    def of(cls, kind: Kind, record_id: UUID) -> "Record":
        """Return the record with an id."""
        return cls(kind, id_digest(record_id))

    @property
    def line(self) -> bytes:
        """The record's line, without line end: `read 0b6d9f5e-7b56-8f0a-9a4e-3f2d6f2f7a10`."""
        return f"{self.kind} {self.digest}".encode()


def lines_of(kind: Kind, digests: Iterable[bytes]) -> list[bytes]:
    """Return the lines of records of one kind, by the 16 bytes of their digests, in the same order."""
    found = (digest.hex() for digest in digests)
    return [f"{kind} {d[:8]}-{d[8:12]}-{d[12:16]}-{d[16:20]}-{d[20:]}".encode() for d in found]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One object of a section."""

    key: str
    lines: int
    sha256: str  # lower-case hex, of the object's bytes


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """All records that were purged, or all that holds kept."""

    lines: int
    root: str  # lower-case hex, RFC 6962 over the lines
    parts: list[Part]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The content of `purges/<run id>/manifest.json`."""

    format: str
    run_id: UUID
    before: datetime
    purged: Section
    held: Section


_KINDS: dict[str, Kind] = {"capture": "capture", "read": "read"}
_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(Manifest).decode


def folder_of(run_id: UUID) -> str:
    """Return the folder of a run's list."""
    return f"{FOLDER}/{run_id}"


class ListWriter:
    """Writes the list of one run; a second write overwrites the first."""

    def __init__(self, objects: ObjectStore, run_id: UUID, before: datetime) -> None:
        self._objects = objects
        self._run_id = run_id
        self._before = before

    async def write(
        self,
        purged: AsyncIterator[Sequence[bytes]],
        held: AsyncIterator[Sequence[bytes]],
    ) -> PurgeList:
        """Store the parts and then the manifest; returns the event's summary of them.

        Args: pages of records' lines, sorted over all pages, without duplicates.
        Raises: Unavailable; ValueError for lines out of order.
        """
        manifest = Manifest(
            format=FORMAT,
            run_id=self._run_id,
            before=self._before,
            purged=await self._section("purged", purged),
            held=await self._section("held", held),
        )
        body = _encode(manifest)
        key = f"{folder_of(self._run_id)}/manifest.json"
        await self._objects.put(key, body)
        return PurgeList(
            key=key,
            sha256=sha256(body).hexdigest(),
            purged=manifest.purged.lines,
            purged_root=manifest.purged.root,
            held=manifest.held.lines,
            held_root=manifest.held.root,
        )

    async def _section(self, name: SectionName, pages: AsyncIterator[Sequence[bytes]]) -> Section:
        tree, stored, waiting = Frontier(), list[Part](), list[bytes]()
        last = b""
        async for lines in pages:
            if any(a >= b for a, b in pairwise([last, *lines])):
                raise ValueError("a purge list's records must be sorted, without duplicates")
            last = lines[-1] if lines else last
            await asyncio.to_thread(_grow, tree, lines)
            waiting += lines
            while len(waiting) >= PART_LINES:
                stored.append(await self._put(name, len(stored), waiting[:PART_LINES]))
                del waiting[:PART_LINES]
        if waiting:
            stored.append(await self._put(name, len(stored), waiting))
        return Section(lines=tree.size, root=tree.root().hex(), parts=stored)

    async def _put(self, name: SectionName, number: int, lines: Sequence[bytes]) -> Part:
        key = f"{folder_of(self._run_id)}/{name}-{number:06}.txt"
        body = b"".join(line + b"\n" for line in lines)
        await self._objects.put(key, body)
        return Part(key=key, lines=len(lines), sha256=sha256(body).hexdigest())


class ListReader:
    """Reads a list that an event names, and verifies every byte before it returns a record of it."""

    def __init__(self, objects: ObjectStore, run_id: UUID, named: PurgeList) -> None:
        self._objects = objects
        self._run_id = run_id
        self._named = named
        self._manifest: Manifest | None = None

    async def manifest(self) -> Manifest:
        """Return the manifest.

        Raises: InternalFault if it differs from the one that the event names; NotFound; Unavailable.
        """
        if self._manifest is None:
            if self._named.key != f"{folder_of(self._run_id)}/manifest.json":
                raise InternalFault("the event names no purge list of its run")
            body = await _get(self._objects, self._named.key, MAX_MANIFEST_BYTES)
            if sha256(body).hexdigest() != self._named.sha256:
                raise _fault("the manifest's SHA-256 differs from the event's")
            self._manifest = self._checked(body)
        return self._manifest

    def _checked(self, body: bytes) -> Manifest:
        try:
            manifest = _decode(body)
        except msgspec.DecodeError:
            raise _fault("the manifest cannot be decoded") from None
        named = self._named
        said = (manifest.purged.lines, manifest.purged.root, manifest.held.lines)
        if (*said, manifest.held.root) != (
            named.purged,
            named.purged_root,
            named.held,
            named.held_root,
        ):
            raise _fault("the manifest's counts or roots differ from the event's")
        if manifest.format not in (FORMAT, FORMAT_OF_IDS) or manifest.run_id != self._run_id:
            raise _fault("the manifest is of another run or format")
        return manifest

    async def verify(self) -> None:
        """Read the whole list once: digests, order, counts and both roots. Raises: as `section`."""
        for name in ("purged", "held"):
            async for _ in self.section(name):
                pass

    async def section(self, name: SectionName) -> AsyncIterator[list[Record]]:
        """Yield the records of a section, a part at a time, in order.

        Verifies a part's digest before yielding its records, and the root after the last part: a caller that must not
        act on a list with a wrong root calls `verify` first.
        Raises: InternalFault if the list differs from the event; NotFound; Unavailable.
        """
        manifest = await self.manifest()
        section: Section = getattr(manifest, name)
        tree, last = Frontier(), b""
        for number, part in enumerate(section.parts):
            if part.key != f"{folder_of(self._run_id)}/{name}-{number:06}.txt":
                raise _fault(f"part {number} of {name} has another key")
            body = await _get(self._objects, part.key, MAX_PART_BYTES)
            if sha256(body).hexdigest() != part.sha256:
                raise _fault(f"the SHA-256 of part {number} of {name} differs from the manifest's")
            lines = body.split(b"\n")
            if lines.pop() != b"" or len(lines) != part.lines:
                raise _fault(
                    f"part {number} of {name} does not have the number of lines that the manifest names"
                )
            if any(a >= b for a, b in pairwise([last, *lines])):
                raise _fault(f"part {number} of {name} is not sorted")
            last = lines[-1] if lines else last
            await asyncio.to_thread(_grow, tree, lines)
            records = [_record(line) for line in lines]
            if manifest.format == FORMAT_OF_IDS:
                records = [Record.of(record.kind, record.digest) for record in records]
            yield records
        if (tree.size, tree.root().hex()) != (section.lines, section.root):
            raise _fault(f"the records of {name} do not have its root")


def _grow(tree: Frontier, lines: Sequence[bytes]) -> None:
    tree.extend(map(leaf_hash, lines))


def _record(line: bytes) -> Record:
    kind, _, name = line.decode(errors="replace").partition(" ")
    with contextlib.suppress(ValueError, KeyError):
        record = Record(_KINDS[kind], UUID(name))
        if record.line == line:
            return record
    raise _fault("a line names no record")


async def _get(objects: ObjectStore, key: str, most_bytes: int) -> bytes:
    pieces, size_bytes = [], 0
    async for piece in objects.stream(key):
        pieces.append(piece)
        size_bytes += len(piece)
        if size_bytes > most_bytes:
            raise _fault("an object is larger than a part can be")
    return b"".join(pieces)


def _fault(what: str) -> InternalFault:
    return InternalFault(f"the purge list differs from its event: {what}")
