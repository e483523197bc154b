"""Approved packages, one per request, and the records that they contain."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.domain.criteria import Criteria
from services.retention.domain.frame_cuts import Box
from services.retention.store.conditions import Conditions, of_captures, of_reads
from services.retention.store.corrections import LAST_PLATE
from services.retention.store.records import (
    CAPTURE_COLUMNS,
    COLUMNS,
    Capture,
    Read,
    Records,
)
from shared.access.disclosing import Disclosed, disclose
from shared.access.grant import Grant
from shared.events import ReleaseApproved

CHUNK = 500

_MEDIA_TYPES = text(
    "SELECT capture_id, media_type FROM captures WHERE capture_id = ANY(:ids)"
    " UNION SELECT capture_id, media_type FROM held_captures WHERE capture_id = ANY(:ids)"
)

_ORDER = text(
    """
    INSERT INTO packages (request_id, approval, approved_at, not_before)
    VALUES (:request_id, CAST(:approval AS jsonb), :approved_at, :now) ON CONFLICT DO NOTHING
    """
)
_CLAIM = text(
    "SELECT approval, attempts, attempt_id FROM packages"
    " WHERE built_at IS NULL AND failed_at IS NULL AND not_before <= :now"
    " ORDER BY not_before LIMIT 1 FOR UPDATE SKIP LOCKED"
)
_BUILT = text(
    """
    UPDATE packages SET built_at = :at, fault = NULL, package_key = :key, sha256 = :sha256,
        size_bytes = :size_bytes, reads = :reads, images = :images, signed_by = :signed_by
    WHERE request_id = :request_id
    """
)
_AGAIN = text(
    "UPDATE packages SET attempts = attempts + 1, not_before = :again, fault = :fault"
    " WHERE request_id = :request_id"
)
_FAILED = text(
    "UPDATE packages SET attempts = attempts + 1, failed_at = :at, fault = :fault"
    " WHERE request_id = :request_id AND built_at IS NULL AND failed_at IS NULL"
)
_ATTEMPTED = text("UPDATE packages SET attempt_id = :attempt_id WHERE request_id = :request_id")
_FORGET = text(
    "DELETE FROM packages WHERE request_id = :request_id AND approved_at + interval '2 years' <= now()"
)
_WAITING = text("SELECT count(*) FROM packages WHERE built_at IS NULL AND failed_at IS NULL")


# The bodies of events are as published and match the values that the log sealed.
_HITS = text(
    """
    SELECT h.hit_id, h.read_id, h.captured_at, h.source, h.record_kind, h.tier, h.list_name, h.outcome,
        h.disposition, (
            SELECT coalesce(json_agg(json_build_object('kind', e.kind, 'body', e.body)
                                     ORDER BY e.occurred_at, e.event_id), '[]')
            FROM hit_events e WHERE e.hit_id = h.hit_id
        ) AS events
    FROM hits h WHERE h.read_id = ANY(:ids)
        AND (CAST(:sources AS text[]) IS NULL OR h.source = ANY(:sources))
    ORDER BY h.captured_at, h.hit_id
    """
)


class LoggedEvent(NamedTuple):
    """An event about a hit, as it was published."""

    kind: str
    """raised, verified or disposed."""
    body: dict[str, Any]


class HitHistory(NamedTuple):
    """A hit with the events about it."""

    hit_id: UUID
    read_id: UUID
    captured_at: datetime
    source: str | None
    record_kind: str | None
    tier: str | None
    list_name: str | None
    outcome: str | None
    disposition: str | None
    events: list[LoggedEvent]
    """Empty for hits from before this service stored events."""


@dataclass(frozen=True)
class Order:
    """A package to build."""

    approval: ReleaseApproved
    attempts: int
    """The number of failed attempts at building."""
    attempt_id: UUID | None
    """The access attempt that covers reading its records; None before the first attempt at building."""


class Places(NamedTuple):
    """Boxes of the plates of one capture in its frame: x, y, width, height in pixels; None if unknown."""

    released: list[Box | None]
    """Boxes of the released reads."""
    others: list[Box | None]
    """Boxes of all other reads of the capture, destroyed ones included; the query reads only their ids and boxes."""


@dataclass(frozen=True)
class Built:
    """A package in the object store."""

    key: str
    sha256: str
    size_bytes: int
    reads: int
    hits: int
    captures: int
    images: int
    omitted: int
    """Images that belong to the package but could not be included."""
    signed_by: str


class Packages:
    """The queue of approved packages to build."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def order(self, approval: ReleaseApproved, now: datetime) -> None:
        """Enqueue the package of an approved request; a repeated call has no effect."""
        await self._connection.execute(
            _ORDER,
            {
                "request_id": approval.request_id,
                "approval": msgspec.json.encode(approval).decode(),
                "approved_at": approval.occurred_at,
                "now": now,
            },
        )

    async def claim(self, now: datetime) -> Order | None:
        """Return the next order; other workers skip it until the transaction ends."""
        row = (await self._connection.execute(_CLAIM, {"now": now})).first()
        if row is None:
            return None
        return Order(msgspec.convert(row.approval, ReleaseApproved), row.attempts, row.attempt_id)

    async def attempted(self, request_id: UUID, attempt_id: UUID) -> None:
        """Store the access attempt that covers reading the records of an order."""
        await self._connection.execute(
            _ATTEMPTED, {"request_id": request_id, "attempt_id": attempt_id}
        )

    async def built(self, request_id: UUID, package: Built, at: datetime) -> None:
        """Record that the package is built."""
        await self._connection.execute(
            _BUILT,
            {
                "request_id": request_id,
                "at": at,
                "key": package.key,
                "sha256": package.sha256,
                "size_bytes": package.size_bytes,
                "reads": package.reads,
                "images": package.images,
                "signed_by": package.signed_by,
            },
        )

    async def again(self, request_id: UUID, *, again: datetime, fault: str) -> None:
        """Record the fault of a failed attempt and the time of the next."""
        await self._connection.execute(
            _AGAIN, {"request_id": request_id, "again": again, "fault": fault[:500]}
        )

    async def failed(self, request_id: UUID, *, at: datetime, fault: str) -> bool:
        """Record that building failed for good; False if the package is built or has failed already."""
        values = {"request_id": request_id, "at": at, "fault": fault[:500]}
        return (await self._connection.execute(_FAILED, values)).rowcount > 0

    async def forget(self, request_id: UUID) -> None:
        """Delete what is stored of the package of a request whose file ends, if it was approved two years ago."""
        await self._connection.execute(_FORGET, {"request_id": request_id})

    async def waiting(self) -> int:
        """Return the number of packages that wait to be built."""
        return int((await self._connection.execute(_WAITING)).scalar_one())


