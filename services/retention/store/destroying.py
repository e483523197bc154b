"""Destroys due records in steps, one transaction each; copies records under a hold to other tables first.

A hold placed during a step wins. Before each commit the step locks the holds against new ones and compares
them with those at its start; if a hold was added, the step rolls back and starts again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.store import conditions
from services.retention.store.holds import Hold, HoldsInForce
from services.retention.store.locks import HOLDS, MONTH, Locks
from services.retention.store.partitions import TABLES, Month, Partitions
from services.retention.store.purged import KINDS, Purged
from services.retention.store.replica import ReplicaMarks
from services.retention.store.runs import Runs

SLICE_ROWS = 50_000


class HoldArrived(Exception):
    """A hold was placed after the step began, so the step destroys no record."""


class Slice(NamedTuple):
    """Records captured in [start, end)."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Step:
    """The work of one transaction: slices of a month, and the month itself if all of it is due."""

    slices: tuple[Slice, ...]
    month: Month | None = None


_HOURS = text(
    """
    SELECT hour, sum(rows) AS rows FROM (
        SELECT date_bin('1 hour', captured_at, TIMESTAMPTZ '2000-01-01 00:00+00') AS hour, count(*) AS rows
        FROM reads WHERE captured_at >= :start AND captured_at < :end GROUP BY 1
        UNION ALL
        SELECT date_bin('1 hour', captured_at, TIMESTAMPTZ '2000-01-01 00:00+00'), count(*)
        FROM captures WHERE captured_at >= :start AND captured_at < :end GROUP BY 1
    ) AS both_tables GROUP BY hour ORDER BY hour
    """
)
_RANGE = "r.captured_at >= :start AND r.captured_at < :end"
_HOLD_CAPTURES_OF_READS = text(
    f"""
    INSERT INTO held_captures SELECT r.* FROM captures r
    WHERE {_RANGE} AND EXISTS (SELECT FROM held_reads h WHERE h.capture_id = r.capture_id)
    ON CONFLICT DO NOTHING
    """  # noqa: S608 - constants
)
_DOOM_OBJECTS = text(
    f"""
    INSERT INTO doomed_objects (object_key, run_id)
    SELECT DISTINCT key, CAST(:run_id AS uuid) FROM (
        SELECT r.crop_key AS key FROM reads r WHERE {_RANGE} AND r.crop_key IS NOT NULL
        UNION ALL
        SELECT r.image_key FROM reads r WHERE {_RANGE} AND r.image_key IS NOT NULL
            AND NOT EXISTS (SELECT FROM captures c WHERE c.capture_id = r.capture_id)
        UNION ALL
        SELECT r.object_key FROM captures r WHERE {_RANGE}
    ) AS of_slice
    WHERE NOT EXISTS (SELECT FROM held_reads h WHERE h.crop_key = key)
        AND NOT EXISTS (SELECT FROM held_reads h WHERE h.image_key = key)
        AND NOT EXISTS (SELECT FROM held_captures h WHERE h.object_key = key)
    ON CONFLICT DO NOTHING
    """  # noqa: S608 - constants
)
_DOOM_PLATES = text(
    f"""
    INSERT INTO doomed_plates (plate_id, run_id)
    SELECT DISTINCT r.plate_id, CAST(:run_id AS uuid) FROM reads r WHERE {_RANGE}
    ON CONFLICT DO NOTHING
    """  # noqa: S608 - constants
)
_DELETE_FLAGS = tuple(
    text(
        f"DELETE FROM {table} r WHERE {_RANGE}"  # noqa: S608 - constants
        " AND NOT EXISTS (SELECT FROM held_reads h WHERE h.read_id = r.read_id)"
    )
    for table in ("hits", "pass_reads")
)


def _tables_of(hold: Hold) -> list[tuple[str, conditions.Conditions]]:
    tables = [("reads", conditions.of_reads(hold.criteria, "h"))]
    if not hold.criteria.names_reads:
        tables.append(("captures", conditions.of_captures(hold.criteria, "h")))
    return tables


