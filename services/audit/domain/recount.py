"""Recomputes a log from its exact entries and compares it with the stored hashes and signed checkpoints.

It needs no database and no service: an outsider can run it with an export and a public key. It reads entries and
checkpoints one by one, in the log's order, without storing them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from services.audit.domain.proofs import GENESIS, STORED_LEVEL, chained, verify_consistency
from services.audit.domain.succession import Succession, key_change
from shared.core.merkle import Frontier, Hash, Node, leaf_hash
from shared.core.signed_notes import BadNote, Checkpoint, Verifier

MAX_FAULTS = 1000
"""The most faults that a verdict lists; it only counts the others."""


@dataclass(frozen=True)
class Cadence:
    """The interval of checkpoints: the service signs one after so many entries or seconds."""

    entries: int
    seconds: float


@dataclass(frozen=True)
class LogFault:
    """A deviation from the expected log, and its place."""

    what: str
    seq: int | None = None
    """The number of the entry, or of the first of several of which one is wrong."""
    until: int | None = None
    """The number of the last of several entries of which one is wrong."""
    size: int | None = None
    """The size of the checkpoint."""
    line: int | None = None
    """The line of the export, from 1."""


@dataclass
class Faults:
    """The faults found so far."""

    found: list[LogFault] = field(default_factory=list)
    count: int = 0
    first_bad: int | None = None
    """The lowest number of an entry that is wrong."""

    def add(
        self, what: str, seq: int | None = None, *, size: int | None = None, line: int | None = None
    ) -> None:
        """Add a fault."""
        self._add(LogFault(what, seq, None, size, line))
        if seq is not None and (self.first_bad is None or seq < self.first_bad):
            self.first_bad = seq

    def among(
        self, what: str, first: int, last: int, *, size: int | None = None, line: int | None = None
    ) -> None:
        """Add a fault in one or more of several entries; the first becomes `first_bad` unless that is set."""
        self._add(LogFault(what, first, last, size, line))
        if self.first_bad is None:
            self.first_bad = first

    def _add(self, fault: LogFault) -> None:
        self.count += 1
        if len(self.found) < MAX_FAULTS:
            self.found.append(fault)


@dataclass(frozen=True)
class ErasedSum:
    """The number of groups erased under one purge run, and the run's certificate."""

    run_id: str
    groups: int
    certificate: str
    """The SHA-256 of the run's certificate of destruction, hexadecimal."""


@dataclass(frozen=True)
class LogReport:
    """The result of a recount. `unsigned_entries` counts the newest entries without a verified signature."""

    entries: int
    checkpoints: int
    unsigned_entries: int
    root: Hash
    faults: Sequence[LogFault]
    fault_count: int
    first_bad: int | None
    erased: Sequence[ErasedSum] = ()
    """The sealed values that purges have erased, by run."""
    values: int = 0
    """The number of groups that were present and compared with their digests."""
    left_out: int = 0
    """The number of groups that an export without values leaves out."""

    @property
    def ok(self) -> bool:
        """Whether there is no fault."""
        return not self.fault_count


class Deviation(NamedTuple):
    """A fault of one entry that shows without the entries before it, and the entry that is wrong."""

    what: str
    seq: int


def check_hashes(
    expected: int, last: Hash, seq: int, content: bytes, entry_hash: Hash, leaf: Hash | None = None
) -> tuple[Hash, list[Deviation]]:
    """Return the leaf hash of an entry's text, and how the entry deviates from it and from the entry before.

    The chain continues from the stored hash, so that an altered entry adds one fault and its successors add no other.

    Args:
        expected: its number, if none is missing before it.
        last: the stored chain hash of the entry before it.
    """
    found = []
    if seq != expected:
        what = f"entry {expected} is missing, {seq} is in its place"
        found.append(Deviation(what, min(seq, expected)))
    computed = leaf_hash(content)
    if leaf is not None and leaf != computed:
        found.append(Deviation(f"entry {seq}: its leaf hash is not that of its text", seq))
    if entry_hash != chained(last, computed):
        found.append(Deviation(f"entry {seq}: its chain hash is wrong", seq))
    return computed, found


