"""Hits as flags on reads, and the events about each hit. Those events may arrive in any order."""

from datetime import UTC, datetime, time
from typing import Literal

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.events import HitDisposed, HitRaised, HitVerified

_RAISED = text(
    """
    INSERT INTO hits (hit_id, read_id, captured_at, source, record_kind, tier, list_name)
    VALUES (:hit_id, :read_id, :captured_at, :source, :record_kind, :tier, :list_name)
    ON CONFLICT (hit_id) DO UPDATE SET captured_at = excluded.captured_at, source = excluded.source,
        record_kind = excluded.record_kind, tier = excluded.tier, list_name = excluded.list_name
    """
)
# Until the raised event arrives, the row has no source, and queries by source skip it. If a purge has destroyed the
# read already, that event never comes again; the next purge deletes the row by the day of the capture.
_VERIFIED = text(
    """
    INSERT INTO hits (hit_id, read_id, captured_at, outcome)
    VALUES (:hit_id, :read_id, :at, :outcome)
    ON CONFLICT (hit_id) DO UPDATE SET outcome = excluded.outcome
    """
)
_DISPOSED = text(
    """
    INSERT INTO hits (hit_id, read_id, captured_at, disposition)
    VALUES (:hit_id, :read_id, :at, :disposition)
    ON CONFLICT (hit_id) DO UPDATE SET disposition = excluded.disposition
    """
)
# A column of json takes NUL characters too, and then no query reads a field of it: jsonb refuses them.
_STORE_EVENT = text(
    """
    INSERT INTO hit_events (event_id, hit_id, kind, occurred_at, body)
    SELECT :event_id, :hit_id, :kind, :occurred_at, CAST(:body AS json)
    WHERE CAST(CAST(:body AS text) AS jsonb) IS NOT NULL ON CONFLICT DO NOTHING
    """
)


class Hits:
    """Hits as flags on reads, with their events."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def raised(self, event: HitRaised) -> None:
        """Flag the read of a raised hit, and store the event."""
        await self._connection.execute(
            _RAISED,
            {
                "hit_id": event.hit_id,
                "read_id": event.read_id,
                "captured_at": event.captured_at,
                "source": event.source,
                "record_kind": event.record_kind,
                "tier": event.tier,
                "list_name": event.list_name,
            },
        )
        await self._store_event("raised", event)

    async def verified(self, event: HitVerified) -> None:
        """Store the outcome of a verification, and the event."""
        named = {"hit_id": event.hit_id, "read_id": event.read_id, "at": _captured(event)}
        await self._connection.execute(_VERIFIED, {**named, "outcome": event.outcome})
        await self._store_event("verified", event)

    async def disposed(self, event: HitDisposed) -> None:
        """Store the disposition of a hit, and the event."""
        named = {"hit_id": event.hit_id, "read_id": event.read_id, "at": _captured(event)}
        await self._connection.execute(_DISPOSED, {**named, "disposition": event.disposition})
        await self._store_event("disposed", event)

    async def _store_event(
        self,
        kind: Literal["raised", "verified", "disposed"],
        event: HitRaised | HitVerified | HitDisposed,
    ) -> None:
        """Store an event exactly as the log has it, for evidence."""
        row = {
            "event_id": event.event_id,
            "hit_id": event.hit_id,
            "kind": kind,
            "occurred_at": event.occurred_at,
            "body": msgspec.json.encode(event).decode(),
        }
        await self._connection.execute(_STORE_EVENT, row)


def _captured(event: HitVerified | HitDisposed) -> datetime:
    """Return the begin of the day of a hit's capture; for an event from before it had that day, its own time."""
    if event.captured_on is None:
        return event.occurred_at
    return datetime.combine(event.captured_on, time(), UTC)