_FREED_READS = text(
    """
    WITH freed AS (
        DELETE FROM held_reads r WHERE r.captured_at < :before
            AND NOT EXISTS (SELECT FROM still_reads s WHERE s.read_id = r.read_id)
        RETURNING r.plate_id, r.read_id, r.crop_key, r.image_key, r.capture_id
    ), named AS (
        INSERT INTO purged_records (run_id, kind, digest)
        SELECT CAST(:run_id AS uuid), 1, id_digest(read_id) FROM freed ON CONFLICT DO NOTHING
    ), plates AS (
        INSERT INTO doomed_plates (plate_id, run_id)
        SELECT DISTINCT plate_id, CAST(:run_id AS uuid) FROM freed ON CONFLICT DO NOTHING
    ), flags AS (
        DELETE FROM hits USING freed WHERE hits.read_id = freed.read_id
    ), memberships AS (
        DELETE FROM pass_reads USING freed WHERE pass_reads.read_id = freed.read_id
    ), objects AS (
        INSERT INTO doomed_objects (object_key, run_id)
        SELECT DISTINCT key, CAST(:run_id AS uuid) FROM (
            SELECT crop_key AS key FROM freed
            UNION ALL
            SELECT image_key FROM freed
            WHERE NOT EXISTS (SELECT FROM held_captures c WHERE c.capture_id = freed.capture_id)
                AND NOT EXISTS (SELECT FROM held_reads o JOIN still_reads s USING (read_id)
                                WHERE o.image_key = freed.image_key)
        ) AS keys WHERE key IS NOT NULL ON CONFLICT DO NOTHING RETURNING 1
    )
    SELECT (SELECT count(*) FROM freed) AS rows, (SELECT count(*) FROM objects) AS objects
    """
)
_FREED_CAPTURES = text(
    """
    WITH freed AS (
        DELETE FROM held_captures r WHERE r.captured_at < :before
            AND NOT EXISTS (SELECT FROM still_captures s WHERE s.capture_id = r.capture_id)
        RETURNING r.capture_id, r.object_key
    ), named AS (
        INSERT INTO purged_records (run_id, kind, digest)
        SELECT CAST(:run_id AS uuid), 0, id_digest(capture_id) FROM freed ON CONFLICT DO NOTHING
    ), objects AS (
        INSERT INTO doomed_objects (object_key, run_id)
        SELECT DISTINCT object_key, CAST(:run_id AS uuid) FROM freed
        ON CONFLICT DO NOTHING RETURNING 1
    )
    SELECT (SELECT count(*) FROM freed) AS rows, (SELECT count(*) FROM objects) AS objects
    """
)
_COUNT_HELD = text(
    "SELECT (SELECT count(*) FROM held_reads WHERE captured_at < :before)"
    " + (SELECT count(*) FROM held_captures WHERE captured_at < :before)"
)

_TIDY = (
    text(
        "DELETE FROM device_days"
        " WHERE day < CAST(CAST(:before AS timestamptz) AT TIME ZONE 'UTC' AS date)"
    ),
    # Flags of hits whose read never arrived or was destroyed before the hit arrived, and memberships of passes
    # made while their reads were destroyed.
    *(
        text(
            f"DELETE FROM {table} r WHERE r.captured_at < :before"  # noqa: S608 - constants
            " AND NOT EXISTS (SELECT FROM held_reads h WHERE h.read_id = r.read_id)"
        )
        for table in ("hits", "pass_reads")
    ),
    # A pass is deleted with the last of its reads: a read under a hold keeps the pass and its vote.
    text(
        "DELETE FROM passes p WHERE p.first_at < :before"
        " AND NOT EXISTS (SELECT FROM pass_reads m WHERE m.pass_id = p.pass_id)"
    ),
    text("DELETE FROM pass_due WHERE last_at < :before"),
)


