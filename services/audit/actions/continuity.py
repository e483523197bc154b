"""Compares a restored audit log with what outsiders kept of the log before: signed checkpoints and exports."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from services.audit.actions.export import Line, Opening, Signature
from services.audit.actions.verify import lines_of, verify_export
from services.audit.store.keys import KeyChanges
from services.audit.store.log import Log
from shared.core.errors import InternalFault
from shared.core.merkle import Hash, Span, leaf_hash
from shared.core.signed_notes import BadNote, Checkpoint, Verifier

PAGE = 10_000


@dataclass(frozen=True)
class Continuity:
    """How far a restored log is the log that was witnessed."""

    entries: int
    """Entries of the restored log."""

    witnessed: int
    """Size of the largest checkpoint that was presented."""

    agrees_to: int
    """The restored log's first so many entries are proved to be those of the witnessed log."""

    forks_before: int | None = None
    """The logs differ in an entry from `agrees_to` to before this one; None if they do not."""

    @property
    def forks(self) -> bool:
        """Whether the logs differ."""
        return self.forks_before is not None

    @property
    def missing(self) -> int:
        """Witnessed entries after the end of the restored log."""
        return max(0, self.witnessed - self.entries)

    @property
    def words(self) -> str:
        """The result for people."""
        if self.forks_before is not None:
            last = self.forks_before - 1
            place = (
                f"in entry {last}"
                if last == self.agrees_to
                else f"in an entry from {self.agrees_to} to {last}"
            )
            return f"FORK: the restored log differs from the witnessed one {place}"
        if self.missing:
            return (
                f"the restored log ends before entry {self.entries}; the witnessed one has {self.missing} further "
                f"entries, {self.entries} to {self.witnessed - 1}, which are lost. It is proved to be the same up to "
                f"entry {self.agrees_to}"
            )
        return f"the restored log continues the witnessed checkpoint of {self.witnessed} entries"


async def continuity_of(
    log: Log, changes: KeyChanges, keys: Sequence[Verifier], witnesses: Sequence[Path]
) -> Continuity | None:
    """Compare the log with files of checkpoints (signed notes) or exports (JSON lines); None without files.

    Raises: InternalFault for a file that is neither, or that the log's keys did not sign.
    """
    if not witnesses:
        return None
    trusted = [*keys, *(change.new for change in await changes.all())]
    entries = await log.size()
    witnessed, agrees_to, forks_before = 0, 0, entries + 1
    for path in witnesses:
        checkpoint = _checkpoint_of(path, trusted, keys)
        witnessed = max(witnessed, checkpoint.size)
        if checkpoint.size <= entries:
            if await log.root(checkpoint.size) == checkpoint.root:
                agrees_to = max(agrees_to, checkpoint.size)
                continue
            forks_before = min(forks_before, checkpoint.size)
        if _is_export(path):
            differs = await _first_difference(log, path, min(entries, checkpoint.size))
            if differs is None:
                agrees_to = max(agrees_to, min(entries, checkpoint.size))
            else:
                forks_before = min(forks_before, differs + 1)
                agrees_to = max(agrees_to, differs)
    if forks_before <= entries:
        return Continuity(entries, witnessed, min(agrees_to, forks_before - 1), forks_before)
    return Continuity(entries, witnessed, agrees_to)


def _is_export(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(1) == b"{"


def _checkpoint_of(path: Path, trusted: Sequence[Verifier], keys: Sequence[Verifier]) -> Checkpoint:
    """Return the verified checkpoint of a file. Raises: InternalFault."""
    note = path.read_text() if not _is_export(path) else _note_of_export(path, keys)
    for key in trusted:
        try:
            found = Checkpoint.parse(key.verify(note))
        except BadNote:
            continue
        if found.origin == key.name:
            return found
    raise InternalFault(f"{path} has no checkpoint that a key of this log signed")


def _note_of_export(path: Path, keys: Sequence[Verifier]) -> str:
    report = verify_export(_lines(path), keys)
    if not report.ok:
        raise InternalFault(
            f"{path} is no sound export: `python -m services.audit verify-export` lists its faults"
        )
    note = ""
    for line in _lines(path):
        if line.startswith(b'{"checkpoint"'):
            note = msgspec.json.decode(line, type=Signature).checkpoint
    return note


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from lines_of(file)


async def _first_difference(log: Log, path: Path, end: int) -> int | None:
    """Return the number of the first entry before `end` that differs between log and export; None without one.

    Raises: InternalFault for an export of a part of the log.
    """
    pending = list[tuple[int, Hash]]()
    opening = next(_lines(path))
    if msgspec.json.decode(opening, type=Opening).first:
        raise InternalFault(f"{path} does not begin with entry 0: give an export of the whole log")
    for line in _lines(path):
        if not line.startswith(b'{"seq"'):
            continue
        entry = msgspec.json.decode(line, type=Line)
        if entry.seq < end:
            pending.append((entry.seq, leaf_hash(entry.entry.encode())))
        if len(pending) == PAGE:
            if (found := await _difference(log, pending)) is not None:
                return found
            pending.clear()
    return await _difference(log, pending)


async def _difference(log: Log, pending: Sequence[tuple[int, Hash]]) -> int | None:
    if not pending:
        return None
    first = pending[0][0]
    stored = await log.leaves(Span(first, pending[-1][0] + 1))
    for (seq, leaf), own in zip(pending, stored, strict=False):
        if leaf != own:
            return seq
    return None
