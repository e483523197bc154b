"""Notices of findings by receiver: those due for an attempt, the delivered ones, and dead letters."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.domain.notices import Notice, NoticedFinding

# Two replicas may gather the same findings at once: the primary key admits each finding once for each receiver.
_GATHER = text(
    """
    WITH added AS (
        INSERT INTO finding_notices (finding_id, receiver, notice_id)
        SELECT f.finding_id, :receiver, :notice_id FROM findings f
        WHERE f.status <> 'closed' AND NOT EXISTS (
            SELECT FROM finding_notices l WHERE l.finding_id = f.finding_id AND l.receiver = :receiver
        )
        ORDER BY f.raised_at, f.finding_id LIMIT :limit
        ON CONFLICT DO NOTHING RETURNING finding_id
    )
    INSERT INTO notices (notice_id, receiver, gathered_at, due_at)
    SELECT :notice_id, :receiver, :now, :now WHERE EXISTS (SELECT FROM added)
    """
)
_CONCERNS_OPEN = """EXISTS (
        SELECT FROM finding_notices l JOIN findings f USING (finding_id)
        WHERE l.notice_id = n.notice_id AND f.status <> 'closed'
    )"""
_CLAIM = text(
    f"""
    UPDATE notices SET attempts = attempts + 1, tried_at = coalesce(tried_at, :now), due_at = :until
    WHERE notice_id = (
        SELECT n.notice_id FROM notices n
        WHERE n.receiver = :receiver AND n.sent_at IS NULL AND n.dead_at IS NULL AND n.due_at <= :now
            AND {_CONCERNS_OPEN}
        ORDER BY n.due_at, n.notice_id LIMIT 1 FOR UPDATE OF n SKIP LOCKED
    )
    RETURNING notice_id, attempts, refusals, tried_at
    """  # noqa: S608
)
_FINDINGS = text(
    """
    SELECT f.finding_id, f.kind, f.raised_at FROM finding_notices l JOIN findings f USING (finding_id)
    WHERE l.notice_id = :notice_id ORDER BY f.raised_at, f.finding_id
    """
)
_SENT = text(
    "UPDATE notices SET sent_at = :now, dead_at = NULL, fault = NULL WHERE notice_id = :notice_id"
)
_FAILED = text(
    "UPDATE notices SET due_at = :again, fault = :fault, refusals = refusals + CAST(:refused AS integer)"
    " WHERE notice_id = :notice_id AND sent_at IS NULL"
)
_DEAD = text(
    "UPDATE notices SET dead_at = :now, fault = :fault WHERE notice_id = :notice_id AND sent_at IS NULL"
)
_COUNTS = text(
    """
    SELECT count(*) FILTER (WHERE n.dead_at IS NULL) AS waiting, count(*) FILTER (WHERE n.dead_at IS NOT NULL) AS dead
    FROM findings f LEFT JOIN finding_notices l ON l.finding_id = f.finding_id AND l.receiver = :receiver
        LEFT JOIN notices n ON n.notice_id = l.notice_id
    WHERE f.status <> 'closed' AND n.sent_at IS NULL
    """
)
_UNDELIVERED = text(
    f"""
    SELECT n.notice_id, n.receiver, n.gathered_at, n.attempts, n.dead_at, n.fault,
        (SELECT count(*) FROM finding_notices l WHERE l.notice_id = n.notice_id) AS findings
    FROM notices n WHERE n.sent_at IS NULL AND {_CONCERNS_OPEN}
    ORDER BY n.receiver, n.gathered_at, n.notice_id
    """  # noqa: S608
)
_REPLAY = text(
    f"""
    UPDATE notices n SET dead_at = NULL, attempts = 0, tried_at = NULL, due_at = gathered_at, refusals = 0
    WHERE n.receiver = :receiver AND n.dead_at IS NOT NULL AND {_CONCERNS_OPEN}
    """  # noqa: S608
)


@dataclass(frozen=True)
class Claimed:
    """A notice for which one process makes an attempt."""

    notice: Notice
    attempts: int
    """With the present one."""

    refusals: int
    """Before the present attempt."""

    tried_at: datetime
    """When the first attempt was made."""


@dataclass(frozen=True)
class Undelivered:
    """A notice about unclosed findings that its receiver has not accepted."""

    notice_id: UUID
    receiver: str
    gathered_at: datetime
    attempts: int
    dead_at: datetime | None
    """When it became a dead letter; None while it is retried."""

    fault: str | None
    findings: int


@dataclass(frozen=True)
class Counts:
    """The unclosed findings that a receiver has not been notified of."""

    waiting: int
    dead: int
    """Those whose notice is a dead letter."""


class Notices:
    """The only code that touches notices and finding_notices. It returns a finding's id, kind and time, no details."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def gather(self, receiver: str, notice_id: UUID, now: datetime, limit: int) -> None:
        """Make a notice of at most `limit` unclosed findings that no notice to this receiver has; none if all have."""
        values = {"receiver": receiver, "notice_id": notice_id, "now": now, "limit": limit}
        await self._connection.execute(_GATHER, values)

    async def claim(self, receiver: str, now: datetime, until: datetime) -> Claimed | None:
        """Count an attempt of the receiver's next due notice and return it, or None; others skip it until `until`."""
        values = {"receiver": receiver, "now": now, "until": until}
        row = (await self._connection.execute(_CLAIM, values)).one_or_none()
        if row is None:
            return None
        found = await self._connection.execute(_FINDINGS, {"notice_id": row.notice_id})
        findings = [NoticedFinding(**one) for one in found.mappings()]
        return Claimed(Notice(row.notice_id, findings), row.attempts, row.refusals, row.tried_at)

    async def sent(self, notice_id: UUID, now: datetime) -> None:
        """Record that the receiver accepted a notice."""
        await self._connection.execute(_SENT, {"notice_id": notice_id, "now": now})

    async def failed(
        self, notice_id: UUID, *, again: datetime, fault: str, refused: bool = False
    ) -> None:
        """Record a failed attempt and the time of the next one, with the first 200 characters of `fault`."""
        values = {"notice_id": notice_id, "again": again, "fault": fault[:200], "refused": refused}
        await self._connection.execute(_FAILED, values)

    async def dead(self, notice_id: UUID, *, now: datetime, fault: str) -> None:
        """Make a notice a dead letter of its receiver, with the first 200 characters of `fault`."""
        values = {"notice_id": notice_id, "now": now, "fault": fault[:200]}
        await self._connection.execute(_DEAD, values)

    async def counts(self, receiver: str) -> Counts:
        """Return how many unclosed findings a receiver has not been notified of."""
        row = (await self._connection.execute(_COUNTS, {"receiver": receiver})).one()
        return Counts(row.waiting, row.dead)

    async def undelivered(self) -> list[Undelivered]:
        """Return the notices that no receiver has accepted, by receiver, oldest first."""
        found = await self._connection.execute(_UNDELIVERED)
        return [Undelivered(**row) for row in found.mappings()]

    async def replay(self, receiver: str) -> int:
        """Make the dead letters of a receiver due as if they were new; return their number."""
        replayed = await self._connection.execute(_REPLAY, {"receiver": receiver})
        return replayed.rowcount