class Destruction:
    """Destroys due records, one step per transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def plan(self, before: datetime) -> list[Step]:
        """Return the steps that destroy every record captured before `before`, oldest month first."""
        steps: list[Step] = []
        for month in await Partitions(self._connection).months():
            if month.end <= before:
                slices = await self._slices(month.start, month.end)
                steps.append(Step(tuple(slices), month))
            elif month.start < before:
                slices = await self._slices(month.start, before)
                steps += [Step((one,)) for one in slices]
        return steps

    async def _slices(self, start: datetime, end: datetime) -> list[Slice]:
        """Return adjacent slices from `start` to `end`, each of up to `SLICE_ROWS` rows or of one hour.

        The slices leave no gap: late rows of a dropped month are also checked against the holds.
        """
        edges = [start]
        rows = 0
        day = start
        while day < end:
            parameters = {"start": day, "end": min(day + timedelta(days=1), end)}
            for hour, count in (await self._connection.execute(_HOURS, parameters)).all():
                if rows and rows + count > SLICE_ROWS:
                    edges.append(hour)
                    rows = 0
                rows += count
            day += timedelta(days=1)
        return [Slice(*pair) for pair in pairwise([*edges, end])]

    async def run_step(self, run_id: UUID, step: Step) -> None:
        """Destroy the records of one step, except those under a hold, and add the counts to the run.

        Raises: HoldArrived if a hold was placed: the caller rolls back and starts the step again.
        """
        await self._connection.execute(text("SET LOCAL lock_timeout = '2s'"))
        in_force = await HoldsInForce(self._connection).all()
        if step.month is not None:
            await Locks(self._connection).exclusive(MONTH, step.month.name)
        destroyed = dict.fromkeys(TABLES, 0)
        objects = 0
        for one in step.slices:
            counts, doomed = await self._run_slice(
                run_id, one, in_force, dropping=step.month is not None
            )
            objects += doomed
            for table, count in counts.items():
                destroyed[table] += count
        months = []
        if step.month is not None and await Partitions(self._connection).drop(step.month):
            months.append(step.month.name)
        await self._check_holds(in_force)
        await Runs(self._connection).add_counts(
            run_id,
            reads=destroyed["reads"],
            captures=destroyed["captures"],
            objects=objects,
            months=months,
        )

    async def _check_holds(self, seen: Sequence[Hold]) -> None:
        """Raise HoldArrived if there is a hold besides `seen`; otherwise replicas need this step to answer."""
        await Locks(self._connection).exclusive(HOLDS)
        if await HoldsInForce(self._connection).ids() - {hold.hold_id for hold in seen}:
            raise HoldArrived
        await ReplicaMarks(self._connection).count_change()

    async def _run_slice(
        self,
        run_id: UUID,
        one: Slice,
        in_force: Sequence[Hold],
        *,
        dropping: bool,
    ) -> tuple[dict[str, int], int]:
        """Destroy one slice; return its counts of reads and captures, and of objects to delete.

        In a month that is dropped, only lists the rows: DROP destroys them at a fraction of a DELETE's cost.
        """
        window = {"start": one.start, "end": one.end}
        await self._copy_held(window, in_force)
        parameters = {**window, "run_id": run_id}
        objects = (await self._connection.execute(_DOOM_OBJECTS, parameters)).rowcount
        await self._connection.execute(_DOOM_PLATES, parameters)
        for flags in _DELETE_FLAGS:
            await self._connection.execute(flags, window)
        gone = {
            f"{kind}s": await Purged(self._connection).stage(run_id, kind, window) for kind in KINDS
        }
        if not dropping:
            for table in TABLES:
                statement = f"DELETE FROM {table} r WHERE {_RANGE}"  # noqa: S608 - constants
                await self._connection.execute(text(statement), window)
        return gone, objects

    async def _copy_held(self, window: dict[str, Any], in_force: Sequence[Hold]) -> None:
        """Copy records under a hold to the held tables."""
        for hold in in_force:
            for table, held in _tables_of(hold):
                statement = (
                    f"INSERT INTO held_{table} SELECT r.* FROM {table} r"  # noqa: S608 - constants
                    f" WHERE {_RANGE} AND {held.sql} ON CONFLICT DO NOTHING"
                )
                await self._connection.execute(text(statement), {**window, **held.parameters})
        await self._connection.execute(_HOLD_CAPTURES_OF_READS, window)

    async def run_freed(self, run_id: UUID, before: datetime) -> None:
        """Destroy records whose last hold has been released.

        Raises: HoldArrived if a hold was placed: the caller rolls back and starts again.
        """
        in_force = await HoldsInForce(self._connection).all()
        await self._mark_still_held(in_force)
        parameters = {"before": before, "run_id": run_id}
        reads = (await self._connection.execute(_FREED_READS, parameters)).one()
        captures = (await self._connection.execute(_FREED_CAPTURES, parameters)).one()
        await self._check_holds(in_force)
        await Runs(self._connection).add_counts(
            run_id,
            reads=reads.rows,
            captures=captures.rows,
            objects=reads.objects + captures.objects,
            months=[],
        )

    async def _mark_still_held(self, in_force: Sequence[Hold]) -> None:
        for table in TABLES:
            key = f"{table.removesuffix('s')}_id"
            await self._connection.execute(
                text(
                    f"CREATE TEMPORARY TABLE still_{table} ({key} uuid PRIMARY KEY) ON COMMIT DROP"
                )
            )
        for hold in in_force:
            for table, held in _tables_of(hold):
                await self._mark(table, held.sql, held.parameters)
        await self._mark(
            "captures",
            "EXISTS (SELECT FROM held_reads h JOIN still_reads s USING (read_id)"
            " WHERE h.capture_id = r.capture_id)",
            {},
        )

    async def _mark(self, table: str, held: str, parameters: dict[str, Any]) -> None:
        key = f"{table.removesuffix('s')}_id"
        await self._connection.execute(
            text(
                f"INSERT INTO still_{table} SELECT DISTINCT r.{key} FROM held_{table} r"  # noqa: S608
                f" WHERE {held} ON CONFLICT DO NOTHING"
            ),
            parameters,
        )

    async def held_past_schedule(self, before: datetime) -> int:
        """Return the number of records past the schedule that holds keep."""
        return int((await self._connection.execute(_COUNT_HELD, {"before": before})).scalar_one())

    async def tidy(self, before: datetime) -> None:
        """Delete past places of devices, and flags and passes without reads."""
        for statement in _TIDY:
            await self._connection.execute(statement, {"before": before})
