"""Makes passes: due reads, the reads around them, and the results (ADR-0011).

Only the service's own workers use it; `store.passes` answers people.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.domain.passes import Span, Track
from services.retention.domain.plates import plate_number, plate_of
from services.retention.domain.sightings import Box, Sighting, sureness_of
from services.retention.store import locks
from services.retention.store.record_writer import Details
from shared.events import PassRecorded, Place

MOST_READS = 5000
"""The most reads of one query from the start of the due span on."""
MOST_BEFORE = 500
"""The most reads of one query before the due span. Reads there without a pass may belong to a due pass."""

_READY = text(
    "SELECT device_id FROM pass_due GROUP BY device_id HAVING min(stored_at) <= :settled"
    " ORDER BY min(stored_at), device_id"
)
_CLAIM = text(
    "SELECT pg_try_advisory_xact_lock(:lock, hashtext(current_schema() || CAST(:device AS text)))"
)
_DUE = text("SELECT due_id, first_at, last_at, stored_at FROM pass_due WHERE device_id = :device")
_WAITING = text("SELECT count(*) FROM pass_due")
_COLUMNS = (
    "r.read_id, r.captured_at, r.plate_id, r.confidence, r.region, r.crop_key, r.details,"
    " r.agency_ori, r.latitude, r.longitude, r.heading_deg, m.pass_id"
)
_OF_DEVICE = (
    f"SELECT {_COLUMNS} FROM reads r LEFT JOIN pass_reads m USING (read_id)"  # noqa: S608 - constants
    " WHERE r.device_id = :device"
)
_BEFORE = text(
    f"{_OF_DEVICE} AND r.captured_at >= :since AND r.captured_at < :start"
    " ORDER BY r.captured_at DESC, r.read_id DESC LIMIT :most"
)
_FROM = text(
    f"{_OF_DEVICE} AND r.captured_at >= :start AND r.captured_at <= :until"
    " ORDER BY r.captured_at, r.read_id LIMIT :most"
)
_OF_PASSES = text(
    f"SELECT {_COLUMNS} FROM pass_reads m"  # noqa: S608 - constants
    " JOIN reads r ON r.read_id = m.read_id AND r.captured_at = m.captured_at"
    " WHERE m.pass_id = ANY(:passes)"
)
_PASSES = text(
    """
    INSERT INTO passes (pass_id, first_at, last_at, plate_id, confidence, misread_risk, device_id,
        best_read_id, agency_ori, region, details)
    SELECT * FROM unnest(CAST(:pass_id AS uuid[]), CAST(:first_at AS timestamptz[]), CAST(:last_at AS timestamptz[]),
        CAST(:plate_id AS bigint[]), CAST(:confidence AS float8[]), CAST(:misread_risk AS float8[]),
        CAST(:device_id AS uuid[]), CAST(:best_read_id AS uuid[]), CAST(:agency_ori AS text[]),
        CAST(:region AS text[]), CAST(:details AS json[]))
    """
)
_PASS_READS = text(
    """
    INSERT INTO pass_reads (read_id, captured_at, pass_id, late)
    SELECT read_id, captured_at, pass_id, :late
    FROM unnest(CAST(:read_ids AS uuid[]), CAST(:times AS timestamptz[]), CAST(:passes AS uuid[]))
        AS new (read_id, captured_at, pass_id)
    """
)
_DEVICE_NAME = text("SELECT device_name FROM devices WHERE device_id = :device")
_DONE = text("DELETE FROM pass_due WHERE due_id = ANY(:due_ids) AND last_at < :open_from")
_SHORTEN = text(
    "UPDATE pass_due SET first_at = :open_from"
    " WHERE due_id = ANY(:due_ids) AND first_at < :open_from"
)
_FIRST_CONTRADICTIONS = text(
    "INSERT INTO inbox (consumer, event_id) SELECT 'retention-contradictions', id"
    " FROM unnest(CAST(:ids AS uuid[])) AS new (id) ON CONFLICT DO NOTHING RETURNING event_id"
)
_ALL_DONE = text("DELETE FROM pass_due WHERE due_id = ANY(:due_ids)")


class PassDetails(msgspec.Struct, frozen=True, omit_defaults=True):
    """The details of a pass that answers show and searches do not use."""

    characters: list[tuple[str, float]] = []
    alternatives: list[tuple[str, int, float]] = []  # plate, reads, share of all votes
    dissent: list[tuple[int, dict[str, float]]] = []  # place, character: share of all votes


@dataclass(frozen=True)
class Due:
    """A span of a device's stored reads that await a decision on their passes."""

    due_id: int
    span: Span
    stored_at: datetime


@dataclass(frozen=True)
class Around:
    """The reads of a device in and around a due span."""

    free: tuple[Sighting, ...]
    """Reads without a pass."""
    closed: tuple[Track, ...]
    """Passes near the span, each with all its reads."""
    examined: int
    seen_to: datetime | None
    """The time of the last fetched read if the query reached its limit; None if it fetched all."""

    @property
    def sightings(self) -> Iterator[Sighting]:
        """All reads, with and without a pass."""
        return chain(self.free, *(track.sightings for track in self.closed))


