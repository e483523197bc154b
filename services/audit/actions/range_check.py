"""Checks a range of the stored log by itself, so that processes share the work of a verification.

What shows only with the entries before a range is left to the recount: the tree, checkpoints, changes of the key,
certificates and lists of erased values.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import astuple
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.actions.preparation import found_of
from services.audit.actions.value_check import (
    CERTIFIED_TYPE,
    ERASED_TYPE,
    ValueCheck,
    ValuePart,
    digests_of,
)
from services.audit.domain.entries import EntryFields
from services.audit.domain.recount import MAX_FAULTS, Deviation, Faults, check_hashes
from services.audit.domain.sealing import UNDECODABLE, Value
from services.audit.domain.succession import KEY_TYPE
from services.audit.store.log import Log, Text
from services.audit.store.values import Erased, Values
from shared.core.errors import AlprError
from shared.core.merkle import HASH_BYTES, Hash, Span

_READ = (KEY_TYPE, ERASED_TYPE, CERTIFIED_TYPE)
"""The types of the entries that the recount must read, without their versions."""


class Notable(msgspec.Struct, frozen=True):
    """An entry of a range that deviates, or that the recount must read."""

    place: int
    """Its place in the range, from 0."""
    seq: int
    content: bytes
    """Its text; empty unless it may change the key, or log an erasing or a certificate."""
    deviations: Sequence[Deviation] = ()


class CheckedRange(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a range's check."""

    expected: int
    """The number that follows the entry before the range."""
    before: Hash
    """The stored chain hash of that entry."""
    leaves: bytes
    """The leaf hashes of the entries' texts, one after the other."""
    stored_leaves: bytes
    """Those that are stored; empty if they are the same."""
    chain: bytes
    """The stored chain hashes."""
    notable: Sequence[Notable]
    uncounted: int
    """The number of deviations beyond those that `notable` lists."""
    values: ValuePart

    end: int
    """The number that follows the last entry."""

    @property
    def size(self) -> int:
        """The number of entries."""
        return len(self.leaves) // HASH_BYTES


async def check_range(connection: AsyncConnection, span: Span) -> CheckedRange:
    """Check the entries of a span: texts, hashes, chain, search fields and sealed values."""
    log, values = Log(connection), Values(connection)
    check = _RangeCheck(*await log.before(span.start))
    async for rows in log.texts(span):
        here = rows[0].seq, rows[-1].seq + 1
        check.add_page(rows, await values.of_span(*here), await values.erased(*here))
    return check.result()


class _RangeCheck:
    def __init__(self, expected: int, last: Hash) -> None:
        self._expected, self._before = expected, last
        self._next, self._last = expected, last
        self._leaves: list[Hash] = []
        self._stored: list[Hash] = []
        self._chain: list[Hash] = []
        self._notable: list[Notable] = []
        self._listed = 0
        self._uncounted = 0
        self._faults = Faults()
        self._values = ValueCheck(self._faults)

    def add_page(
        self,
        rows: Sequence[Text],
        values: Mapping[int, Sequence[Value]],
        erased: Mapping[tuple[int, str], Sequence[Erased]],
    ) -> None:
        """Check entries with their values and erasures."""
        for row in rows:
            seq, content, leaf, entry_hash, _ = row
            computed, found = check_hashes(self._next, self._last, seq, content, entry_hash, leaf)
            entry, fault = _decoded(row)
            found += fault
            digests = digests_of(entry)
            if digests or seq in values:
                self._values.check_entry(seq, digests, values.get(seq, ()), erased)
                if self._faults.count:
                    found += self._value_faults()
            read = _is_read(entry)
            if found or read:
                self._note(seq, content if read else b"", found)
            self._next, self._last = seq + 1, entry_hash
            self._leaves.append(computed)
            self._stored.append(leaf)
            self._chain.append(entry_hash)

    def result(self) -> CheckedRange:
        """Return the result, after the last entry."""
        return CheckedRange(
            expected=self._expected,
            before=padded([self._before]),
            leaves=b"".join(self._leaves),
            stored_leaves=b"" if self._stored == self._leaves else padded(self._stored),
            chain=padded(self._chain),
            notable=self._notable,
            uncounted=self._uncounted,
            values=self._values.part,
            end=self._next,
        )

    def _value_faults(self) -> list[Deviation]:
        """Return the faults of the values, and begin without any."""
        found = [Deviation(fault.what, fault.seq or 0) for fault in self._faults.found]
        self._faults.found.clear()
        self._faults.count = 0
        return found

    def _note(self, seq: int, content: bytes, found: Sequence[Deviation]) -> None:
        listed = found[: max(0, MAX_FAULTS - self._listed)]
        self._listed += len(listed)
        self._uncounted += len(found) - len(listed)
        self._notable.append(Notable(len(self._leaves), seq, content, listed))


def _decoded(row: Text) -> tuple[Any, list[Deviation]]:
    """Return a row's entry, decoded, and how its search fields deviate."""
    seq, entry = row.seq, None
    try:
        entry = msgspec.json.decode(row.content)
        found = astuple(found_of(entry))
    except (*UNDECODABLE, AlprError):
        return entry, [Deviation(f"entry {seq}: its text is not a valid entry", seq)]
    if found == row.fields:
        return entry, []
    names = EntryFields.__struct_fields__
    altered = [n for n, a, b in zip(names, found, row.fields, strict=True) if a != b]
    what = f"entry {seq}: it is indexed with another {', '.join(altered)} than its text has"
    return entry, [Deviation(what, seq)]


def _is_read(entry: Any) -> bool:
    return isinstance(entry, dict) and str(entry.get("type")).startswith(_READ)


def padded(hashes: Iterable[Hash]) -> bytes:
    """Return hashes one after the other, each with 32 bytes; a stored one could have another length."""
    return b"".join(one[:HASH_BYTES].ljust(HASH_BYTES, b"\0") for one in hashes)
