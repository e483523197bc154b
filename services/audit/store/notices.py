"""Delivery of findings to the department: the delivered ones, and those due for an attempt."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_DUE = text(
    """
    SELECT f.finding_id, f.kind, f.raised_at, coalesce(n.attempts, 0) AS attempts
    FROM findings f LEFT JOIN finding_notices n USING (finding_id)
    WHERE n.sent_at IS NULL AND (n.due_at IS NULL OR n.due_at <= :now) AND f.status <> 'closed'
    ORDER BY f.raised_at, f.finding_id LIMIT :limit FOR NO KEY UPDATE OF f SKIP LOCKED
    """
)
# A statement sees the deliveries of its start: another replica may have sent a finding before this one locked it.
_STILL_DUE = text(
    """
    SELECT id FROM unnest(CAST(:ids AS uuid[])) AS id LEFT JOIN finding_notices n ON n.finding_id = id
    WHERE n.sent_at IS NULL AND (n.due_at IS NULL OR n.due_at <= :now)
    """
)
_SENT = text(
    """
    INSERT INTO finding_notices (finding_id, attempts, due_at, sent_at)
    SELECT id, 1, :now, :now FROM unnest(CAST(:ids AS uuid[])) AS id
    ON CONFLICT (finding_id) DO UPDATE
    SET attempts = finding_notices.attempts + 1, sent_at = excluded.sent_at, fault = NULL
    """
)
_FAILED = text(
    """
    INSERT INTO finding_notices (finding_id, attempts, due_at, fault)
    SELECT id, 1, :again, :fault FROM unnest(CAST(:ids AS uuid[])) AS id
    ON CONFLICT (finding_id) DO UPDATE
    SET attempts = finding_notices.attempts + 1, due_at = excluded.due_at, fault = excluded.fault
    """
)
_UNSENT = text(
    """
    SELECT count(*) FROM findings f LEFT JOIN finding_notices n USING (finding_id)
    WHERE n.sent_at IS NULL AND f.status <> 'closed'
    """
)


@dataclass(frozen=True)
class Notice:
    """A finding to deliver, with the number of attempts so far."""

    finding_id: UUID
    kind: str
    raised_at: datetime
    attempts: int


class Notices:
    """The only code that touches finding_notices. It returns a finding's id, kind and time, never its details."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def due(self, now: datetime, limit: int) -> list[Notice]:
        """Return and lock at most `limit` undelivered findings, oldest first; other replicas skip locked ones."""
        found = await self._connection.execute(_DUE, {"now": now, "limit": limit})
        locked = [Notice(**row) for row in found.mappings()]
        ids = [notice.finding_id for notice in locked]
        still = await self._connection.execute(_STILL_DUE, {"ids": ids, "now": now})
        due = set(still.scalars())
        return [notice for notice in locked if notice.finding_id in due]

    async def sent(self, finding_ids: Sequence[UUID], now: datetime) -> None:
        """Record that the receiver accepted these findings."""
        await self._connection.execute(_SENT, {"ids": list(finding_ids), "now": now})

    async def failed(self, finding_ids: Sequence[UUID], *, again: datetime, fault: str) -> None:
        """Record a failed delivery of these findings and the time of the next attempt.

        Stores the first 200 characters of `fault`.
        """
        values = {"ids": list(finding_ids), "again": again, "fault": fault[:200]}
        await self._connection.execute(_FAILED, values)

    async def unsent(self) -> int:
        """Return the number of open or assigned findings that are not delivered."""
        return int((await self._connection.execute(_UNSENT)).scalar_one())
