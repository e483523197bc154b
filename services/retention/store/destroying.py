"""Destroys due records in steps, one transaction each; copies records under a hold to other tables first.

A month that is wholly due is prepared in slices, while its records are still visible, and dropped by one short
transaction (ADR-0060). That one locks the holds and the month, and drops nothing unless each slice respects every hold
in force and has seen every change of its records. Other steps compare the holds before they commit, and what they
delete with what they listed: if a hold or a record was added since the step began, it rolls back and starts again.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.store import conditions
from services.retention.store.holds import Hold, HoldsInForce
from services.retention.store.locks import HOLDS, MONTH, Locks
from services.retention.store.partitions import Month, Partitions
from services.retention.store.replica import ReplicaMarks
from services.retention.store.runs import Runs
from services.retention.store.slices import BUCKETS, IN_SPAN, Counts, Slice, Slices, Span

LONGEST_WAIT_MS = 20
"""Longest wait of the transaction that drops a month for its locks; storing and searching wait behind it."""


class StepOutdated(Exception):
    """Something came after the step began that it does not know of, so the step destroys no record."""


class HoldArrived(StepOutdated):
    """A hold was placed."""


class RecordArrived(StepOutdated):
    """A record of the span was stored, which no hold may have been asked about, and which the slice does not list."""


class Window(NamedTuple):
    """A span to destroy in one step, and its number of reads and captures, counted up to a limit."""

    span: Span
    rows: int


_COUNT_ROWS = text(
    """
    SELECT (SELECT count(*) FROM (SELECT FROM reads WHERE captured_at >= :start AND captured_at < :end
                                  LIMIT :limit) AS r)
        + (SELECT count(*) FROM (SELECT FROM captures WHERE captured_at >= :start AND captured_at < :end
                                 LIMIT :limit) AS c)
    """
)
_HOLD_CAPTURES_OF_READS = text(
    f"""
    INSERT INTO held_captures SELECT r.* FROM captures r
    WHERE {IN_SPAN} AND EXISTS (SELECT FROM held_reads h WHERE h.capture_id = r.capture_id)
    ON CONFLICT DO NOTHING
    """  # noqa: S608 - constants
)
_DELETE_FLAGS = tuple(
    text(
        f"DELETE FROM {table} r WHERE {IN_SPAN}"  # noqa: S608 - constants
        " AND NOT EXISTS (SELECT FROM held_reads h WHERE h.read_id = r.read_id)"
    )
    for table in ("hits", "pass_reads", "read_corrections")
)


# Each statement sees what was stored by then, so this one may delete more than those before it have listed.
_DELETE_RECORDS = {
    table: text(
        f"""
        WITH deleted AS (DELETE FROM {table} r WHERE {IN_SPAN} RETURNING r.{key})
        SELECT count(*) FROM deleted d WHERE NOT EXISTS (SELECT FROM held_{table} h WHERE h.{key} = d.{key})
        """  # noqa: S608 - constants
    )
    for table, key in (("reads", "read_id"), ("captures", "capture_id"))
}
"""Delete the records of a span; return how many of them no held table has."""


def _tables_of(hold: Hold) -> list[tuple[str, conditions.Conditions]]:
    tables = [("reads", conditions.of_reads(hold.criteria, "h"))]
    if not hold.criteria.names_reads:
        tables.append(("captures", conditions.of_captures(hold.criteria, "h")))
    return tables


_DIGESTS_OF_FREED = """
    INSERT INTO slice_digests (slice_id, kind, bucket, digests)
    SELECT slice_id, {number}, get_byte(digest, 0) * {buckets} / 256, string_agg(digest, '')
    FROM slice, (SELECT id_digest_bytes({key}) AS digest FROM freed) AS d GROUP BY 1, 3
