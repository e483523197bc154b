"""Writes the hits that the matcher raises, one writer at a time."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.hotlist.domain.hits import URGENT
from services.hotlist.domain.passes import Pass, Passes
from services.hotlist.domain.rating import Candidate, Listed
from shared.events import Actor

CHANNEL = "hotlist_alerts"
"""The Postgres channel with a notice for raised hits, which wakes other replicas' streams at once."""

_LISTED = text(
    """
    SELECT l.list_id, l.name AS list_name, v.version AS list_version, l.source, l.staleness_s,
        coalesce(e.entered_at, s.as_of) AS as_of, e.entry_id, e.plate, e.plate_listed, e.partial,
        e.region, e.record_kind, e.reason, e.entering_ori, e.entering_reference, e.make, e.model,
        e.colour, e.year, e.caution, e.valid_from, e.expires_at,
        CASE WHEN e.entered_by_id IS NOT NULL THEN jsonb_build_object('person_id', e.entered_by_id,
            'name', e.entered_by, 'title', e.entered_by_title, 'agency_ori', e.entered_by_ori)
        END AS listed_by
    FROM unnest(CAST(:lists AS uuid[]), CAST(:entries AS uuid[])) AS wanted (list_id, entry_id)
    JOIN lists l ON l.list_id = wanted.list_id
    JOIN versions v ON v.list_id = l.list_id AND v.version = l.active_version
    JOIN snapshots s ON s.snapshot_id = v.snapshot_id
    JOIN entries e ON e.snapshot_id = v.snapshot_id AND e.entry_id = wanted.entry_id
        AND e.from_version <= v.version AND (e.to_version IS NULL OR e.to_version > v.version)
    WHERE l.enabled AND NOT e.record_kind = ANY (l.kinds_off)
        AND (e.valid_from IS NULL OR e.valid_from <= :now)
        AND (e.expires_at IS NULL OR e.expires_at > :now)
    """
)
_KNOWN = text(
    """
    SELECT true AS seen, s.entry_id, s.read_id, NULL::uuid AS hit_id, NULL::timestamptz AS first_at,
        NULL::timestamptz AS last_at, NULL::text AS tier, NULL::integer AS sightings,
        NULL::boolean AS late
    FROM unnest(CAST(:reads AS uuid[]), CAST(:entries AS uuid[])) AS wanted (read_id, entry_id)
    JOIN sightings s ON s.read_id = wanted.read_id AND s.entry_id = wanted.entry_id
    UNION ALL
    SELECT false, h.entry_id, h.device_id, h.hit_id, h.first_at, h.last_at, h.tier,
        h.sightings, h.late
    FROM unnest(CAST(:of AS uuid[]), CAST(:devices AS uuid[]), CAST(:lows AS timestamptz[]),
        CAST(:highs AS timestamptz[])) AS wanted (entry_id, device_id, low, high)
    JOIN hits h ON h.entry_id = wanted.entry_id AND h.device_id = wanted.device_id
        AND h.last_at >= wanted.low AND h.first_at <= wanted.high
    """
)
HIT_COLUMNS = (
    "hit_id, agency_ori, list_id, list_name, list_version, list_age_s, list_stale, source, entry_id,"
    " record_kind, tier, status, late, raised_at, read_id, capture_id, device_id, device_name, place,"
    " captured_at, received_at, confidence, plate_read, plate_as_read, region_read, plate_listed,"
    " region_listed, entry, differences, warnings, box, crop_key, image_key, first_at, last_at, sightings,"
    " traceparent"
)
# One statement keeps the lock short: it costs one round trip. Urgent alerts are announced beside open pages, too.
_ADD = text(
    f"WITH raised AS (INSERT INTO hits ({HIT_COLUMNS}) SELECT {HIT_COLUMNS}"  # noqa: S608 - names from this file
    " FROM jsonb_populate_recordset(NULL::hits, CAST(:hits AS jsonb)) RETURNING hit_id, tier, late, raised_at),"
    " announced AS (INSERT INTO announcements (hit_id, kind, at)"
    f" SELECT hit_id, 'raised', raised_at FROM raised WHERE tier = '{URGENT}' AND NOT late),"
    " seen AS (INSERT INTO sightings SELECT *"
    " FROM jsonb_populate_recordset(NULL::sightings, CAST(:sightings AS jsonb)))"
    " SELECT pg_notify(:channel, :sender) WHERE EXISTS (SELECT FROM raised)"
)
_EXTEND = text(
    "UPDATE hits h SET first_at = p.first_at, last_at = p.last_at, sightings = p.sightings"
    " FROM unnest(CAST(:hits AS uuid[]), CAST(:firsts AS timestamptz[]),"
    " CAST(:lasts AS timestamptz[]), CAST(:counts AS integer[]))"
    " AS p (hit_id, first_at, last_at, sightings) WHERE h.hit_id = p.hit_id"
)