class Passing:
    """The queries of the worker that makes passes, in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection

    async def ready(self, settled: datetime) -> list[UUID]:
        """Return the devices with due reads stored by `settled`, longest waiting first."""
        rows = await self.connection.execute(_READY, {"settled": settled})
        return list(rows.scalars())

    async def waiting(self) -> int:
        """Return the number of waiting due spans."""
        return int((await self.connection.execute(_WAITING)).scalar_one())

    async def claim(self, device_id: UUID) -> bool:
        """Lock a device until the transaction ends; False if another worker has the lock."""
        named = {"lock": locks.PASSES, "device": str(device_id)}
        return bool((await self.connection.execute(_CLAIM, named)).scalar_one())

    async def due(self, device_id: UUID) -> list[Due]:
        """Return the due spans of a device."""
        rows = await self.connection.execute(_DUE, {"device": device_id})
        return [Due(r.due_id, Span(r.first_at, r.last_at), r.stored_at) for r in rows]

    async def around(self, device_id: UUID, since: datetime, span: Span, until: datetime) -> Around:
        """Return a device's reads in `span`, with those shortly before and after it.

        Args:
            device_id: the device.
            since: the earliest capture, before the span.
            span: the due span.
            until: the latest capture, after the span.
        """
        named = {"device": device_id, "start": span.first_at}
        before = await self.connection.execute(
            _BEFORE, {**named, "since": since, "most": MOST_BEFORE}
        )
        rest = await self.connection.execute(_FROM, {**named, "until": until, "most": MOST_READS})
        later = list(rest)
        rows = [*before, *later]
        passes = sorted({row.pass_id for row in rows if row.pass_id is not None})
        return Around(
            free=tuple(_sighting(row) for row in rows if row.pass_id is None),
            closed=tuple(await self._closed(passes)),
            examined=len(rows),
            seen_to=later[-1].captured_at if len(later) == MOST_READS else None,
        )

    async def _closed(self, passes: Sequence[UUID]) -> Iterable[Track]:
        if not passes:
            return []
        members: dict[UUID, list[Sighting]] = {pass_id: [] for pass_id in passes}
        for row in await self.connection.execute(_OF_PASSES, {"passes": passes}):
            members[row.pass_id].append(_sighting(row))
        return [Track(sightings, pass_id) for pass_id, sightings in members.items() if sightings]

    async def device_name(self, device_id: UUID) -> str:
        """Return a device's current name."""
        found = await self.connection.execute(_DEVICE_NAME, {"device": device_id})
        return str(found.scalar_one())

    async def record(self, passes: Sequence[PassRecorded], tracks: Sequence[Track]) -> None:
        """Store passes and the ids of their reads; pass `n` has the reads of track `n`."""
        rows = [_columns(event) for event in passes]
        await self.connection.execute(
            _PASSES, {name: [row[name] for row in rows] for name in rows[0]}
        )
        members = [(e.pass_id, t.sightings) for e, t in zip(passes, tracks, strict=True)]
        await self._join(members, late=False)

    async def join_late(self, late: Iterable[tuple[UUID, Sequence[Sighting]]]) -> None:
        """Add late reads to published passes, by the ids of the passes; the passes themselves stay unchanged."""
        await self._join(late, late=True)

    async def _join(
        self, members: Iterable[tuple[UUID, Sequence[Sighting]]], *, late: bool
    ) -> None:
        rows = [(s.read_id, s.captured_at, pass_id) for pass_id, reads in members for s in reads]
        read_ids, times, passes = map(list, zip(*rows, strict=True))
        named = {"late": late, "read_ids": read_ids, "times": times, "passes": passes}
        await self.connection.execute(_PASS_READS, named)

    async def first_contradictions(self, ids: Sequence[UUID]) -> list[UUID]:
        """Record the ids as processed; return those that are new."""
        rows = await self.connection.execute(_FIRST_CONTRADICTIONS, {"ids": ids})
        return list(rows.scalars())

    async def done(self, due: Iterable[Due], open_from: datetime | None) -> None:
        """Remove due spans up to `open_from`, or all of them if it is None."""
        due_ids = [one.due_id for one in due]
        if open_from is None:
            await self.connection.execute(_ALL_DONE, {"due_ids": due_ids})
            return
        for statement in (_DONE, _SHORTEN):
            await self.connection.execute(statement, {"due_ids": due_ids, "open_from": open_from})


def _columns(event: PassRecorded) -> Mapping[str, Any]:
    """Return a row of `_PASSES` by the names of its parameters."""
    details = PassDetails(
        characters=[(c.text, c.confidence or 0.0) for c in event.characters],
        alternatives=[(other.plate, other.reads, other.share) for other in event.alternatives],
        dissent=[(one.place, one.others) for one in event.dissent],
    )
    return {
        "pass_id": event.pass_id,
        "first_at": event.first_seen_at,
        "last_at": event.last_seen_at,
        "plate_id": plate_number(event.plate),
        "confidence": event.confidence,
        "misread_risk": event.misread_risk,
        "device_id": event.device_id,
        "best_read_id": event.best_read_id,
        "agency_ori": event.agency_ori,
        "region": event.region,
        "details": msgspec.json.encode(details).decode(),
    }


def _sighting(row: Row[Any]) -> Sighting:
    plate = plate_of(row.plate_id)
    details = Details() if row.details is None else msgspec.convert(row.details, Details)
    place = None
    if row.latitude is not None and row.longitude is not None:
        place = Place(row.latitude, row.longitude, row.heading_deg)
    return Sighting(
        read_id=row.read_id,
        captured_at=row.captured_at,
        plate=plate,
        agency_ori=row.agency_ori,
        sureness=sureness_of(plate, details.characters, row.confidence),
        confidence=row.confidence,
        region=row.region,
        box=Box(*details.box_px) if details.box_px else None,
        crop_key=row.crop_key,
        misread_risk=details.misread_risk,
        place=place,
    )
