"""The log's tables: appended under one lock, a batch at a time, and never touched again."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from msgspec.structs import astuple
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.domain.entries import Entry, Found
from services.audit.domain.proofs import GENESIS, chained, hashes_of, nodes_of
from services.audit.domain.sealing import Value
from services.audit.store.values import COLUMNS as VALUE_COLUMNS
from services.audit.store.values import Erased
from shared.core.merkle import Frontier, Hash, Node, Span, fold, root_of

STORED_LEVEL = 8
"""Complete subtrees of 2**8 entries and more are stored."""

_FOUND = tuple(Found.__struct_fields__)
_COLUMNS = ("seq", "entry", "leaf_hash", "entry_hash", "appended_at", *_FOUND)
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('audit-log'), hashtext(current_schema()))")
ROW_COLUMNS = ", ".join(_COLUMNS)


class _Statements:
    """The statements over one log's tables."""

    def __init__(self, prefix: str) -> None:
        entries, nodes = f"{prefix}entries", f"{prefix}nodes"
        span = f"FROM {entries} WHERE seq >= :start AND seq < :end ORDER BY seq"
        self.last = text(f"SELECT seq, entry_hash FROM {entries} ORDER BY seq DESC LIMIT 1")  # noqa: S608
        self.known = text(
            f"SELECT event_id, leaf_hash, seq FROM {entries} WHERE event_id = ANY(:ids)"  # noqa: S608
        )
        self.leaves = text(f"SELECT leaf_hash {span}")
        self.page = text(f"SELECT {ROW_COLUMNS} {span} LIMIT :limit")
        self.node = text(f"SELECT hash FROM {nodes} WHERE level = :level AND number = :number")  # noqa: S608
        self.nodes = text(f"SELECT level, number, hash FROM {nodes} ORDER BY level, number")  # noqa: S608


OLD = "old_"
"""Before the names of the tables of the log before this one."""

_STATEMENTS = {prefix: _Statements(prefix) for prefix in ("", OLD)}


@dataclass
class Head:
    """Where the log ends: what the next append goes on from."""

    frontier: Frontier = field(default_factory=Frontier)
    last: Hash = GENESIS

    @property
    def size(self) -> int:
        """How many entries there are."""
        return self.frontier.size

    def copy(self) -> "Head":
        """Return another one that can go its own way."""
        return Head(self.frontier.copy(), self.last)


class Known(NamedTuple):
    """An event that is in the log already."""

    leaf: Hash
    seq: int


@dataclass(frozen=True)
class Row:
    """One stored entry with all that is stored beside it."""

    seq: int
    content: bytes
    leaf: Hash
    entry_hash: Hash
    appended_at: datetime
    found: Found
    values: Sequence[Value] = ()
    """The sealed groups that are still there, where they were asked for."""
    erased: Sequence[Erased] = ()
    """What purges have erased, where it was asked for."""

    @property
    def plates(self) -> list[str]:
        """The plates that it names, in the entry and in what is still there of its groups."""
        sealed = (plate for value in self.values for plate in value.plates)
        return sorted({*self.found.plates, *sealed})