class Raised:
    """The matcher's own queries on hits; no person sees their results."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def lock(self) -> None:
        """Wait for the lock on writing hits; the transaction holds it until it ends.

        Replicas therefore agree on passes, and `seq` rises in the order of commits.
        """
        await self._connection.execute(
            text("SELECT pg_advisory_xact_lock(hashtext('hits'), hashtext(current_schema()))")
        )

    async def listed(
        self, candidates: Sequence[Candidate], now: datetime
    ) -> dict[tuple[UUID, UUID], Listed]:
        """Return the candidates' entries in force now, by list and id. The index may lag, this query does not."""
        wanted = sorted({(c.list_id, c.entry_id) for c in candidates})
        rows = await self._connection.execute(
            _LISTED,
            {"lists": [k for k, _ in wanted], "entries": [k for _, k in wanted], "now": now},
        )
        found = [
            Listed(**{**row, "listed_by": msgspec.convert(row["listed_by"], Actor | None)})
            for row in rows.mappings()
        ]
        return {(entry.list_id, entry.entry_id): entry for entry in found}

    async def known(
        self, candidates: Sequence[Candidate], window_s: int
    ) -> tuple[set[tuple[UUID, UUID]], Passes]:
        """Return the pairs of read and entry that already have a sighting, and the passes that others may join."""
        spans: dict[tuple[UUID, UUID], tuple[datetime, datetime]] = {}
        for c in candidates:
            at = c.read.captured_at
            low, high = spans.get((c.entry_id, c.read.device_id), (at, at))
            spans[c.entry_id, c.read.device_id] = min(low, at), max(high, at)
        window = timedelta(seconds=window_s)
        rows = await self._connection.execute(
            _KNOWN,
            {
                "reads": [c.read.read_id for c in candidates],
                "entries": [c.entry_id for c in candidates],
                "of": [entry_id for entry_id, _ in spans],
                "devices": [device_id for _, device_id in spans],
                "lows": [low - window for low, _ in spans.values()],
                "highs": [high + window for _, high in spans.values()],
            },
        )
        seen, passes = set(), Passes(window_s)
        for was_seen, entry_id, read_or_device, *known in rows:
            if was_seen:
                seen.add((read_or_device, entry_id))
            else:
                passes.add(entry_id, read_or_device, Pass(*known))
        return seen, passes

    async def add(
        self,
        hits: Sequence[dict[str, Any]],
        sightings: Sequence[dict[str, Any]],
        extended: Iterable[Pass],
        sender: str,
    ) -> None:
        """Store new hits, all sightings and extended passes; notify other processes of new hits.

        `sender` identifies this process, which wakes its own streams.
        """
        values = {
            "hits": _json(hits),
            "sightings": _json(sightings),
            "channel": CHANNEL,
            "sender": sender,
        }
        await self._connection.execute(_ADD, values)
        grown = list(extended)
        if grown:
            await self._connection.execute(
                _EXTEND,
                {
                    "hits": [p.hit_id for p in grown],
                    "firsts": [p.first_at for p in grown],
                    "lasts": [p.last_at for p in grown],
                    "counts": [p.sightings for p in grown],
                },
            )


def _json(rows: Sequence[dict[str, Any]]) -> str:
    return msgspec.json.encode(rows).decode()
