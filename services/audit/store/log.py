"""The log's tables. One lock guards appends, which come in batches; stored entries never change."""

import re
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.domain.entries import Entry, EntryFields
from services.audit.domain.proofs import GENESIS, STORED_LEVEL, chained, hashes_of, nodes_of
from services.audit.domain.sealing import Value
from services.audit.store.packed import COLUMNS, Packed, Rows, packed
from services.audit.store.values import Erased
from shared.core.merkle import Frontier, Hash, Node, Span, fold, root_of
from shared.postgres.database import driver_of

_FOUND = EntryFields.__struct_fields__
_SNAPSHOT = re.compile(r"[0-9A-F-]+")
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('audit-log'), hashtext(current_schema()))")
ROW_COLUMNS = ", ".join(COLUMNS)


class _Statements:
    """The SQL statements for the tables of one log."""

    def __init__(self, prefix: str) -> None:
        entries, nodes = f"{prefix}entries", f"{prefix}nodes"
        span = f"FROM {entries} WHERE seq >= :start AND seq < :end ORDER BY seq"
        self.last = text(
            f"SELECT seq, entry_hash, appended_at FROM {entries} ORDER BY seq DESC LIMIT 1"  # noqa: S608
        )
        self.known = text(
            f"SELECT event_id, leaf_hash, seq FROM {entries} WHERE event_id = ANY(:ids)"  # noqa: S608
        )
        # The first number that was appended at a time or later, by bisection: times of appends follow the numbers.
        self.first_at = text(
            f"""
            WITH RECURSIVE probe (low, high) AS (
                SELECT CAST(0 AS bigint), (SELECT coalesce(max(seq) + 1, 0) FROM {entries})
                UNION ALL
                SELECT CASE WHEN e.appended_at < :at THEN e.seq + 1 ELSE p.low END,
                    CASE WHEN e.appended_at < :at THEN p.high ELSE (p.low + p.high) / 2 END
                FROM probe p CROSS JOIN LATERAL (SELECT seq, appended_at FROM {entries}
                    WHERE seq >= (p.low + p.high) / 2 ORDER BY seq LIMIT 1) e
                WHERE p.low < p.high
            ) SELECT max(low) FROM probe
            """  # noqa: S608
        )
        self.texts = (
            f"SELECT seq, entry, leaf_hash, entry_hash, {', '.join(_FOUND)} FROM {entries}"  # noqa: S608
            " WHERE seq >= $1 AND seq < $2 ORDER BY seq LIMIT $3"
        )
        self.before = text(
            f"SELECT seq, entry_hash FROM {entries} WHERE seq < :seq ORDER BY seq DESC LIMIT 1"  # noqa: S608
        )
        self.leaves = text(f"SELECT leaf_hash {span}")
        self.page = text(f"SELECT {ROW_COLUMNS} {span} LIMIT :limit")
        self.node = text(f"SELECT hash FROM {nodes} WHERE level = :level AND number = :number")  # noqa: S608
        self.nodes = text(f"SELECT level, number, hash FROM {nodes} ORDER BY level, number")  # noqa: S608


OLD = "old_"
"""The prefix of table names of the log before this one."""

ON_TIME_WITHIN = timedelta(hours=1)
OFF_TIME = "(appended_at - occurred_at > interval '1 hour' OR occurred_at - appended_at > interval '1 hour')"
"""The condition of the index of entries that were not appended within `ON_TIME_WITHIN` of their event's time."""

OF_KIND = "hashtext(kind) = hashtext(:kind) AND kind = :kind"
"""The condition of entries of a kind; their index has the hash and the number as `seq + 0`."""

NO_END = 1 << 62
"""More than any entry's number."""

_ALLOWANCE = 2 * ON_TIME_WITHIN
"""Times of appends follow the numbers except for clocks of replicas that differ, here by `ON_TIME_WITHIN` at most."""