class Log:
    """The only code that touches the entries. There is no statement here that changes one."""

    def __init__(self, connection: AsyncConnection, prefix: str = "") -> None:
        """`prefix` is `OLD` for the log before this one, which is only read."""
        self._connection = connection
        self._statements = _STATEMENTS[prefix]

    async def lock(self) -> None:
        """Wait until nobody else appends, and let nobody until the transaction ends."""
        await self._connection.execute(_LOCK)

    async def snapshot(self) -> None:
        """See the log as it is now until the transaction ends; call it first."""
        await self._connection.execute(
            text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        )

    async def size(self) -> int:
        """Return how many entries there are."""
        last = (await self._connection.execute(self._statements.last)).one_or_none()
        return 0 if last is None else int(last.seq) + 1

    async def entry(self, seq: int) -> Row:
        """Return one entry. Raises: NoResultFound where there is none."""
        values = {"start": seq, "end": seq + 1, "limit": 1}
        return row_of((await self._connection.execute(self._statements.page, values)).one())

    async def head(self, remembered: Head) -> Head:
        """Return where the log ends; `remembered` if that is still so. Call it under the lock."""
        last = (await self._connection.execute(self._statements.last)).one_or_none()
        if last is None:
            return Head()
        size = int(last.seq) + 1
        if (remembered.size, remembered.last) == (size, last.entry_hash):
            return remembered.copy()
        peaks = [await self.hash_of(node) for node in nodes_of(Span(0, size))]
        return Head(Frontier(size, peaks), last.entry_hash)

    async def known(self, ids: Sequence[UUID]) -> dict[UUID, Known]:
        """Return those events that are in the log already."""
        found = await self._connection.execute(self._statements.known, {"ids": list(ids)})
        return {row.event_id: Known(row.leaf_hash, row.seq) for row in found}

    async def append(self, head: Head, entries: Sequence[Entry], at: datetime) -> None:
        """Append `entries` after `head`, which moves on with them. Call it under the lock."""
        rows, nodes, values = [], [], []
        for entry in entries:
            seq = head.size
            head.last = chained(head.last, entry.leaf)
            completed = head.frontier.append(entry.leaf, STORED_LEVEL)
            nodes += [(*node, value) for node, value in completed]
            rows.append((seq, entry.content, entry.leaf, head.last, at, *astuple(entry.found)))
            if entry.values:
                values += [(seq, *astuple(value)) for value in entry.values]
        await self._copy("entries", _COLUMNS, rows)
        if values:
            await self._copy("sealed_values", VALUE_COLUMNS, values)
        if nodes:
            await self._copy("nodes", ("level", "number", "hash"), nodes)

    async def _copy(self, table: str, columns: Sequence[str], rows: Sequence[Any]) -> None:
        """COPY, in the transaction in hand: half the cost of INSERT with its many arrays."""
        raw = await self._connection.get_raw_connection()
        driver: Any = raw.driver_connection
        await driver.copy_records_to_table(table, records=rows, columns=columns)

    async def leaves(self, span: Span) -> list[Hash]:
        """Return the leaf hashes of a span."""
        found = await self._connection.execute(self._statements.leaves, span._asdict())
        return list(found.scalars())

    async def hash_of(self, node: Node) -> Hash:
        """Return the root of a complete subtree."""
        if node.level < STORED_LEVEL:
            return root_of(await self.leaves(node.span))
        found = await self._connection.execute(self._statements.node, node._asdict())
        return bytes(found.scalar_one())

    async def proof(self, spans: Iterable[Span]) -> list[Hash]:
        """Return the roots of the spans of a proof."""
        spans = list(spans)
        nodes = {node for span in spans for node in nodes_of(span)}
        hashes = {node: await self.hash_of(node) for node in nodes}
        return hashes_of(spans, hashes.__getitem__)

    async def root(self, size: int) -> Hash:
        """Return the root of the log as it was at `size`."""
        return fold([await self.hash_of(node) for node in nodes_of(Span(0, size))])

    async def rows(self, span: Span, *, page: int = 2000) -> AsyncIterator[list[Row]]:
        """Yield the entries of a span, a page at a time."""
        start = span.start
        while start < span.end:
            values = {"start": start, "end": span.end, "limit": page}
            found = (await self._connection.execute(self._statements.page, values)).all()
            if not found:
                return
            yield [row_of(row) for row in found]
            start = found[-1].seq + 1

    async def stored_nodes(self) -> AsyncIterator[tuple[Node, Hash]]:
        """Yield every stored subtree."""
        async with self._connection.stream(self._statements.nodes) as found:
            async for row in found:
                yield Node(row.level, row.number), row.hash


def row_of(row: Any) -> Row:
    """Return a database row with `ROW_COLUMNS` as what it is."""
    values = row._mapping
    found = Found(**{name: values[name] for name in _FOUND})
    return Row(row.seq, row.entry, row.leaf_hash, row.entry_hash, row.appended_at, found)
