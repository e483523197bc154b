"""A log as a mutation sees it: entries, hashes, values and checkpoints, which become an export or database rows."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from services.audit.actions.export import Disclosed, ErasedBefore, Line, Opening, Signature, as_line
from services.audit.actions.preparation import found_in
from services.audit.domain.entries import EntryFields
from services.audit.domain.proofs import chained
from shared.core.errors import AlprError
from shared.core.merkle import Frontier, leaf_hash
from shared.core.signed_notes import Checkpoint


@dataclass
class Item:
    """One entry, with its stored values."""

    seq: int
    content: bytes
    entry_hash: bytes
    leaf: bytes
    found: EntryFields
    groups: list[Disclosed] = field(default_factory=list)
    """Its sealed values, in an export that has them."""


@dataclass
class Image:
    """A log or a part of one. `notes` are (entries before it, checkpoint as written there)."""

    opening: Opening
    items: list[Item]
    notes: list[tuple[int, Signature]]
    seeds: dict[int, bytes]
    """The private key in force from each size on."""
    stored: bool = False
    """Whether it lies in a database, where more is stored of an entry than an export has."""
    raw: bytes | None = None
    """The export, where bytes of it were mutated."""
    nodes_fault: int | None = None
    """Number of the stored subtree to falsify, in a database."""
    before: list[ErasedBefore] = field(default_factory=list)
    """The erased values of entries before the first, in an export with values."""
    statements: list[str] = field(default_factory=list)
    """The changes of values, in a database."""
    answers: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    """Of each purge, by its entry's id: the entries of which it erased something, from first to last."""

    def copy(self) -> "Image":
        return copy.deepcopy(self)

    @property
    def first(self) -> int:
        return self.opening.first

    @property
    def end(self) -> int:
        return self.first + len(self.items)

    def index(self, seq: int) -> int:
        return seq - self.first

    def seed_at(self, size: int) -> bytes:
        return self.seeds[max(start for start in self.seeds if start <= size)]

    def unanswered(self) -> list[tuple[int, int]]:
        """Return entries with erased values whose entry of the erasure is missing or contradicts it."""
        said = [i.content for i in self.items if b"alpr.values.erased.v" in i.content]
        return [
            span
            for purged, spans in self.answers.items()
            if not any(f'"purged_event_id":"{purged}"'.encode() in one for one in said)
            for span in spans
        ]

    def rechain(self, start: int = 0) -> None:
        """Number the items from `start` on and compute all hashes anew, like a skilled forger."""
        last = self.items[start - 1].entry_hash if start else bytes.fromhex(self.opening.last)
        for place in range(start, len(self.items)):
            item = self.items[place]
            item.seq = self.first + place
            item.leaf = leaf_hash(item.content)
            item.entry_hash = last = chained(last, item.leaf)
            item.groups = [msgspec.structs.replace(one, of=item.seq) for one in item.groups]
            try:
                item.found = found_in(item.content)
            except AlprError:
                continue

    def root(self, size: int) -> bytes:
        peaks = [bytes.fromhex(peak) for peak in self.opening.peaks]
        frontier = Frontier(self.first, peaks)
        for item in self.items[: size - self.first]:
            frontier.append(leaf_hash(item.content))
        return frontier.root()

    def checkpoint(self, size: int, previous: int | None) -> Checkpoint:
        chain = self.items[size - self.first - 1].entry_hash
        return Checkpoint(self.opening.origin, size, self.root(size), chain, previous)

    def export(self) -> bytes:
        """Return the image as a file."""
        if self.raw is not None:
            return self.raw
        lines = [as_line(self.opening), *map(as_line, self.before)]
        notes = sorted(self.notes, key=lambda pair: pair[0])
        for place in range(len(self.items) + 1):
            if place:
                item = self.items[place - 1]
                text, digest = item.content.decode(), item.entry_hash.hex()
                lines.append(as_line(Line(seq=item.seq, entry=text, entry_hash=digest)))
                lines += map(as_line, item.groups)
            lines += [as_line(note) for at, note in notes if at == place]
        lines += [as_line(note) for at, note in notes if at > len(self.items)]
        return b"".join(lines)


def image_of(export: bytes, seeds: dict[int, bytes]) -> Image:
    """Read an export back."""
    lines = export.splitlines(keepends=True)
    items: list[Item] = []
    notes: list[tuple[int, Signature]] = []
    before: list[ErasedBefore] = []
    for line in lines[1:]:
        if line.startswith(b'{"of"'):
            items[-1].groups.append(msgspec.json.decode(line, type=Disclosed))
            continue
        if line.startswith(b'{"purged_event_id"'):
            before.append(msgspec.json.decode(line, type=ErasedBefore))
            continue
        if line.startswith(b'{"checkpoint"'):
            notes.append((len(items), msgspec.json.decode(line, type=Signature)))
            continue
        read = msgspec.json.decode(line, type=Line)
        content = read.entry.encode()
        items.append(
            Item(
                read.seq,
                content,
                bytes.fromhex(read.entry_hash),
                leaf_hash(content),
                found_in(content),
            )
        )
    opening = msgspec.json.decode(lines[0], type=Opening)
    return Image(opening, items, notes, seeds, before=before)


@dataclass
class Touched:
    """The changed places; the verifier's first fault must be in one of them."""

    entries: list[tuple[int, int]] = field(default_factory=list)
    """First and last number."""
    sizes: set[int] = field(default_factory=set)
    lines: set[int] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    kept: Sequence[str] = ()
    """Checkpoints stored elsewhere, which the verifier receives: only they expose this mutation."""
    how: str = ""

    def has(self, seq: int | None, until: int | None, size: int | None, line: int | None) -> bool:
        """Return whether a fault's place is among the changed ones."""
        if line in self.lines or size in self.sizes:
            return True
        if seq is None:
            return False
        last = seq if until is None else until
        return any(seq <= b and last >= a for a, b in self.entries)