_STATEMENTS = {prefix: _Statements(prefix) for prefix in ("", OLD)}


@dataclass
class Head:
    """The end of the log: its frontier and last entry hash, from which the next append continues."""

    frontier: Frontier = field(default_factory=Frontier)
    last: Hash = GENESIS
    appended_at: datetime | None = None
    """The time of the last append; None for an empty log."""

    @property
    def size(self) -> int:
        """The number of entries."""
        return self.frontier.size

    def copy(self) -> "Head":
        """Return a copy that changes independently of this head."""
        return Head(self.frontier.copy(), self.last, self.appended_at)


class Known(NamedTuple):
    """The leaf hash and number of an event that is in the log."""

    leaf: Hash
    seq: int


@dataclass(frozen=True)
class Row:
    """One stored entry, with its sealed values and erasures where the caller loads them."""

    seq: int
    content: bytes
    leaf: Hash
    entry_hash: Hash
    appended_at: datetime
    found: EntryFields
    values: Sequence[Value] = ()
    """The remaining sealed groups; empty unless the caller loads them."""
    erased: Sequence[Erased] = ()
    """The groups or records that purges have erased; empty unless the caller loads them."""

    @property
    def plates(self) -> list[str]:
        """The plates in the entry and in its remaining groups, sorted."""
        sealed = (plate for value in self.values for plate in value.plates)
        return sorted({*self.found.plates, *sealed})


class Text(NamedTuple):
    """A stored entry to verify: its text, what is stored of it, and the values of `EntryFields`."""

    seq: int
    content: bytes
    leaf: Hash
    entry_hash: Hash
    fields: tuple[Any, ...]


