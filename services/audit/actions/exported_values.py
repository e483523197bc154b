"""Checks the sealed values of an export, or counts them if the export leaves them out."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from services.audit.actions.export import Disclosed, ErasedBefore, ErasedPart
from services.audit.actions.value_check import Gone, ValueCheck
from services.audit.domain.recount import ErasedSum, Faults
from services.audit.domain.sealing import Unreadable
from services.audit.store.values import erased_line


@dataclass(frozen=True)
class _There:
    """The remaining disclosures of a group in an export."""

    name: str
    disclosure: str
    records: Sequence[str | None] | None


class ExportedValues:
    """Processes an export's lines in order, and holds one entry's groups in memory at a time.

    It hashes each purge's list of erased groups along the way, because list and export have the same order.
    """

    def __init__(self, faults: Faults, start: int, *, given: bool) -> None:
        """`given`: whether the export declares values. `start`: number of its first entry."""
        self._faults = faults
        self._check = ValueCheck(faults, start=start)
        self._start = start
        self._given = given
        self._seq: int | None = None
        self._digests: Mapping[str, str] = {}
        self._lines: list[Disclosed] = []
        self._lists: dict[str, Any] = defaultdict(sha256)
        self.left_out = 0

    @property
    def compared(self) -> int:
        """The number of groups that are present, whole or in part."""
        return self._check.compared

    def before(self, line: ErasedBefore) -> None:
        """Process a line about an entry before the span. Raises: Unreadable if it is out of place."""
        if not self._given or self._seq is not None:
            raise Unreadable(
                "earlier erasures may only come at the beginning of an export with values"
            )
        self._lists[line.purged_event_id].update(f"{line.erased}\n".encode())
        number = line.erased.partition(" ")[0]
        if not number.isdecimal() or int(number) >= self._start:
            raise Unreadable("an earlier erasure must name an entry before the export's first")
        self._check.erased_of(line.purged_event_id, int(number))

    def entry(self, seq: int, content: bytes) -> None:
        """Process an entry; the following groups belong to it."""
        self.leave()
        self._seq = seq
        self._digests = self._check.digests(seq, content)
        if not self._given:
            self.left_out += len(self._digests)

    def group(self, line: Disclosed) -> None:
        """Process a group of the preceding entry. Raises: Unreadable if it is out of place."""
        if not self._given:
            raise Unreadable("there is a value, but the export says that values are left out")
        if line.of != self._seq:
            raise Unreadable(f"a value of entry {line.of} does not follow its entry")
        if self._lines and line.name <= self._lines[-1].name:
            raise Unreadable("an entry's values must come in the order of their names, each once")
        self._lines.append(line)

    def leave(self) -> None:
        """Finish the current entry: compare its digests with its groups."""
        seq, lines, digests = self._seq, self._lines, self._digests
        self._lines, self._digests = [], {}
        if seq is None or not self._given:
            return
        gone = {line.name: [_gone(part) for part in line.erased] for line in lines}
        for line in lines:
            for one in gone[line.name]:
                text = erased_line(seq, line.name, one.places)
                self._lists[one.purged_event].update(text.encode())
            if line.name not in digests:
                what = f"entry {seq}: it has no digest of {line.name}, but there is a value of it"
                self._faults.add(what, seq)
        there = [
            _There(line.name, line.disclosure, line.records)
            for line in lines
            if line.disclosure is not None and line.name in digests
        ]
        self._check.against(seq, digests, there, gone)

    def ended(self) -> list[ErasedSum]:
        """Return the erasures by purge run, after the last line."""
        self.leave()
        if not self._given:
            return []
        said = set(self._check.unlisted())
        for purged_event in sorted({*self._lists, *said}, key=lambda one: (one in said, one)):
            self._check.list_of(purged_event, self._lists[purged_event].hexdigest())
        return self._check.ended()


def _gone(part: ErasedPart) -> Gone:
    places = None if part.places is None else frozenset(part.places)
    return Gone(part.purged_event_id, places)
