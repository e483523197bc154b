"""Slices of the work of purge runs: what a run destroys of a span of time, in few rows.

A slice of a whole month is filled while its records are still visible, and may be filled again. It counts from the
transaction that destroys its records; before, nothing deletes the objects and plates that it lists.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.store.partitions import Month
from shared.objects.purge_list import DIGEST_BYTES, KINDS, Kind

BUCKETS = 64
"""Parts of a slice's digests, by their first six bits: a list is made of some buckets of all slices at a time."""

OBJECTS_AT_ONCE = 5000
"""Objects of one row, which the cleaner deletes together."""

PAGE = 10_000
NOWHERE = UUID(int=0)


class Span(NamedTuple):
    """The records captured in [start, end)."""

    start: datetime
    end: datetime


class Slice(NamedTuple):
    """A filled slice of a month that is still there."""

    slice_id: int
    start: datetime
    end: datetime
    holds: frozenset[UUID]
    """The holds that it respects."""
    is_changed: bool
    """Whether records of it were stored or destroyed since it was filled."""

    @property
    def span(self) -> Span:
        """The span of its records."""
        return Span(self.start, self.end)


class Counts(NamedTuple):
    """Numbers of destroyed reads and captures, and of objects to delete."""

    reads: int = 0
    captures: int = 0
    objects: int = 0


_ADD = text(
    """
    INSERT INTO purge_slices (run_id, captured_from, captured_to, holds, seen_change)
    VALUES (:run_id, :start, :end, :holds, :seen_change) RETURNING slice_id
    """
)
IN_SPAN = "r.captured_at >= :start AND r.captured_at < :end"
"""The condition that a record `r` was captured in a span, with the span's bounds as parameters."""