"""
_FREED_READS = text(
    f"""
    WITH freed AS (
        DELETE FROM held_reads r WHERE r.captured_at < :before AND r.read_id > :after AND r.read_id <= :last
            AND NOT EXISTS (SELECT FROM still_reads s WHERE s.read_id = r.read_id)
        RETURNING r.plate_id, r.read_id, r.crop_key, r.image_key, r.capture_id
    ), slice AS (
        INSERT INTO purge_slices (run_id, destroyed) SELECT CAST(:run_id AS uuid), true
        WHERE EXISTS (SELECT FROM freed) RETURNING slice_id
    ), named AS (
        {_DIGESTS_OF_FREED.format(number=1, key="read_id", buckets=BUCKETS)}
    ), plates AS (
        INSERT INTO doomed_plates (plate_id, run_id)
        SELECT DISTINCT plate_id, CAST(:run_id AS uuid) FROM freed ON CONFLICT DO NOTHING
    ), flags AS (
        DELETE FROM hits USING freed WHERE hits.read_id = freed.read_id
    ), memberships AS (
        DELETE FROM pass_reads USING freed WHERE pass_reads.read_id = freed.read_id
    ), corrections AS (
        DELETE FROM read_corrections USING freed WHERE read_corrections.read_id = freed.read_id
    ), objects AS (
        INSERT INTO doomed_objects (object_key, run_id)
        SELECT DISTINCT key, CAST(:run_id AS uuid) FROM (
            SELECT crop_key AS key FROM freed
            UNION ALL
            SELECT image_key FROM freed
            WHERE NOT EXISTS (SELECT FROM held_captures c WHERE c.capture_id = freed.capture_id)
                AND NOT EXISTS (SELECT FROM held_reads o WHERE o.image_key = freed.image_key
                                AND o.read_id NOT IN (SELECT read_id FROM freed))
        ) AS keys WHERE key IS NOT NULL ON CONFLICT DO NOTHING RETURNING 1
    )
    SELECT (SELECT count(*) FROM freed) AS rows, (SELECT count(*) FROM objects) AS objects
    """  # noqa: S608 - constants
)
_FREED_CAPTURES = text(
    f"""
    WITH freed AS (
        DELETE FROM held_captures r WHERE r.captured_at < :before AND r.capture_id > :after AND r.capture_id <= :last
            AND NOT EXISTS (SELECT FROM still_captures s WHERE s.capture_id = r.capture_id)
        RETURNING r.capture_id, r.object_key
    ), slice AS (
        INSERT INTO purge_slices (run_id, destroyed) SELECT CAST(:run_id AS uuid), true
        WHERE EXISTS (SELECT FROM freed) RETURNING slice_id
    ), named AS (
        {_DIGESTS_OF_FREED.format(number=0, key="capture_id", buckets=BUCKETS)}
    ), objects AS (
        INSERT INTO doomed_objects (object_key, run_id)
        SELECT DISTINCT object_key, CAST(:run_id AS uuid) FROM freed
        ON CONFLICT DO NOTHING RETURNING 1
    )
    SELECT (SELECT count(*) FROM freed) AS rows, (SELECT count(*) FROM objects) AS objects
    """  # noqa: S608 - constants
)
_COUNT_HELD = text(
    "SELECT (SELECT count(*) FROM held_reads WHERE captured_at < :before)"
    " + (SELECT count(*) FROM held_captures WHERE captured_at < :before)"
)

_NEXT_FREED = {
    table: text(
        f"""
        SELECT {key} FROM (
            SELECT {key} FROM held_{table} WHERE captured_at < :before AND {key} > :after ORDER BY {key} LIMIT :most
        ) AS piece ORDER BY {key} DESC LIMIT 1
        """  # noqa: S608 - constants
    )
    for table, key in (("reads", "read_id"), ("captures", "capture_id"))
}
_FREED = {"reads": _FREED_READS, "captures": _FREED_CAPTURES}

_NEXT_TIME = "SELECT {column} FROM {table} WHERE {column} > :after AND {column} < :before ORDER BY 1 OFFSET :most LIMIT 1"
_WITHOUT_READ = "NOT EXISTS (SELECT FROM held_reads h WHERE h.read_id = r.read_id)"
# Flags of hits, memberships of passes, and corrections, whose read is destroyed or never came. A pass is deleted with
# the last of its reads: a read under a hold keeps the pass and its vote.
_LEFT_BEHIND = {
    "hits": ("captured_at", _WITHOUT_READ),
    "pass_reads": ("captured_at", _WITHOUT_READ),
    "read_corrections": ("captured_at", _WITHOUT_READ),
    "passes": ("first_at", "NOT EXISTS (SELECT FROM pass_reads m WHERE m.pass_id = r.pass_id)"),
    "open_passes": ("last_at", "true"),
    "pass_due": ("last_at", "true"),
}
_NEXT = {
    table: text(_NEXT_TIME.format(table=table, column=column))
    for table, (column, _) in _LEFT_BEHIND.items()
}
_TIDY = {
    table: text(
        f"DELETE FROM {table} r WHERE r.{column} > :after AND r.{column} <= :last"  # noqa: S608 - constants
        f" AND r.{column} < :before AND {condition}"
    )
    for table, (column, condition) in _LEFT_BEHIND.items()
}
_TIDY_DAYS = text(
    """
    DELETE FROM device_days WHERE day = (SELECT min(day) FROM device_days)
        AND day < CAST(CAST(:before AS timestamptz) AT TIME ZONE 'UTC' AS date)
    """
)

LEFT_BEHIND = tuple(_LEFT_BEHIND)
"""Tables with rows about reads, which are deleted after the reads, in this order."""

LONG_AGO = datetime.fromisoformat("0001-01-02T00:00Z")


class Destruction:
    """Destroys due records, one step per transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def window(self, start: datetime, end: datetime, most: int) -> Window:
        """Return the records from `start` to before `end`; their number is counted up to `most`."""
        parameters = {"start": start, "end": end, "limit": most}
        rows = await self._connection.execute(_COUNT_ROWS, parameters)
        return Window(Span(start, end), int(rows.scalar_one()))

    async def begin_month(self, month: Month) -> None:
        """Bring the time indexes of a month up to date, which the queries of its slices use."""
        await Partitions(self._connection).summarize(month)

    async def last_change(self, month: Month) -> int:
        """Return the last change of old records, with which each transaction that stored records of the month is over.

        Raises: DBAPIError with LOCK_NOT_AVAILABLE if one lasts longer than `LONGEST_WAIT_MS`.
        """
        await self._wait_at_most(LONGEST_WAIT_MS)
        await Locks(self._connection).exclusive(MONTH, month.name)
        return await Slices(self._connection).last_change()

    async def prepare(self, run_id: UUID, span: Span, seen_change: int) -> None:
        """Fill a slice of a month that is to be dropped."""
        in_force = await HoldsInForce(self._connection).all()
        await self._copy_held(span, in_force)
        holds = [hold.hold_id for hold in in_force]
        slices = Slices(self._connection)
        await slices.fill(run_id, span, holds=holds, seen_change=seen_change)

    async def stale(self, run_id: UUID, month: Month) -> list[Slice]:
        """Return the slices of a month that miss a hold in force or a change of its records."""
        in_force = await HoldsInForce(self._connection).ids()
        filled = await Slices(self._connection).filled(run_id, month)
        return [one for one in filled if one.is_changed or in_force - one.holds]

    async def prepare_again(self, run_id: UUID, stale: Slice, seen_change: int) -> None:
        """Fill a slice anew; a slice that misses only holds, none of which keeps a record of it, stays as it is."""
        in_force = await HoldsInForce(self._connection).all()
        missing = [hold for hold in in_force if hold.hold_id not in stale.holds]
        slices = Slices(self._connection)
        if not stale.is_changed and not await self._copy_held(stale.span, missing):
            await slices.respect(stale.slice_id, stale.holds | {hold.hold_id for hold in missing})
            return
        await slices.delete(stale.slice_id)
        await self.prepare(run_id, stale.span, seen_change)

    async def prepared_to(self, run_id: UUID, month: Month) -> datetime:
        """Return the end of the last slice that a run has filled of a month; the slices leave no gap."""
        filled = await Slices(self._connection).filled(run_id, month)
        return filled[-1].end if filled else month.start

    async def drop(self, run_id: UUID, month: Month) -> bool:
        """Drop a month; False if a slice of it is not filled, or misses a hold or a change.

        Locks out the placing of holds, then storing and searching, until the transaction ends.
        Raises: DBAPIError with LOCK_NOT_AVAILABLE if they hold a lock for longer than `LONGEST_WAIT_MS`.
        """
        slices = Slices(self._connection)
        await self._wait_at_most(2000)
        await Locks(self._connection).exclusive(HOLDS)
        await self._wait_at_most(LONGEST_WAIT_MS)
        await Locks(self._connection).exclusive(MONTH, month.name)
        if await self.prepared_to(run_id, month) < month.end or await self.stale(run_id, month):
            return False
        counts = await slices.destroy(run_id, Span(month.start, month.end))
        await slices.end_month(month)
        await self._count(run_id, counts, [month.name])
        await ReplicaMarks(self._connection).count_change()
        await Partitions(self._connection).drop(month)
        return True

    async def _wait_at_most(self, longest_ms: int) -> None:
        await self._connection.execute(text(f"SET LOCAL lock_timeout = {longest_ms}"))

    async def _count(self, run_id: UUID, counts: Counts, months: list[str]) -> None:
        await Runs(self._connection).add_counts(run_id, **counts._asdict(), months=months)

    async def destroy(self, run_id: UUID, span: Span) -> None:
        """Destroy the records of a span, except those under a hold.

        Raises: HoldArrived, RecordArrived if a hold was placed or a record stored: the caller rolls back and starts
        the step again.
        """
        await self._wait_at_most(2000)
        in_force = await HoldsInForce(self._connection).all()
        await self._copy_held(span, in_force)
        slices = Slices(self._connection)
        listed = await slices.fill(run_id, span)
        for flags in _DELETE_FLAGS:
            await self._connection.execute(flags, span._asdict())
        for table, number in (("reads", listed.reads), ("captures", listed.captures)):
            deleted = await self._connection.execute(_DELETE_RECORDS[table], span._asdict())
            if deleted.scalar_one() != number:
                raise RecordArrived
        await slices.add_change(span)
        await self._check_holds(in_force)
        await self._count(run_id, await slices.destroy(run_id, span), [])

    async def _check_holds(self, seen: Sequence[Hold]) -> None:
        """Raise HoldArrived if there is a hold besides `seen`; otherwise replicas need this step to answer."""
        await Locks(self._connection).exclusive(HOLDS)
        if await HoldsInForce(self._connection).ids() - {hold.hold_id for hold in seen}:
            raise HoldArrived
        await ReplicaMarks(self._connection).count_change()

    async def _copy_held(self, span: Span, holds: Collection[Hold]) -> int:
        """Copy records under a hold to the held tables; return the number of copied ones."""
        copied = 0
        for hold in holds:
            for table, held in _tables_of(hold):
                statement = (
                    f"INSERT INTO held_{table} SELECT r.* FROM {table} r"  # noqa: S608 - constants
                    f" WHERE {IN_SPAN} AND {held.sql} ON CONFLICT DO NOTHING"
                )
                named = {**span._asdict(), **held.parameters}
                copied += (await self._connection.execute(text(statement), named)).rowcount
        if holds:
            captures = await self._connection.execute(_HOLD_CAPTURES_OF_READS, span._asdict())
            copied += captures.rowcount
        return copied

    async def destroy_freed(
        self, run_id: UUID, before: datetime, table: str, after: UUID, most: int
    ) -> UUID | None:
        """Destroy the records whose last hold has been released, among the next `most` after `after`.

        Reads go before captures, because a held read keeps its capture. Returns the next `after`; None at the end.
        Raises: HoldArrived if a hold was placed: the caller rolls back and starts again.
        """
        named = {"before": before, "after": after}
        found = await self._connection.execute(_NEXT_FREED[table], {**named, "most": most})
        last: UUID | None = found.scalar()
        if last is None:
            return None
        in_force = await HoldsInForce(self._connection).all()
        piece = {"after": after, "last": last}
        await self._mark_still_held(table, in_force, piece)
        freed = {**named, **piece, "run_id": run_id}
        row = (await self._connection.execute(_FREED[table], freed)).one()
        await self._check_holds(in_force)
        await self._count(run_id, Counts(**{table: row.rows}, objects=row.objects), [])
        return last

    async def _mark_still_held(
        self, table: str, in_force: Sequence[Hold], piece: dict[str, Any]
    ) -> None:
        key = f"{table.removesuffix('s')}_id"
        await self._connection.execute(
            text(f"CREATE TEMPORARY TABLE still_{table} ({key} uuid PRIMARY KEY) ON COMMIT DROP")
        )
        held = [where for hold in in_force for named, where in _tables_of(hold) if named == table]
        for where in held:
            await self._mark(table, where.sql, {**where.parameters, **piece})
        if table == "captures":
            of_read = "EXISTS (SELECT FROM held_reads h WHERE h.capture_id = r.capture_id)"
            await self._mark(table, of_read, piece)

    async def _mark(self, table: str, held: str, parameters: dict[str, Any]) -> None:
        key = f"{table.removesuffix('s')}_id"
        await self._connection.execute(
            text(
                f"INSERT INTO still_{table} SELECT DISTINCT r.{key} FROM held_{table} r"  # noqa: S608
                f" WHERE r.{key} > :after AND r.{key} <= :last AND {held} ON CONFLICT DO NOTHING"
            ),
            parameters,
        )

    async def held_past_schedule(self, before: datetime) -> int:
        """Return the number of records past the schedule that holds keep."""
        return int((await self._connection.execute(_COUNT_HELD, {"before": before})).scalar_one())

    async def tidy(
        self, table: str, before: datetime, after: datetime, most: int
    ) -> datetime | None:
        """Delete what destroyed reads left in a table, among about the next `most` rows after `after`.

        Returns the next `after`; None at the end.
        """
        named = {"before": before, "after": after}
        found = await self._connection.execute(_NEXT[table], {**named, "most": most})
        last: datetime | None = found.scalar()
        await self._connection.execute(_TIDY[table], {**named, "last": last or before})
        return last

    async def forget_changes(self, run_id: UUID, before: datetime) -> None:
        """Delete the changes of what the run has destroyed, unless another run still needs them."""
        await Slices(self._connection).forget_changes(run_id, before)

    async def tidy_day(self, before: datetime) -> bool:
        """Delete the places of devices of the first day, if it is before `before`; return whether there were any."""
        return (await self._connection.execute(_TIDY_DAYS, {"before": before})).rowcount > 0