class Released:
    """The records of a request in order of time, in chunks, including those that only a hold keeps.

    With `whole`, includes captures without a read plate, and the hits of every list.
    Otherwise includes only hits of lists from `sources`, and no read of a plate that was corrected to another one.
    """

    def __init__(
        self,
        connection: AsyncConnection,
        grant: Grant,
        criteria: Criteria,
        *,
        whole: bool = False,
        sources: Collection[str] = (),
    ) -> None:
        self._connection = connection
        self._grant = grant
        self.whole = whole
        self.has_hits = whole or bool(sources)
        self._sources = None if whole else sorted(sources)
        self._scope = of_reads(criteria, "c")
        self._scope.add("r.agency_ori = ANY(:{p}agencies)", agencies=sorted(grant.agencies))
        self._left_out: str | None = None
        if not whole and criteria.plate is not None:
            # By its picture it is another vehicle, which the request does not name.
            is_that_plate = f"coalesce({LAST_PLATE} = r.plate_id, TRUE)"
            self._left_out = f"{self._scope.sql} AND NOT {is_that_plate}"
            self._scope.add(is_that_plate)
        self._frames: Conditions | None = None
        if whole and not criteria.names_reads:
            self._frames = of_captures(criteria, "f")
            self._frames.add("r.agency_ori = ANY(:{p}agencies)", agencies=sorted(grant.agencies))

    async def reads(self) -> AsyncIterator[Sequence[Read]]:
        """Yield reads in chunks, and disclose each chunk."""
        query = " UNION ALL ".join(
            f"SELECT {COLUMNS} FROM {table} r WHERE {self._scope.sql}"  # noqa: S608 - constants
            for table in ("reads", "kept_reads")
        )
        async for rows in self._chunks(f"{query} ORDER BY captured_at, read_id"):
            yield await Records(self._connection).released(self._grant, rows)

    async def left_out(self) -> Sequence[UUID]:
        """Return the ids of reads of the plate that are left out as they were corrected to another one, in order."""
        if self._left_out is None:
            return []
        query = " UNION ALL ".join(
            f"SELECT r.captured_at, r.read_id FROM {table} r WHERE {self._left_out}"  # noqa: S608 - constants
            for table in ("reads", "kept_reads")
        )
        rows = await self._connection.execute(
            text(f"{query} ORDER BY captured_at, read_id"), self._scope.parameters
        )
        return [row.read_id for row in rows]

    async def media_types(self, capture_ids: Sequence[UUID]) -> dict[UUID, str]:
        """Return the media types of the images of these captures."""
        rows = await self._connection.execute(_MEDIA_TYPES, {"ids": list(capture_ids)})
        return {row.capture_id: row.media_type for row in rows}

    async def hits(self, reads: Sequence[Read]) -> Sequence[HitHistory]:
        """Return the hits of these reads and disclose them: of all lists, or of those from the named sources."""
        if not self.has_hits:
            return []
        values = {"ids": [read.read_id for read in reads], "sources": self._sources}
        rows = await self._connection.execute(_HITS, values)
        found = [
            HitHistory(**{**row, "events": [LoggedEvent(**event) for event in row["events"]]})
            for row in rows.mappings()
        ]
        plates = {read.read_id: read.plate for read in reads}
        disclosed = [
            Disclosed(
                record_id=hit.hit_id,
                captured=hit.captured_at,
                plates=[plates[hit.read_id]],
                read_ids=[hit.read_id],
            )
            for hit in found
        ]
        if disclosed:
            await disclose(self._connection, self._grant, "hit", disclosed)
        return found

    async def places(self, captures: Sequence[Capture]) -> dict[UUID, Places]:
        """Return the boxes of the plates of these captures, by which frames are cut.

        A read that the capture counts and no table has, for example because a purge destroyed it, has an unknown box.
        """
        found = {capture.capture_id: Places([], []) for capture in captures}
        wanted = {
            "capture_ids": [c.capture_id for c in captures],
            "device_ids": [c.device_id for c in captures],
            "times": [c.captured_at for c in captures],
        }
        query = " UNION ".join(
            "SELECT r.capture_id, r.read_id, r.details ->> 'box_px' AS box,"  # noqa: S608
            f" coalesce({self._scope.sql}, false) AS is_released FROM unnest("
            " CAST(:capture_ids AS uuid[]), CAST(:device_ids AS uuid[]),"
            " CAST(:times AS timestamptz[])) AS w (capture_id, device_id, captured_at)"
            f" JOIN {table} r USING (capture_id, device_id, captured_at)"
            for table in ("reads", "held_reads")
        )
        rows = await self._connection.execute(text(query), {**self._scope.parameters, **wanted})
        for row in rows:
            box = None if row.box is None else msgspec.json.decode(row.box, type=Box)
            place = found[row.capture_id]
            (place.released if row.is_released else place.others).append(box)
        for capture in captures:
            place = found[capture.capture_id]
            gone = capture.reads - len(place.released) - len(place.others)
            place.others.extend([None] * gone)
        return found

    async def captures(self) -> AsyncIterator[Sequence[Capture]]:
        """Yield the captures of the reads, and with `whole` those under the hold; disclose each chunk."""
        of_reads_sql = " UNION ALL ".join(
            f"SELECT r.capture_id FROM {table} r WHERE {self._scope.sql}"  # noqa: S608 - constants
            for table in ("reads", "held_reads")
        )
        query = " UNION ".join(
            f"SELECT {CAPTURE_COLUMNS} FROM {table} r"  # noqa: S608 - constants
            f" WHERE r.capture_id IN ({of_reads_sql}) AND r.agency_ori = ANY(:cagencies)"
            for table in ("captures", "held_captures")
        )
        if self._frames is not None:
            query += "".join(
                f" UNION SELECT {CAPTURE_COLUMNS} FROM {table} r WHERE {self._frames.sql}"  # noqa: S608
                for table in ("captures", "held_captures")
            )
        async for rows in self._chunks(f"{query} ORDER BY captured_at, capture_id"):
            yield await Records(self._connection).released_captures(self._grant, rows)

    async def _chunks(self, query: str) -> AsyncIterator[Sequence[Any]]:
        """Yield a query's rows in chunks from a cursor in the database; memory never has all of them."""
        parameters = dict(self._scope.parameters)
        if self._frames is not None:
            parameters |= self._frames.parameters
        result = await self._connection.stream(text(query), parameters)
        try:
            async for rows in result.partitions(CHUNK):
                yield rows
        finally:
            await result.close()
