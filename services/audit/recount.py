"""Recomputes a log from its exact entries and holds it against what was stored and signed.

Needs neither database nor service: an outsider with an export and a public key does the same.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from services.audit.domain import GENESIS, chained
from services.audit.note import BadNote, Checkpoint, Verifier
from shared.merkle import Frontier, Hash, leaf_hash


@dataclass(frozen=True)
class Fault:
    """Something that is not as it should be; `seq` where one entry can be named."""

    seq: int | None
    what: str


@dataclass
class Faults:
    """What was found wrong."""

    found: list[Fault] = field(default_factory=list)

    def add(self, what: str, seq: int | None = None) -> None:
        """Write a fault down."""
        self.found.append(Fault(seq, what))

    @property
    def first_bad(self) -> int | None:
        """The lowest number of an entry that is wrong."""
        return min((f.seq for f in self.found if f.seq is not None), default=None)


@dataclass(frozen=True)
class Verdict:
    """What a recount came to."""

    entries: int
    checkpoints: int
    root: Hash
    faults: Sequence[Fault]
    first_bad: int | None

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


class Recount:
    """Takes entries in order, then the notes of checkpoints; says what is wrong."""

    def __init__(
        self,
        origin: str,
        verifiers: Sequence[Verifier],
        *,
        frontier: Frontier | None = None,
        last: Hash = GENESIS,
    ) -> None:
        self.faults = Faults()
        self.frontier = frontier or Frontier()
        self._origin = origin
        self._verifiers = verifiers
        self._last = last
        self._notes: dict[int, list[Checkpoint]] = {}
        self._good_size = self._next = self.frontier.size
        self._checked = 0

    def expect(self, notes: Iterable[str]) -> None:
        """Check the signatures of `notes`; their roots are checked as the log comes to their sizes."""
        for note in notes:
            self._checked += 1
            checkpoint = self._opened(note)
            if checkpoint is not None:
                self._notes.setdefault(checkpoint.size, []).append(checkpoint)
        self._meet_checkpoints()

    def take(self, seq: int, content: bytes, entry_hash: Hash, leaf: Hash | None = None) -> None:
        """Recompute the next entry; what is stored of it is held against that.

        The chain goes on from what is stored, so that one altered entry is one fault, not all after it.
        """
        if seq != self._next:
            what = f"entry {self._next} is missing, {seq} stands in its place"
            self.faults.add(what, min(seq, self._next))
        self._next = seq + 1
        computed = leaf_hash(content)
        if leaf is not None and leaf != computed:
            self.faults.add(f"entry {seq}: its text does not have its leaf hash", seq)
        if entry_hash != chained(self._last, computed):
            self.faults.add(f"entry {seq}: the chain does not hold", seq)
        self._last = entry_hash
        self.frontier.append(computed)
        self._meet_checkpoints()

    def verdict(self) -> Verdict:
        """Return what it came to, once all was taken."""
        size = self.frontier.size
        for signed in sorted(self._notes):
            if signed < size:
                self.faults.add(f"a checkpoint of size {signed} lies before what was given")
                continue
            what = f"a signed checkpoint says that there were {signed} entries; there are {size}"
            self.faults.add(what, size)
        return Verdict(
            entries=self.frontier.size,
            checkpoints=self._checked,
            root=self.frontier.root(),
            faults=self.faults.found,
            first_bad=self.faults.first_bad,
        )

    def _opened(self, note: str) -> Checkpoint | None:
        for verifier in self._verifiers:
            try:
                checkpoint = Checkpoint.parse(verifier.verify(note))
            except BadNote:
                continue
            if checkpoint.origin != self._origin:
                self.faults.add(f"a checkpoint is of another log, {checkpoint.origin!r}")
                return None
            return checkpoint
        shown = note.split("\n", 2)[1:2]
        self.faults.add(f"a checkpoint (size {''.join(shown)[:20]}) is signed by none of the keys")
        return None

    def _meet_checkpoints(self) -> None:
        size = self.frontier.size
        for checkpoint in self._notes.pop(size, ()):
            if checkpoint.root == self.frontier.root():
                self._good_size = size
                continue
            self.faults.add(
                f"the signed checkpoint of size {size} has another root: something in entries "
                f"{self._good_size} to {size - 1} was altered",
                self._good_size if self.faults.first_bad is None else None,
            )