# The index of a kind in KINDS is its number in `slice_digests.kind`. OFFSET 0 keeps Postgres from computing each digest
# twice.
_DIGESTS = {
    kind: text(
        f"""
        WITH stored AS (
            INSERT INTO slice_digests (slice_id, kind, bucket, digests)
            SELECT :slice_id, {number}, get_byte(d.digest, 0) * {BUCKETS} / 256, string_agg(d.digest, '')
            FROM (
                SELECT id_digest_bytes(r.{kind}_id) AS digest FROM {kind}s r WHERE {IN_SPAN}
                AND NOT EXISTS (SELECT FROM held_{kind}s h WHERE h.{kind}_id = r.{kind}_id) OFFSET 0
            ) AS d GROUP BY 3 RETURNING octet_length(digests) / {DIGEST_BYTES} AS rows
        )
        SELECT coalesce(sum(rows), 0) FROM stored
        """  # noqa: S608 - constants
    )
    for number, kind in enumerate(KINDS)
}
_OBJECTS = text(
    f"""
    WITH keys AS MATERIALIZED (
        SELECT key FROM (
            SELECT r.crop_key AS key FROM reads r WHERE {IN_SPAN} AND r.crop_key IS NOT NULL
            UNION ALL
            SELECT r.image_key FROM reads r WHERE {IN_SPAN} AND r.image_key IS NOT NULL
                AND NOT EXISTS (SELECT FROM captures c WHERE c.capture_id = r.capture_id AND c.captured_at >= :start
                                AND c.captured_at < :end)
            UNION ALL
            SELECT r.object_key FROM captures r WHERE {IN_SPAN}
        ) AS of_span
        WHERE NOT EXISTS (SELECT FROM held_reads h WHERE h.crop_key = key)
            AND NOT EXISTS (SELECT FROM held_reads h WHERE h.image_key = key)
            AND NOT EXISTS (SELECT FROM held_captures h WHERE h.object_key = key)
        GROUP BY key
    ), stored AS (
        INSERT INTO slice_objects (slice_id, number, object_keys)
        SELECT :slice_id, number, array_agg(key)
        FROM (SELECT key, (row_number() OVER () - 1) / :at_once AS number FROM keys) AS numbered GROUP BY number
        RETURNING cardinality(object_keys) AS objects
    )
    SELECT coalesce(sum(objects), 0) FROM stored
    """  # noqa: S608 - constants
)
_PLATES = text(
    f"""
    INSERT INTO slice_plates (slice_id, plates)
    SELECT :slice_id, array_agg(DISTINCT r.plate_id) FROM reads r WHERE {IN_SPAN} HAVING count(*) > 0
    """  # noqa: S608 - constants
)
_COUNT = text(
    "UPDATE purge_slices SET reads = :reads, captures = :captures, objects = :objects"
    " WHERE slice_id = :slice_id"
)
_DELETE = text("DELETE FROM purge_slices WHERE slice_id = :slice_id")
_RESPECT = text("UPDATE purge_slices SET holds = :holds WHERE slice_id = :slice_id")
_OF_MONTH = (
    "s.run_id = :run_id AND NOT s.destroyed AND s.captured_from >= :start AND s.captured_to <= :end"
)
_FILLED = text(
    f"""
    SELECT s.slice_id, s.captured_from, s.captured_to, s.holds, EXISTS (
        SELECT FROM month_changes c WHERE c.change_id > s.seen_change
        AND c.captured_from < s.captured_to AND c.captured_to >= s.captured_from
    ) AS is_changed
    FROM purge_slices s WHERE {_OF_MONTH} ORDER BY s.captured_from
    """  # noqa: S608 - constants
)
_LAST_CHANGE = text("SELECT coalesce(max(change_id), 0) FROM month_changes")
_CHANGED = text("INSERT INTO month_changes (captured_from, captured_to) VALUES (:start, :end)")
_DESTROYED = text(
    f"""
    WITH destroyed AS (
        UPDATE purge_slices s SET destroyed = true WHERE {_OF_MONTH}
        RETURNING s.reads, s.captures, s.objects
    )
    SELECT coalesce(sum(reads), 0)::bigint AS reads, coalesce(sum(captures), 0)::bigint AS captures,
        coalesce(sum(objects), 0)::bigint AS objects FROM destroyed
    """  # noqa: S608 - constants
)
_END_MONTH = (
    text(
        "DELETE FROM purge_slices s WHERE NOT s.destroyed AND s.captured_from >= :start AND s.captured_to <= :end"
    ),
    text("DELETE FROM month_changes c WHERE c.captured_from >= :start AND c.captured_to <= :end"),
)
# Only another run that is executing may have slices that have not seen a change.
_FORGET = text(
    """
    DELETE FROM month_changes c WHERE c.captured_to <= :before AND NOT EXISTS (
        SELECT FROM purge_runs r WHERE r.run_id <> :run_id AND r.state = 'executing'
    )
    """
)
_ADOPT = text(
    """
    UPDATE purge_slices s SET run_id = :run_id FROM purge_runs r
    WHERE r.run_id = s.run_id AND s.destroyed AND r.state = 'withdrawn' AND r.before <= :before
    """
)
_MARK = text(
    "SELECT count(*) AS slices, max(slice_id) AS last FROM purge_slices WHERE run_id = :run_id AND destroyed"
)
_SIZES = text(
    f"""
    SELECT d.kind, sum(octet_length(d.digests)) / {DIGEST_BYTES} AS records
    FROM slice_digests d JOIN purge_slices s USING (slice_id) WHERE s.run_id = :run_id AND s.destroyed GROUP BY 1
    """  # noqa: S608 - constants
)
_PURGED = {
    kind: text(
        f"""
        SELECT (
            SELECT string_agg(d.digests, '') FROM slice_digests d JOIN purge_slices s USING (slice_id)
            WHERE s.run_id = :run_id AND s.destroyed AND d.kind = {number}
                AND d.bucket >= :first_bucket AND d.bucket <= :last_bucket
        ) AS found, (
            SELECT string_agg(id_digest_bytes(h.{kind}_id), '') FROM held_{kind}s h
            WHERE id_digest(h.{kind}_id) >= :first AND id_digest(h.{kind}_id) <= :last
        ) AS held
        """  # noqa: S608 - constants
    )
    for number, kind in enumerate(KINDS)
}
_HELD = {
    kind: text(
        f"""
        SELECT DISTINCT id_digest(h.{kind}_id) FROM held_{kind}s h
        WHERE h.captured_at < :before AND id_digest(h.{kind}_id) > :after
        ORDER BY 1 LIMIT :limit
        """  # noqa: S608 - constants
    )
    for kind in KINDS
}
# Slices whose list is written and whose objects and plates are in the cleanup queue, and those that never count.
_CLEAR = text(
    """
    DELETE FROM purge_slices WHERE slice_id IN (
        SELECT s.slice_id FROM purge_slices s JOIN purge_runs r USING (run_id)
        WHERE s.destroyed AND r.state IN ('executed', 'certified')
            AND NOT EXISTS (SELECT FROM slice_objects o WHERE o.slice_id = s.slice_id)
            AND NOT EXISTS (SELECT FROM slice_plates p WHERE p.slice_id = s.slice_id)
            OR NOT s.destroyed AND r.state <> 'executing'
        LIMIT :limit
    )
    """
)


