"""The list of records that a purge run destroyed and of those that holds kept: retention writes it, followers read it.

docs/purge-list.md is the specification. A list names records by digests of their ids, because an id begins with the
moment of capture. `purges/<run id>/` holds a manifest and the parts of two sections, `purged` and `held`. Each line of
a part names one record; the lines of a section are sorted, and the section's root is the Merkle tree hash (RFC 6962)
over blocks of them. Writer and reader hold at most one part in memory, and handle no line by itself (ADR-0095).
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from itertools import pairwise
from operator import ge
from typing import Literal, NamedTuple
from uuid import UUID

import msgspec

from shared.core.errors import InternalFault
from shared.core.ids import id_digest
from shared.core.merkle import Frontier, leaf_hash
from shared.events import PurgeList
from shared.objects.store import ObjectStore

FORMAT = "plateward purge list 3"
OLD_FORMAT = "plateward purge list 2"
"""The format of lists from before blocks: digests with hyphens, each line a leaf of the tree."""
FORMAT_OF_IDS = "plateward purge list 1"
"""The same with ids for digests."""
FOLDER = "purges"
DIGEST_BYTES = 16
BLOCK_LINES = 1000
"""Lines of one leaf of the tree; only the last of a section may have fewer."""
PART_LINES = 100 * BLOCK_LINES
"""Lines of a part, about 4 MB; only the last part of a section has fewer."""

MAX_MANIFEST_BYTES = 4_000_000
MAX_PART_BYTES = 8_000_000

SectionName = Literal["purged", "held"]
Kind = Literal["capture", "read"]
KINDS: tuple[Kind, ...] = ("capture", "read")
"""Kinds of records, in the order of their lines."""


class Page(NamedTuple):
    """Records of one kind, by the digests of their ids, sorted and without duplicates."""

    kind: Kind
    digests: Sequence[bytes]
    """`DIGEST_BYTES` each."""

    @classmethod
    def of(cls, kind: Kind, ids: Iterable[UUID]) -> "Page":
        """Return the page of records with these ids."""
        return cls(kind, sorted({id_digest(one).bytes for one in ids}))

    @property
    def text(self) -> bytes:
        """The records' lines: `read 0b6d9f5e7b568f0a9a4e3f2d6f2f7a10` and a line end each."""
        if not self.digests:
            return b""
        lines = b"".join(self.digests).hex("\n", DIGEST_BYTES)
        return f"{self.kind} {lines}\n".replace(
            "\n", f"\n{self.kind} ", len(self.digests) - 1
        ).encode()

    @property
    def old_text(self) -> bytes:
        """The same lines in `OLD_FORMAT`."""
        return "".join(f"{self.kind} {UUID(bytes=one)}\n" for one in self.digests).encode()


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

    async def write(self, purged: AsyncIterator[Page], held: AsyncIterator[Page]) -> PurgeList:
        """Store the parts and then the manifest; returns the event's summary of them.

        Args: records, sorted over all pages of a section, captures first.
        Raises: Unavailable; ValueError for records out of order.
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

    async def _section(self, name: SectionName, pages: AsyncIterator[Page]) -> Section:
        tree, stored, waiting = Frontier(), list[Part](), list[bytes]()
        last = _FIRST
        async for page in pages:
            if page.digests:
                waiting += await asyncio.to_thread(_lines_of, page, last)
                last = page
            while len(waiting) >= PART_LINES:
                stored.append(await self._put(name, len(stored), waiting[:PART_LINES], tree))
                del waiting[:PART_LINES]
        if waiting:
            stored.append(await self._put(name, len(stored), waiting, tree))
        lines_stored = sum(part.lines for part in stored)
        return Section(lines=lines_stored, root=tree.root().hex(), parts=stored)

    async def _put(
        self, name: SectionName, number: int, lines: Sequence[bytes], tree: Frontier
    ) -> Part:
        key = f"{folder_of(self._run_id)}/{name}-{number:06}.txt"
        body, digest = await asyncio.to_thread(_joined, tree, lines)
        await self._objects.put(key, body)
        return Part(key=key, lines=len(lines), sha256=digest)


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
        if (
            manifest.format not in (FORMAT, OLD_FORMAT, FORMAT_OF_IDS)
            or manifest.run_id != self._run_id
        ):
            raise _fault("the manifest is of another run or format")
        return manifest

    async def verify(self) -> None:
        """Read the whole list once: digests, order, counts and both roots. Raises: as `section`."""
        for name in ("purged", "held"):
            async for _ in self.section(name):
                pass

    async def section(self, name: SectionName) -> AsyncIterator[Page]:
        """Yield the records of a section in order, those of a part in a page for each kind.

        Verifies a part's digest before yielding its records, and the root after the last part: a caller that must not
        act on a list with a wrong root calls `verify` first.
        Raises: InternalFault if the list differs from the event; NotFound; Unavailable.
        """
        manifest = await self.manifest()
        section: Section = getattr(manifest, name)
        is_old, has_ids = manifest.format != FORMAT, manifest.format == FORMAT_OF_IDS
        tree, last, lines_read = Frontier(), _FIRST, 0
        for number, part in enumerate(section.parts):
            if part.key != f"{folder_of(self._run_id)}/{name}-{number:06}.txt":
                raise _fault(f"part {number} of {name} has another key")
            body = await _get(self._objects, part.key, MAX_PART_BYTES)
            if sha256(body).hexdigest() != part.sha256:
                raise _fault(f"the SHA-256 of part {number} of {name} differs from the manifest's")
            pages = await asyncio.to_thread(_pages_of, body, is_old, tree, last)
            lines_of_part = sum(len(page.digests) for page in pages)
            if lines_of_part != part.lines:
                raise _fault(
                    f"part {number} of {name} does not have the number of lines that the manifest names"
                )
            lines_read += lines_of_part
            for page in pages:
                last = page
                yield Page.of(page.kind, map(_uuid, page.digests)) if has_ids else page
        if (lines_read, tree.root().hex()) != (section.lines, section.root):
            raise _fault(f"the records of {name} do not have its root")


_FIRST = Page("capture", [])


def _uuid(raw: bytes) -> UUID:
    return UUID(bytes=raw)


def _lines_of(page: Page, last: Page) -> list[bytes]:
    if not _is_sorted(page, last):
        raise ValueError("a purge list's records must be sorted, without duplicates")
    return page.text.splitlines(keepends=True)


def _is_sorted(page: Page, last: Page) -> bool:
    """Return whether records are in order and come after those of `last`."""
    in_order = page.digests if page.kind > last.kind else [*last.digests[-1:], *page.digests]
    return page.kind >= last.kind and not any(map(ge, in_order, in_order[1:]))


def _grown(tree: Frontier, lines: Sequence[bytes]) -> list[bytes]:
    """Add the blocks of a part's lines to the tree; return them."""
    blocks = [b"".join(lines[n : n + BLOCK_LINES]) for n in range(0, len(lines), BLOCK_LINES)]
    tree.extend(map(leaf_hash, blocks))
    return blocks


