"""Findings: raised once, shown under a grant, worked in steps, never deleted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.domain.findings import CONTRADICTING_READ, Finding, Step, bounded, worked
from services.audit.domain.named_plates import plates_in
from services.audit.domain.problem_codes import Code
from shared.access.disclosing import Disclosed, disclose
from shared.access.grant import Grant
from shared.core.errors import NotFound
from shared.events import FindingRaised
from shared.events.audit_log import OPEN_IN_FINDINGS
from shared.postgres.outbox import emit

_RAISE = text(
    """
    INSERT INTO findings (finding_id, kind, subject, details, sealed, captured_on, raised_at, status)
    SELECT *, 'open' FROM unnest(CAST(:ids AS uuid[]), CAST(:kinds AS text[]), CAST(:subjects AS text[]),
        CAST(:details AS jsonb[]), CAST(:sealed AS jsonb[]), CAST(:captured_on AS date[]),
        CAST(:raised_at AS timestamptz[]))
    ON CONFLICT DO NOTHING RETURNING finding_id
    """
)
RAISED_AT_ONCE = 1000
_SELECT = """
    SELECT f.finding_id, f.kind, f.subject, f.details || coalesce(f.sealed, '{}') AS details,
        f.captured_on, f.raised_at, f.status, f.assigned_to, f.outcome, (SELECT coalesce(jsonb_agg(to_jsonb(s) ORDER BY s.at), '[]')
        FROM finding_steps s WHERE s.finding_id = f.finding_id) AS steps
    FROM findings f
"""
_CONTRADICTS = text(
    "SELECT 1 FROM findings WHERE kind = :kind AND status <> 'closed'"
    " AND captured_on = :day AND sealed ->> 'device_id' = :device LIMIT 1"
)
_UNCLOSED = text(
    "SELECT kind, count(*) AS count, min(raised_at) AS oldest_at FROM findings"
    " WHERE status <> 'closed' GROUP BY kind"
)
_STEP = text(
    """
    INSERT INTO finding_steps (step_id, finding_id, change, by, at, note, assigned_to, outcome)
    VALUES (:step_id, :finding_id, :change, CAST(:by AS jsonb), :at, :note, :assigned_to, :outcome)
    """
)
_MOVE = text(
    """
    UPDATE findings SET status = :status, assigned_to = :assigned_to, outcome = :outcome
    WHERE finding_id = :finding_id
    """
)


@dataclass(frozen=True)
class Unclosed:
    """The number of a kind's findings that are open or assigned, and when the oldest of them was raised."""

    kind: str
    count: int
    oldest_at: datetime