class Slices:
    """The slices of purge runs."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def fill(
        self, run_id: UUID, span: Span, *, holds: Collection[UUID] = (), seen_change: int = 0
    ) -> Counts:
        """List the records of a span, except those in the held tables, with their objects and plates; count them.

        Args:
            holds: the holds whose records the held tables have.
            seen_change: the last change of records that this transaction sees.
        """
        named: dict[str, Any] = {**span._asdict(), "run_id": run_id}
        held = {"holds": list(holds), "seen_change": seen_change}
        slice_id = (await self._connection.execute(_ADD, {**named, **held})).scalar_one()
        of_slice = {**span._asdict(), "slice_id": slice_id}
        rows = [
            int((await self._connection.execute(_DIGESTS[kind], of_slice)).scalar_one())
            for kind in KINDS
        ]
        objects = await self._connection.execute(_OBJECTS, {**of_slice, "at_once": OBJECTS_AT_ONCE})
        await self._connection.execute(_PLATES, of_slice)
        counts = Counts(reads=rows[1], captures=rows[0], objects=int(objects.scalar_one()))
        await self._connection.execute(_COUNT, {"slice_id": slice_id, **counts._asdict()})
        return counts

    async def filled(self, run_id: UUID, month: Month) -> list[Slice]:
        """Return the slices that a run has filled of a month that is still there, in order."""
        named = {"run_id": run_id, **month._asdict()}
        return [
            Slice(row[0], row[1], row[2], frozenset(row[3]), row[4])
            for row in await self._connection.execute(_FILLED, named)
        ]

    async def delete(self, slice_id: int) -> None:
        """Delete a slice."""
        await self._connection.execute(_DELETE, {"slice_id": slice_id})

    async def respect(self, slice_id: int, holds: Collection[UUID]) -> None:
        """Record that a slice respects these holds."""
        await self._connection.execute(_RESPECT, {"slice_id": slice_id, "holds": list(holds)})

    async def last_change(self) -> int:
        """Return the number of the last change of old records."""
        return int((await self._connection.execute(_LAST_CHANGE)).scalar_one())

    async def add_change(self, span: Span) -> None:
        """Record that records of a span are destroyed, so that other runs fill their slices again."""
        await self._connection.execute(_CHANGED, span._asdict())

    async def destroy(self, run_id: UUID, span: Span) -> Counts:
        """Let a run's slices of a span count, from the commit on; return their counts."""
        named = {"run_id": run_id, **span._asdict()}
        return Counts(*(await self._connection.execute(_DESTROYED, named)).one())

    async def end_month(self, month: Month) -> None:
        """Delete what other runs filled of a month, and the month's changes."""
        for statement in _END_MONTH:
            await self._connection.execute(statement, month._asdict())

    async def forget_changes(self, run_id: UUID, before: datetime) -> None:
        """Delete the changes of what the run has destroyed, unless another run still needs them."""
        await self._connection.execute(_FORGET, {"run_id": run_id, "before": before})

    async def adopt(self, run_id: UUID, before: datetime) -> None:
        """Move to this run the slices of runs that were withdrawn before they wrote their lists."""
        await self._connection.execute(_ADOPT, {"run_id": run_id, "before": before})

    async def mark(self, run_id: UUID) -> tuple[int, int | None]:
        """Return a value that changes with each slice that the run destroys."""
        row = (await self._connection.execute(_MARK, {"run_id": run_id})).one()
        return row.slices, row.last

    async def sizes(self, run_id: UUID) -> dict[Kind, int]:
        """Return how many digests a run's slices have of each kind of which they have any."""
        rows = await self._connection.execute(_SIZES, {"run_id": run_id})
        return {KINDS[kind]: int(records) for kind, records in rows}

    async def purged(self, run_id: UUID, kind: Kind, buckets: range) -> tuple[bytes, bytes]:
        """Return the digests of buckets that a run destroyed, one after the other, and those that holds keep."""
        width = 256 // BUCKETS
        ends = {
            "first_bucket": buckets[0],
            "last_bucket": buckets[-1],
            "first": UUID(bytes=bytes([buckets[0] * width]) + bytes(DIGEST_BYTES - 1)),
            "last": UUID(
                bytes=bytes([buckets[-1] * width + width - 1]) + b"\xff" * (DIGEST_BYTES - 1)
            ),
        }
        row = (await self._connection.execute(_PURGED[kind], {"run_id": run_id, **ends})).one()
        return row.found or b"", row.held or b""

    async def held(self, kind: Kind, before: datetime, after: UUID) -> Sequence[UUID]:
        """Return the next digests after `after` of records captured before `before` that holds keep, in order."""
        named = {"before": before, "after": after, "limit": PAGE}
        return (await self._connection.execute(_HELD[kind], named)).scalars().all()

    async def clear(self, limit: int) -> int:
        """Delete up to `limit` slices that no run needs any more; return the number of deleted ones."""
        return (await self._connection.execute(_CLEAR, {"limit": limit})).rowcount