def _joined(tree: Frontier, lines: Sequence[bytes]) -> tuple[bytes, str]:
    """Add the blocks of a part's lines to the tree; return the part and its SHA-256."""
    body = b"".join(_grown(tree, lines))
    return body, sha256(body).hexdigest()


def _pages_of(body: bytes, is_old: bool, tree: Frontier, last: Page) -> list[Page]:
    """Return the records of a part, and add its blocks to the tree. Raises: InternalFault."""
    reads_at = 0 if body.startswith(b"read ") else body.find(b"\nread ") + 1 or len(body)
    texts = zip(KINDS, (body[:reads_at], body[reads_at:]), strict=True)
    pages = [_page_of(kind, text, is_old) for kind, text in texts if text]
    if not all(_is_sorted(page, before) for before, page in pairwise([last, *pages])):
        raise _fault("the lines of a part are not sorted")
    if is_old:
        tree.extend(map(leaf_hash, body.splitlines()))
    else:
        _grown(tree, body.splitlines(keepends=True))
    return pages


def _page_of(kind: Kind, text: bytes, is_old: bool) -> Page:
    """Return the records of lines of one kind. Raises: InternalFault for any other text."""
    bare = text.replace(f"{kind} ".encode(), b"")
    try:
        joined = bytes.fromhex((bare.replace(b"-", b"") if is_old else bare).decode("ascii"))
    except ValueError:
        raise _fault("a line names no record") from None
    found = range(0, len(joined), DIGEST_BYTES)
    page = Page(kind, [joined[n : n + DIGEST_BYTES] for n in found])
    if text != (page.old_text if is_old else page.text):
        raise _fault("a line names no record")
    return page


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