class Log:
    """The only code that touches the entries. It has no statement that changes a stored entry."""

    def __init__(self, connection: AsyncConnection, prefix: str = "") -> None:
        """`prefix` is `OLD` for the log before this one, which is read-only."""
        self._connection = connection
        self._statements = _STATEMENTS[prefix]

    async def lock(self) -> None:
        """Wait for the append lock and hold it until the transaction ends."""
        await self._connection.execute(_LOCK)

    async def snapshot(self, exported: str | None = None) -> None:
        """Read from one snapshot of the log until the transaction ends. Call this before any other statement.

        `exported`: another transaction's, which must be open, as `export_snapshot` gives it.
        """
        await self._connection.execute(
            text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        )
        if exported is not None and _SNAPSHOT.fullmatch(exported):
            await self._connection.execute(text(f"SET TRANSACTION SNAPSHOT '{exported}'"))

    async def export_snapshot(self) -> str:
        """Return this transaction's snapshot for other connections, to read the same log."""
        found = await self._connection.execute(text("SELECT pg_export_snapshot()"))
        return str(found.scalar_one())

    async def size(self) -> int:
        """Return the number of entries."""
        last = (await self._connection.execute(self._statements.last)).one_or_none()
        return 0 if last is None else int(last.seq) + 1

    async def entry(self, seq: int) -> Row:
        """Return one entry. Raises: NoResultFound if the log has no entry `seq`."""
        values = {"start": seq, "end": seq + 1, "limit": 1}
        return row_of((await self._connection.execute(self._statements.page, values)).one())

    async def head(self, remembered: Head) -> Head:
        """Return the end of the log: a copy of `remembered` if that is current, else one read from the tables.

        Call this under the lock.
        """
        last = (await self._connection.execute(self._statements.last)).one_or_none()
        if last is None:
            return Head()
        size = int(last.seq) + 1
        if (remembered.size, remembered.last) == (size, last.entry_hash):
            return remembered.copy()
        peaks = [await self.hash_of(node) for node in nodes_of(Span(0, size))]
        return Head(Frontier(size, peaks), last.entry_hash, last.appended_at)

    async def known(self, ids: Sequence[UUID]) -> dict[UUID, Known]:
        """Return the events of `ids` that are in the log, by event id."""
        found = await self._connection.execute(self._statements.known, {"ids": list(ids)})
        return {row.event_id: Known(row.leaf_hash, row.seq) for row in found}

    async def append(self, head: Head, entries: Sequence[Entry], at: datetime) -> None:
        """Append `entries` after `head`, as `append_packed` does."""
        await self.append_packed(head, packed(entries), at)

    async def append_packed(self, head: Head, entries: Sequence[Packed], at: datetime) -> None:
        """Append `entries` after `head` and advance `head` past them. Call this under the lock.

        Their time is `at`, or that of the entry before them if a clock was set back: a search by time relies on it.
        """
        at = head.appended_at = max(at, head.appended_at or at)
        rows, grow = Rows(at), head.frontier.append
        for seq, entry in enumerate(entries, head.size):
            head.last = chained(head.last, entry.leaf)
            for node, value in grow(entry.leaf, STORED_LEVEL):
                rows.add_node(node, value)
            rows.add(seq, entry, head.last)
        await rows.insert(await driver_of(self._connection))

    async def leaves(self, span: Span) -> list[Hash]:
        """Return the leaf hashes of a span, in order."""
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
        """Return the root hash of the log's first `size` entries."""
        return fold([await self.hash_of(node) for node in nodes_of(Span(0, size))])

    async def span_of(self, since: datetime | None, until: datetime | None) -> Span:
        """Return the numbers of the entries from `since` to before `until`, except those that are `OFF_TIME`.

        The span may have other entries too; None leaves an end open.
        """
        first = 0 if since is None else await self._first_at(since, -_ALLOWANCE)
        end = NO_END if until is None else await self._first_at(until, _ALLOWANCE)
        return Span(first, end)

    async def _first_at(self, at: datetime, allowance: timedelta) -> int:
        try:
            values = {"at": at + allowance}
        except OverflowError:  # at the end of the calendar
            return 0 if allowance < timedelta() else NO_END
        return int((await self._connection.execute(self._statements.first_at, values)).scalar_one())

    async def rows(self, span: Span, *, page: int = 2000) -> AsyncIterator[list[Row]]:
        """Yield the entries of a span in lists of at most `page`."""
        start = span.start
        while start < span.end:
            values = {"start": start, "end": span.end, "limit": page}
            found = (await self._connection.execute(self._statements.page, values)).all()
            if not found:
                return
            yield [row_of(row) for row in found]
            start = found[-1].seq + 1

    async def texts(self, span: Span, *, page: int = 2000) -> AsyncIterator[list[Text]]:
        """Yield the entries of a span in lists of at most `page`."""
        driver = await driver_of(self._connection)
        start = span.start
        while start < span.end:
            found = await driver.fetch(self._statements.texts, start, span.end, page)
            if not found:
                return
            yield [Text(row[0], row[1], row[2], row[3], tuple(row[4:])) for row in found]
            start = found[-1]["seq"] + 1

    async def before(self, seq: int) -> tuple[int, Hash]:
        """Return the number that follows the last entry before `seq`, and that entry's chain hash."""
        found = await self._connection.execute(self._statements.before, {"seq": seq})
        row = found.one_or_none()
        return (0, GENESIS) if row is None else (row.seq + 1, row.entry_hash)

    async def stored_nodes(self) -> AsyncIterator[tuple[Node, Hash]]:
        """Yield each stored subtree with its root hash, by level and number."""
        async with self._connection.stream(self._statements.nodes) as found:
            async for row in found:
                yield Node(row.level, row.number), row.hash


def row_of(row: Any) -> Row:
    """Return a database row of `ROW_COLUMNS` as a `Row`, without sealed values and erasures."""
    values = row._mapping
    found = EntryFields(**{name: values[name] for name in _FOUND})
    return Row(row.seq, row.entry, row.leaf_hash, row.entry_hash, row.appended_at, found)
