"""Which findings were delivered to the department, and which are due."""

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
    """A finding to tell of, and how often that was tried."""

    finding_id: UUID
    kind: str
    raised_at: datetime
    attempts: int


class Notices:
    """The only code that touches finding_notices. It returns no more than that there is a finding."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def due(self, now: datetime, limit: int) -> list[Notice]:
        """Return findings that were not delivered yet, oldest first; other replicas leave them out."""
        found = await self._connection.execute(_DUE, {"now": now, "limit": limit})
        return [Notice(**row) for row in found.mappings()]

    async def sent(self, finding_ids: Sequence[UUID], now: datetime) -> None:
        """Record that the receiver has these."""
        await self._connection.execute(_SENT, {"ids": list(finding_ids), "now": now})

    async def failed(self, finding_ids: Sequence[UUID], *, again: datetime, fault: str) -> None:
        """Record that these were not delivered, and when to send them again."""
        values = {"ids": list(finding_ids), "again": again, "fault": fault[:200]}
        await self._connection.execute(_FAILED, values)

    async def unsent(self) -> int:
        """Return how many findings wait."""
        return int((await self._connection.execute(_UNSENT)).scalar_one())
