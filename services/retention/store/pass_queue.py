"""Makes passes in sets: due reads of many devices, the reads around them, and the results (ADR-0062).

Only the service's own workers use it; `store.passes` answers people. Each method is one or two statements, however
many devices, reads and passes it has.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
from asyncpg import Record
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.domain.due import Around, Decision, Due, Window
from services.retention.domain.passes import OpenPass, Span, Track
from services.retention.domain.sightings import Sighting
from services.retention.store import locks
from services.retention.store.pass_rows import (
    OpenPassRow,
    PassRow,
    WindowReads,
)
from services.retention.store.read_columns import COLUMNS, READ, ROW, Reads, plate_with
from shared.events import PassesRecorded
from shared.postgres.database import driver_of

MOST_READS = 5000
"""The most reads of one window from its start on."""
MOST_BEFORE = 500
"""The most reads before a window. Reads there without a pass may belong to a due pass."""

_BACKLOG = text(
    "SELECT device_id, count(*) AS spans, sum(reads) AS reads, min(stored_at) AS oldest_at,"
    " coalesce(sum(reads) FILTER (WHERE stored_at <= :settled), 0) AS settled"
    " FROM pass_due GROUP BY device_id ORDER BY min(stored_at), device_id"
)
_CLAIM = text(
    "SELECT device_id FROM unnest(CAST(:devices AS uuid[])) AS wanted (device_id)"
    " WHERE pg_try_advisory_xact_lock(:lock, hashtext(current_schema() || CAST(device_id AS text)))"
)
_DUE = text(
    "SELECT w.due_id, w.device_id, w.first_at, w.last_at, w.stored_at, w.reads, d.device_name"
    " FROM pass_due w LEFT JOIN devices d USING (device_id) WHERE w.device_id = ANY(:devices)"
)
_OF_DEVICE = f"SELECT {READ} FROM reads r WHERE r.device_id = w.device_id AND r.captured_at"  # noqa: S608 - constants
# One index scan a window, and one a read for its pass, whatever the planner expects of the numbers. This and the next
# statements use asyncpg directly: SQLAlchemy's rows cost as much as the vote.
_WINDOWS = f"""
SELECT w.number, found.* FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[])
    WITH ORDINALITY AS w (device_id, since, start, until, number)
CROSS JOIN LATERAL (
    SELECT {COLUMNS} FROM (
        SELECT r.*, (SELECT m.pass_id FROM pass_reads m WHERE m.read_id = r.read_id) AS pass_id FROM (
            (SELECT false AS later, r.* FROM ({_OF_DEVICE} >= w.since AND r.captured_at < w.start
                ORDER BY r.captured_at DESC, r.read_id DESC LIMIT $5) r)
            UNION ALL
            (SELECT true AS later, r.* FROM ({_OF_DEVICE} >= w.start AND r.captured_at <= w.until
                ORDER BY r.captured_at, r.read_id LIMIT $6) r)
        ) r
    ) r
) found
"""  # noqa: S608 - constants
# LIMIT keeps the look-up of each read apart: as a plain join it would be planned as a scan of all months.
OF_PASSES = f"""
SELECT {COLUMNS} FROM (
    SELECT r.*, m.pass_id, true AS later FROM pass_reads m
    CROSS JOIN LATERAL (
        SELECT {READ} FROM reads r WHERE r.read_id = m.read_id AND r.captured_at = m.captured_at LIMIT 1
    ) r
    WHERE m.pass_id = ANY($1::uuid[])
) r
"""  # noqa: S608 - constants
# The surest read of each pass is looked up like the reads of passes.
_OPEN = f"""
SELECT r.pass_id, r.device_id, r.first_at, r.last_at, r.reads, r.plates, {ROW} AS rows,
    r.agency_ori AS agencies, r.region AS regions, r.crop_key AS crop_keys, CAST(r.details AS text) AS details