class Recount:
    """Checks each entry, and each checkpoint after the last entry that it covers, and collects the faults."""

    def __init__(
        self,
        origin: str,
        keys: Sequence[Verifier],
        *,
        frontier: Frontier | None = None,
        last: Hash = GENESIS,
        exported: bool = False,
    ) -> None:
        """Start before the first entry, or after the entries of `frontier`.

        Args:
            origin: the log's name.
            keys: the log's public keys, the first one first; at least one.
            frontier: the tree before the first entry to check.
            last: the chain hash of the entry before it.
            exported: whether the last checkpoint may be one that was signed for the export's end.

        Raises: BadNote if `keys` is empty.
        """
        self.faults = Faults()
        self.frontier = frontier or Frontier()
        self._origin = origin
        self._keys = Succession(keys)
        self._last = last
        self._checkpoints: dict[int, list[str]] = {}
        self._start = self.next = self.frontier.size
        self.signed = self.frontier.size
        """The number of entries that verified signatures cover."""
        self.latest: int | None = None
        """The size of the log's own newest checkpoint."""
        self._exported = exported
        self._linked = None if self._start else 0
        self._closed: int | None = None
        self._agreed: int | None = None
        self._checked = 0

    @property
    def unsigned(self) -> int:
        """The number of entries at the end without a verified signature."""
        return self.next - self.signed

    def expect_checkpoints(self, notes: Iterable[str]) -> None:
        """Add checkpoints that outsiders kept. Each is compared when the log reaches its size."""
        for note in notes:
            try:
                size = Checkpoint.parse(note).size
            except BadNote as exc:
                self.faults.add(f"a checkpoint kept elsewhere is invalid: {exc}")
                continue
            self._checkpoints.setdefault(size, []).append(note)
        self._compare_checkpoints()

    @property
    def last(self) -> Hash:
        """The chain hash of the last entry, as stored."""
        return self._last

    @property
    def compared_next(self) -> int | None:
        """The next size at which checkpoints kept elsewhere are compared; None if there is none."""
        return min((size for size in self._checkpoints if size > self.next), default=None)

    def add_entry(
        self, seq: int, content: bytes, entry_hash: Hash, leaf: Hash | None = None
    ) -> None:
        """Recompute the next entry's hashes and compare them with the stored ones."""
        computed, deviations = check_hashes(self.next, self._last, seq, content, entry_hash, leaf)
        self.add_checked(seq, computed, entry_hash, deviations, content)

    def add_checked(
        self,
        seq: int,
        computed: Hash,
        entry_hash: Hash,
        deviations: Iterable[Deviation],
        content: bytes,
    ) -> list[tuple[Node, Hash]]:
        """Add an entry that is compared already; return the stored subtrees that it completes.

        Args:
            seq: its number.
            computed: the leaf hash of its text.
            entry_hash: the stored hash, from which the chain continues.
            deviations: what was found wrong with it.
            content: its text, or any other without a change of the key.
        """
        self._leave()
        for what, where in deviations:
            self.faults.add(what, where)
        self.next = seq + 1
        self._last = entry_hash
        completed = self.frontier.append(computed, STORED_LEVEL)
        try:
            if (change := key_change(seq, content)) is not None:
                self._keys.add_change(change)
        except BadNote as exc:
            self.faults.add(f"entry {seq}: {exc}", seq)
        self._compare_checkpoints()
        return completed

    def add_run(self, computed: Sequence[Hash], entry_hash: Hash) -> list[tuple[Node, Hash]]:
        """Add entries that follow each other, deviate in nothing and change no key; return the subtrees as above.

        No checkpoint is of a size between the first and the last of them. `entry_hash` is the last one's.
        """
        self._leave()
        append, completed = self.frontier.append, list[tuple[Node, Hash]]()
        for leaf in computed:
            completed += append(leaf, STORED_LEVEL)
        self.next += len(computed)
        self._last = entry_hash
        self._compare_checkpoints()
        return completed

    def prove_key(self, seq: int, entry: bytes, path: Sequence[Hash], note: str) -> None:
        """Apply a change of the key from before the first entry, by its proof."""
        try:
            if seq >= self._start:
                raise BadNote("is not before the first entry")
            self._keys.prove(seq, entry, path, note)
        except BadNote as exc:
            self.faults.add(f"the change of the key in entry {seq}: {exc}", seq)

    def sign(self, note: str, line: int | None = None) -> None:
        """Check a checkpoint of the log itself: it must cover exactly the entries read so far."""
        checkpoint = self._opened(note, line, exact=True)
        if checkpoint is None:
            return
        size = checkpoint.size
        if size != self.next:
            what = f"a checkpoint of size {size} comes after {self.next} entries"
            self.faults.add(what, size=size, line=line)
        elif size == self.latest:
            self.faults.add(f"a second checkpoint of size {size}", size=size, line=line)
        else:
            self.latest = size
            self._link(checkpoint, line)
            if self._compare(checkpoint, line):
                self._keys.settle(size)

    def sign_within(self, note: str, path: Sequence[Hash], line: int | None = None) -> None:
        """Check a larger checkpoint of the log itself, with a proof that it covers the entries read so far."""
        checkpoint = self._opened(note, line, exact=True)
        if checkpoint is None:
            return
        size, root = checkpoint.size, checkpoint.root
        if size > self.next and verify_consistency(
            self.frontier.size, size, self.frontier.root(), root, path
        ):
            self._link(checkpoint, line)
            self.signed = self.latest = self.next
            return
        what = f"the signed checkpoint of size {size} is not proven to cover the entries before it"
        self.faults.add(what, size=size, line=line)

    def unsigned_from(self, why: str) -> None:
        """Add a fault if the newest entries are not signed."""
        if not self.unsigned:
            return
        what = f"no verified signature covers entries {self.signed} to {self.next - 1}{why}"
        self.faults.among(what, self.signed, self.next - 1)

    def verdict(self) -> LogReport:
        """Return the result, after the last entry and checkpoint."""
        self._leave(last=True)
        for size in sorted(self._checkpoints):
            if size < self._start:
                what = f"a checkpoint kept elsewhere, of size {size}, is older than the first entry"
                self.faults.add(what, size=size)
            elif size > self.next:
                for note in self._checkpoints[size]:
                    if self._opened(note, None) is not None:
                        self._cut_off(size)
        if self.next == self._start:
            self.faults.add("there are no entries")
        return LogReport(
            entries=self.frontier.size,
            checkpoints=self._checked,
            unsigned_entries=self.unsigned,
            root=self.frontier.root(),
            faults=self.faults.found,
            fault_count=self.faults.count,
            first_bad=self.faults.first_bad,
        )

    def beyond(self, note: str) -> None:
        """Check a checkpoint of the log itself that covers more entries than exist."""
        if (checkpoint := self._opened(note, None, exact=True)) is not None:
            self._cut_off(checkpoint.size)

    def _cut_off(self, size: int) -> None:
        what = f"by a signed checkpoint there were {size} entries; there are {self.next}"
        self.faults.add(what, self.next, size=size)

    def _compare_checkpoints(self) -> None:
        for note in self._checkpoints.pop(self.next, ()):
            if (checkpoint := self._opened(note, None)) is not None:
                self._compare(checkpoint, None)
                self._agreed = checkpoint.size

    def _leave(self, *, last: bool = False) -> None:
        """Add faults at this size: for a required checkpoint that is missing, and for one signed for an export."""
        if self._closed == self.next and not last:
            what = f"the checkpoint of size {self.next} was signed for an export that ends there"
            self.faults.add(what, size=self.next)
        if self._keys.awaits == self.next:
            what = f"the change of the key in entry {self.next - 1} lacks the old key's checkpoint"
            self.faults.add(what, self.next - 1, size=self.next)
            self._keys.drop()
        if self._agreed == self.next != self._start and self.latest != self.next:
            what = f"the log lacks the checkpoint of size {self.next} that was kept elsewhere"
            self.faults.add(what, size=self.next)

    def _link(self, checkpoint: Checkpoint, line: int | None) -> None:
        """Add a fault if the checkpoint's predecessor, which it names, is missing."""
        before, size = checkpoint.previous, checkpoint.size
        known = before == self._linked or (self._linked is None and (before or 0) <= self._start)
        if before is not None and not known:
            what = f"the checkpoint before that of size {size} is missing: it was of size {before}"
            self.faults.add(what, size=before, line=line)
        self._linked = size
        if checkpoint.closing:
            self._closed = size
            if not self._exported:
                what = f"the checkpoint of size {size} was signed for an export and does not belong to the log"
                self.faults.add(what, size=size, line=line)

    def _opened(self, note: str, line: int | None, *, exact: bool = False) -> Checkpoint | None:
        """Return the checkpoint in a note if the right key signed it; otherwise add a fault and return None."""
        self._checked += 1
        try:
            checkpoint = self._keys.open(note, exact=exact)
        except BadNote as exc:
            why = str(exc)
        else:
            if checkpoint.origin == self._origin:
                return checkpoint
            what = f"a checkpoint belongs to another log, {checkpoint.origin!r}"
            self.faults.add(what, size=checkpoint.size, line=line)
            return None
        size_line = note.split("\n", 2)[1:2]
        size = (
            int(size_line[0])
            if size_line and size_line[0].isdecimal() and len(size_line[0]) < 20
            else None
        )
        named = "unknown size" if size is None else f"size {size}"
        what = f"a checkpoint of {named}, after entry {self.next - 1}: {why}"
        self.faults.add(what, size=size, line=line)
        return None

    def _compare(self, checkpoint: Checkpoint, line: int | None) -> bool:
        size = checkpoint.size
        right = checkpoint.root == self.frontier.root()
        if right and checkpoint.chain in (None, self._last):
            self.signed = size
            return True
        differs = "chain" if right else "root"
        self.faults.among(
            f"the signed checkpoint of size {size} has another {differs}: one or more of entries "
            f"{self.signed} to {size - 1} were altered",
            self.signed,
            size - 1,
            size=size,
            line=line,
        )
        return False