class Findings:
    """The only code that touches findings."""

    def __init__(self, connection: AsyncConnection, service: str) -> None:
        self._connection = connection
        self._service = service

    async def raise_once(self, event: FindingRaised) -> bool:
        """Store a finding and emit its event. Return False, and emit no event, if it is stored already."""
        return await self.raise_all([event]) == 1

    async def raise_all(self, events: Iterable[FindingRaised]) -> int:
        """Store findings and emit their events, except those that are stored already; return the number stored.

        The first of those with the same id is stored.
        """
        first: dict[UUID, FindingRaised] = {}
        for event in events:
            first.setdefault(event.finding_id, bounded(event))
        found, raised = list(first.values()), 0
        for start in range(0, len(found), RAISED_AT_ONCE):
            raised += await self._raise(found[start : start + RAISED_AT_ONCE])
        return raised

    async def _raise(self, events: Sequence[FindingRaised]) -> int:
        sealed = [{k: v for k, v in e.details.items() if k not in OPEN_IN_FINDINGS} for e in events]
        open_ = [{k: v for k, v in e.details.items() if k in OPEN_IN_FINDINGS} for e in events]
        stored = await self._connection.execute(
            _RAISE,
            {
                "ids": [e.finding_id for e in events],
                "kinds": [e.kind for e in events],
                "subjects": [e.subject.replace("\x00", "\ufffd") for e in events],
                "details": [_json(details) for details in open_],
                "sealed": [_json(details) if details else None for details in sealed],
                "captured_on": [
                    e.captured_on or e.occurred_at.astimezone(UTC).date() for e in events
                ],
                "raised_at": [e.occurred_at for e in events],
            },
        )
        fresh = set(stored.scalars())
        raised = [e for e in events if e.finding_id in fresh]
        await emit(self._connection, self._service, *raised)
        return len(raised)

    async def contradicts(self, device_id: str, captured_on: date) -> bool:
        """Return True if an open or assigned finding reports the device's contradicting reads of that day."""
        named = {"kind": CONTRADICTING_READ, "day": captured_on, "device": device_id}
        return (await self._connection.execute(_CONTRADICTS, named)).first() is not None

    async def unclosed(self) -> list[Unclosed]:
        """Return, for each kind, how many findings are not closed."""
        return [Unclosed(**row) for row in (await self._connection.execute(_UNCLOSED)).mappings()]

    async def page(
        self,
        grant: Grant,
        *,
        status: str | None,
        kind: str | None,
        assigned_to: str | None = None,
        after: UUID | None,
        limit: int,
    ) -> list[Finding]:
        """Return at most `limit` findings older than the finding `after`, newest first, and record their disclosure."""
        conditions = "(CAST(:status AS text) IS NULL OR f.status = :status)"
        conditions += " AND (CAST(:kind AS text) IS NULL OR f.kind = :kind)"
        conditions += " AND (CAST(:assigned_to AS text) IS NULL OR f.assigned_to = :assigned_to)"
        if after is not None:
            conditions += (
                " AND (f.raised_at, f.finding_id) <"
                " (SELECT raised_at, finding_id FROM findings WHERE finding_id = :after)"
            )
        found = await self._find(
            conditions + " ORDER BY f.raised_at DESC, f.finding_id DESC LIMIT :limit",
            {
                "status": status,
                "kind": kind,
                "assigned_to": assigned_to,
                "after": after,
                "limit": limit,
            },
        )
        await self._disclose(grant, found)
        return found

    async def get(self, grant: Grant, finding_id: UUID) -> Finding:
        """Return one finding and record its disclosure. Raises: NotFound."""
        found = await self._find("f.finding_id = :id", {"id": finding_id})
        await self._disclose(grant, found)
        return _one(found)

    async def lock(self, finding_id: UUID) -> Finding:
        """Return one finding, locked until the transaction ends. Raises: NotFound."""
        await self._connection.execute(
            text("SELECT 1 FROM findings WHERE finding_id = :id FOR UPDATE"), {"id": finding_id}
        )
        return _one(await self._find("f.finding_id = :id", {"id": finding_id}))

    async def work(self, finding: Finding, step: Step) -> None:
        """Store a step and update the finding's status, assignee and outcome."""
        row = msgspec.structs.asdict(step) | {"by": msgspec.json.encode(step.by).decode()}
        await self._connection.execute(
            _STEP, {**row, "step_id": uuid4(), "finding_id": finding.finding_id}
        )
        if step.change == "commented":
            return
        await self._connection.execute(
            _MOVE,
            {
                "finding_id": finding.finding_id,
                "status": step.change,
                "assigned_to": step.assigned_to or finding.assigned_to,
                "outcome": step.outcome,
            },
        )

    async def remark(self, finding_id: UUID, step: Step) -> None:
        """Add a comment of this service and emit its event, once, unless there is no such finding or it is closed."""
        try:
            finding = await self.lock(finding_id)
        except NotFound:
            return
        said = {(one.by.person_id, one.note) for one in finding.steps}
        if finding.status == "closed" or (step.by.person_id, step.note) in said:
            return
        await self.work(finding, step)
        await emit(self._connection, self._service, worked(finding_id, step))

    async def _find(self, conditions: str, values: dict[str, Any]) -> list[Finding]:
        found = await self._connection.execute(text(f"{_SELECT} WHERE {conditions}"), values)
        return [
            Finding(**{**row, "steps": msgspec.convert(row["steps"], list[Step])})
            for row in found.mappings()
        ]

    async def _disclose(self, grant: Grant, found: Sequence[Finding]) -> None:
        disclosed = [
            Disclosed(
                record_id=f.finding_id,
                captured=f.captured_on,
                plates=sorted(set(plates_in(f.details))),
            )
            for f in found
        ]
        await disclose(self._connection, grant, "finding", disclosed)


def _one(found: Sequence[Finding]) -> Finding:
    if not found:
        raise NotFound(Code.FINDING_UNKNOWN)
    return found[0]


def _json(value: dict[str, Any]) -> str:
    """Return details as JSON; U+FFFD replaces NUL, which jsonb cannot have."""
    return msgspec.json.encode(value).decode().replace("\\u0000", "\\ufffd")
