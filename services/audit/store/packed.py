"""Entries as rows of the log's tables, except what their place in the log gives: number, chain hash and time.

Rows are encoded before the log is locked, while an entry is in the processor's cache.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from struct import Struct
from uuid import UUID

import msgspec
from asyncpg import Connection
from msgspec.structs import astuple

from services.audit.domain.entries import Entry, EntryFields
from services.audit.domain.sealing import Value
from services.audit.store import copying
from services.audit.store.copying import Copying, Encoder
from shared.core.merkle import HASH_BYTES, Hash, Node

_FOUND: Mapping[str, Encoder] = {
    "event_id": copying.uuid,
    "kind": copying.repeated_text,
    "occurred_at": copying.moment,
    "service": copying.repeated_text,
    "person_id": copying.repeated_text,
    "person_name": copying.repeated_text,
    "permission": copying.repeated_text,
    "allowed": copying.boolean,
    "purpose_kind": copying.repeated_text,
    "case_number": copying.repeated_text,
    "plates": copying.texts,
    "request_id": copying.text,
    "attempt_id": copying.uuid,
    "client_address": copying.repeated_text,
}
"""The columns of `EntryFields`."""

_VALUE: Mapping[str, Encoder] = {
    "name": copying.repeated_text,
    "captured_on": copying.day,
    "sighting": copying.boolean,
    "disclosure": copying.text,
    "records": copying.texts,
    "plates": copying.texts,
}
"""The columns of `Value`."""

COLUMNS = ("seq", "entry", "leaf_hash", "entry_hash", "appended_at", *EntryFields.__struct_fields__)
VALUE_COLUMNS = ("seq", *Value.__struct_fields__)
_NODE_COLUMNS = ("level", "number", "hash")
_FOUND_ENCODERS = [_FOUND[name] for name in EntryFields.__struct_fields__]
_VALUE_ENCODERS = [_VALUE[name] for name in Value.__struct_fields__]

# Counts of values, lengths and values, as COPY has them.
_begin = Struct(">hiqi").pack
_hashes_and_time = Struct(f">i{HASH_BYTES}si{HASH_BYTES}siq").pack
_begin_value = Struct(">hiq").pack
_node = Struct(f">hihiqi{HASH_BYTES}s").pack


class Packed(msgspec.Struct, frozen=True, gc=False):
    """An entry to append, encoded."""

    event_id: UUID
    leaf: Hash
    content: bytes
    found: bytes
    """The values of `EntryFields`, encoded."""
    values: Sequence[bytes]
    """The columns of each of its sealed values, encoded, without the number."""


def packed(entries: Sequence[Entry]) -> list[Packed]:
    """Return entries as rows."""
    found = copying.encoded(_FOUND_ENCODERS, [astuple(entry.found) for entry in entries])
    sealed = [astuple(value) for entry in entries for value in entry.values]
    values = iter(copying.encoded(_VALUE_ENCODERS, sealed) if sealed else ())
    return [
        Packed(
            entry.found.event_id,
            entry.leaf,
            entry.content,
            fields,
            tuple([next(values) for _ in entry.values]),
        )
        for entry, fields in zip(entries, found, strict=True)
    ]


class Rows:
    """The rows of one append."""

    def __init__(self, at: datetime) -> None:
        """`at` is the time of the append."""
        self._at = copying.microseconds(at)
        self._entries: list[bytes] = []
        self._values: list[bytes] = []
        self._nodes: list[bytes] = []

    def add(self, seq: int, one: Packed, entry_hash: Hash) -> None:
        """Add an entry with its values."""
        content = one.content
        self._entries += (
            _begin(len(COLUMNS), 8, seq, len(content)),
            content,
            _hashes_and_time(HASH_BYTES, one.leaf, HASH_BYTES, entry_hash, 8, self._at),
            one.found,
        )
        for value in one.values:
            self._values += (_begin_value(len(VALUE_COLUMNS), 8, seq), value)

    def add_node(self, node: Node, value: Hash) -> None:
        """Add a complete subtree."""
        row = _node(len(_NODE_COLUMNS), 2, node.level, 8, node.number, HASH_BYTES, value)
        self._nodes.append(row)

    async def insert(self, driver: Connection) -> None:
        """Insert the rows, in the current transaction. Raises: UniqueViolationError for a key that the table has."""
        into = Copying(driver)
        await into.insert("entries", COLUMNS, self._entries)
        if self._values:
            await into.insert("sealed_values", VALUE_COLUMNS, self._values)
        if self._nodes:
            await into.insert("nodes", _NODE_COLUMNS, self._nodes)