FROM (
    SELECT o.pass_id, o.device_id, o.first_at, o.last_at, o.reads, o.plates, r.*, true AS later
    FROM open_passes o CROSS JOIN LATERAL (
        SELECT {READ} FROM reads r WHERE r.read_id = o.surest_id AND r.captured_at = o.surest_at LIMIT 1
    ) r
    WHERE o.device_id = ANY($1::uuid[])
) r
"""  # noqa: S608 - constants
_NO_LONGER_OPEN = (
    "DELETE FROM open_passes USING unnest($1::uuid[], $2::uuid[]) AS gone (device_id, pass_id)"
    " WHERE open_passes.device_id = gone.device_id AND open_passes.pass_id = gone.pass_id"
)
_PASS_READS = ("pass_id", "late", "read_id", "captured_at")
_FIRST_CONTRADICTIONS = text(
    "INSERT INTO inbox (consumer, event_id) SELECT 'retention-contradictions', id"
    " FROM unnest(CAST(:ids AS uuid[])) AS new (id) ON CONFLICT DO NOTHING RETURNING event_id"
)
_DONE = text("DELETE FROM pass_due WHERE due_id = ANY(:due_ids)")
_SHORTEN = text(
    "UPDATE pass_due SET first_at = rest.first_at"
    " FROM unnest(CAST(:due_ids AS bigint[]), CAST(:starts AS timestamptz[])) AS rest (due_id, first_at)"
    " WHERE pass_due.due_id = rest.due_id"
)


class SettledDevice(NamedTuple):
    """A device with settled due spans, and about how many reads they have."""

    device_id: UUID
    reads: int
    since: datetime | None = None
    """Where the spans that are left in this turn begin; None for all."""


@dataclass(frozen=True)
class Backlog:
    """The due spans of all devices."""

    settled: tuple[SettledDevice, ...]
    """Those ready for the vote, longest waiting first."""
    spans: int
    reads: int
    oldest_at: datetime | None
    """When the span that has waited longest was stored."""


class Found(NamedTuple):
    """A window with its reads."""

    window: Window
    around: Around


class Passing:
    """The queries of the worker that makes passes, in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection

    async def backlog(self, settled: datetime) -> Backlog:
        """Return what is due, and the devices whose spans were stored by `settled`."""
        rows = list(await self.connection.execute(_BACKLOG, {"settled": settled}))
        return Backlog(
            settled=tuple(SettledDevice(r.device_id, r.settled) for r in rows if r.settled),
            spans=sum(row.spans for row in rows),
            reads=sum(row.reads for row in rows),
            oldest_at=min((row.oldest_at for row in rows), default=None),
        )

    async def claim(self, devices: Sequence[UUID]) -> list[UUID]:
        """Lock devices until the transaction ends; return those that no other worker has locked."""
        named = {"lock": locks.PASSES, "devices": list(devices)}
        return list((await self.connection.execute(_CLAIM, named)).scalars())

    async def due(self, devices: Sequence[UUID]) -> list[Due]:
        """Return the due spans of claimed devices.

        A statement of its own: the snapshot of `claim` may be older than the lock that it waited for.
        """
        rows = await self.connection.execute(_DUE, {"devices": list(devices)})
        return [
            Due(
                due_id=row.due_id,
                device_id=row.device_id,
                device_name=row.device_name or "",
                span=Span(row.first_at, row.last_at),
                stored_at=row.stored_at,
                reads=row.reads,
            )
            for row in rows
        ]

    async def around(self, windows: Sequence[Window], gap: timedelta) -> list[Found]:
        """Return windows with their reads and those up to `gap` before and after, and the stored passes near them.

        Omits a window that shares a stored pass with an earlier one: the reads which join the pass there decide what
        else may join it.
        """
        rows = await self._rows(windows, gap)
        is_open = await self._open({window.device_id for window in windows})
        owners: dict[UUID, int] = {}
        apart = []
        for number, window in enumerate(windows):
            mine = WindowReads(Reads.of(rows.get(number)), MOST_READS)
            here = _open_in(window, is_open.get(window.device_id, ()), gap)
            passes = mine.joined.keys() | here.keys()
            if all(owners.setdefault(pass_id, number) == number for pass_id in passes):
                apart.append((window, mine, here, mine.joinable() - here.keys()))
        closed = await self._closed([pass_id for *_, passes in apart for pass_id in passes])
        return [
            Found(
                window, mine.around([closed[p] for p in sorted(passes) if p in closed], here, gap)
            )
            for window, mine, here, passes in apart
        ]

    async def _open(self, devices: Iterable[UUID]) -> dict[UUID, list[OpenPass]]:
        """Return the open passes of devices. One whose surest read is destroyed is not among them."""
        found = defaultdict[UUID, list[OpenPass]](list)
        rows = await self._fetch(_OPEN, list(devices))
        surest = Reads.each(rows)
        for row, sighting in zip(rows, surest.sightings(np.arange(len(surest))), strict=True):
            found[row["device_id"]].append(
                OpenPass(
                    pass_id=row["pass_id"],
                    first_at=row["first_at"],
                    last_at=row["last_at"],
                    reads=row["reads"],
                    plates=frozenset(map(plate_with, row["plates"])),
                    surest=sighting,
                )
            )
        return found

    async def _rows(self, windows: Sequence[Window], gap: timedelta) -> dict[int, Record]:
        """Return what is found of each window, by its position."""
        found = await self._fetch(
            _WINDOWS,
            [w.device_id for w in windows],
            [w.span.first_at - gap for w in windows],
            [w.span.first_at for w in windows],
            [w.until(gap) for w in windows],
            MOST_BEFORE,
            MOST_READS,
        )
        return {row["number"] - 1: row for row in found}

    async def _fetch(self, statement: str, *values: Any) -> list[Record]:
        rows: list[Record] = await (await driver_of(self.connection)).fetch(statement, *values)
        return rows

    async def _closed(self, passes: Sequence[UUID]) -> dict[UUID, Track]:
        members = await self.members(passes)
        return {pass_id: Track(sightings, pass_id) for pass_id, sightings in members.items()}

    async def members(self, passes: Sequence[UUID]) -> dict[UUID, list[Sighting]]:
        """Return the stored reads of passes."""
        if not passes:
            return {}
        [row] = await self._fetch(OF_PASSES, list(passes))
        reads = Reads.of(row)
        sightings = reads.sightings(np.arange(len(reads)))
        return {
            pass_id: [sightings[position] for position in positions]
            for pass_id, positions in reads.by_pass().items()
        }

    async def record(self, voted: Sequence[PassesRecorded], decisions: Sequence[Decision]) -> None:
        """Store voted passes, open ones, and which reads join each.

        By COPY, which takes Postgres a sixth less time than INSERT.
        """
        driver = await driver_of(self.connection)
        passes = [PassRow.of(event, one) for event in voted for one in event.passes]
        if passes:
            await driver.copy_records_to_table("passes", records=passes, columns=PassRow._fields)
        members = []
        for track in chain.from_iterable(decision.tracks for decision in decisions):
            pass_id, late = track.id, not track.is_unvoted
            joining = track.sightings if track.pass_id is None else track.added
            members += [(pass_id, late, read.read_id, read.captured_at) for read in joining]
        if members:
            members.sort(key=itemgetter(3))  # three indexes are in about this order
            await driver.copy_records_to_table("pass_reads", records=members, columns=_PASS_READS)
        stored = [
            (decision.window.device_id, track.pass_id)
            for decision in decisions
            for track in chain(decision.opened, decision.ended)
            if track.pass_id is not None
        ]
        if stored:
            await driver.execute(_NO_LONGER_OPEN, *zip(*stored, strict=True))
        is_open = [
            OpenPassRow.of(decision.window.device_id, track)
            for decision in decisions
            for track in decision.opened
        ]
        if is_open:
            await driver.copy_records_to_table(
                "open_passes", records=is_open, columns=OpenPassRow._fields
            )

    async def first_contradictions(self, ids: Sequence[UUID]) -> list[UUID]:
        """Record the ids as processed; return those that are new."""
        rows = await self.connection.execute(_FIRST_CONTRADICTIONS, {"ids": ids})
        return list(rows.scalars())

    async def done(self, decisions: Sequence[Decision]) -> None:
        """Remove the due spans that were decided, and shorten those that were decided in part."""
        if done := [due_id for one in decisions for due_id in one.done]:
            await self.connection.execute(_DONE, {"due_ids": done})
        if shortened := [rest for one in decisions for rest in one.shortened]:
            due_ids, starts = map(list, zip(*shortened, strict=True))
            await self.connection.execute(_SHORTEN, {"due_ids": due_ids, "starts": starts})


def _open_in(window: Window, passes: Iterable[OpenPass], gap: timedelta) -> dict[UUID, OpenPass]:
    """Return the open passes that reads of a window may join."""
    return {
        one.pass_id: one
        for one in passes
        if one.first_at <= window.span.last_at + gap and one.last_at >= window.span.first_at - gap
    }
