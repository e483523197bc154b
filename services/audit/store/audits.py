"""Periodic audits of accesses: the draw, the review of each item, the sign-off."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.domain.audits import Audit, Drawn, Item
from services.audit.domain.problem_codes import Code
from shared.access.disclosing import Disclosed, disclose
from shared.access.grant import Grant
from shared.core.errors import Conflict, NotFound
from shared.events import Actor

_SELECT = """
    SELECT a.*, (SELECT coalesce(jsonb_agg(to_jsonb(i) - 'audit_id' ORDER BY i.number), '[]')
        FROM audit_items i WHERE i.audit_id = a.audit_id) AS items
    FROM audits a
"""
_DRAW = text(
    """
    INSERT INTO audits (audit_id, occurred_from, occurred_to, log_size, root_hash, seed, population,
        drawn_by, drawn_at, period_seq)
    VALUES (:audit_id, :occurred_from, :occurred_to, :log_size, :root_hash, :seed, :population,
        CAST(:drawn_by AS jsonb), :drawn_at, :period_seq)
    ON CONFLICT (period_seq) DO NOTHING
    """
)
_ITEMS = text(
    """
    INSERT INTO audit_items (audit_id, number, seq)
    SELECT :audit_id, number, seq FROM unnest(CAST(:seqs AS bigint[])) WITH ORDINALITY
        AS drawn (seq, number)
    """
)
_REVIEW = text(
    """
    UPDATE audit_items SET outcome = :outcome, note = :note,
        reviewed_by = CAST(:reviewed_by AS jsonb), reviewed_at = :at
    WHERE audit_id = :audit_id AND number = :number
    """
)
_SIGN = text(
    """
    UPDATE audits SET signed_off_by = CAST(:by AS jsonb), signed_off_at = :at, statement = :statement
    WHERE audit_id = :audit_id
    """
)


class Audits:
    """The only code that touches audits."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, drawn: Drawn, numbers: Sequence[int]) -> None:
        """Store a draw and the numbers of its entries, in the order of the draw.

        Raises: Conflict if the period has a sample already.
        """
        row = vars(drawn) | {"drawn_by": _json(drawn.drawn_by)}
        if not (await self._connection.execute(_DRAW, row)).rowcount:
            raise Conflict(Code.PERIOD_DRAWN)
        await self._connection.execute(_ITEMS, {"audit_id": drawn.audit_id, "seqs": list(numbers)})

    async def get(self, grant: Grant, audit_id: UUID) -> Audit:
        """Return one audit and record its disclosure. Raises: NotFound."""
        found = await self._find("WHERE a.audit_id = :id", {"id": audit_id})
        await disclose(
            self._connection, grant, "audit", [Disclosed(record_id=a.audit_id) for a in found]
        )
        return _one(found)

    async def page(self, grant: Grant, *, after: UUID | None, limit: int) -> list[Audit]:
        """Return at most `limit` audits older than the audit `after`, newest first, and record their disclosure."""
        conditions = ""
        if after is not None:
            conditions = (
                "WHERE (a.drawn_at, a.audit_id) <"
                " (SELECT drawn_at, audit_id FROM audits WHERE audit_id = :after) "
            )
        found = await self._find(
            conditions + "ORDER BY a.drawn_at DESC, a.audit_id DESC LIMIT :limit",
            {"after": after, "limit": limit} if after else {"limit": limit},
        )
        await disclose(
            self._connection, grant, "audit", [Disclosed(record_id=a.audit_id) for a in found]
        )
        return found

    async def lock(self, audit_id: UUID) -> Audit:
        """Return one audit, locked until the transaction ends. Raises: NotFound."""
        await self._connection.execute(
            text("SELECT 1 FROM audits WHERE audit_id = :id FOR UPDATE"), {"id": audit_id}
        )
        return _one(await self._find("WHERE a.audit_id = :id", {"id": audit_id}))

    async def review(
        self, audit_id: UUID, number: int, outcome: str, note: str | None, by: Actor, at: datetime
    ) -> None:
        """Store the review of one item."""
        values = {"audit_id": audit_id, "number": number, "outcome": outcome, "note": note}
        await self._connection.execute(_REVIEW, {**values, "reviewed_by": _json(by), "at": at})

    async def sign_off(self, audit_id: UUID, statement: str, by: Actor, at: datetime) -> None:
        """Store the sign-off and its statement."""
        values = {"audit_id": audit_id, "statement": statement, "by": _json(by), "at": at}
        await self._connection.execute(_SIGN, values)

    async def unsigned(self, drawn_before: datetime) -> Sequence[tuple[UUID, datetime]]:
        """Return the audits that were drawn up to a time and are not signed off, with the time of their draw."""
        found = await self._connection.execute(
            text(
                "SELECT audit_id, drawn_at FROM audits"
                " WHERE signed_off_at IS NULL AND drawn_at <= :before ORDER BY drawn_at, audit_id"
            ),
            {"before": drawn_before},
        )
        return [(row.audit_id, row.drawn_at) for row in found]

    async def last_signed_off(self) -> datetime | None:
        """Return the time of the newest sign-off, or else of the log's first entry. None for an empty log."""
        found = await self._connection.execute(
            text(
                "SELECT coalesce((SELECT max(signed_off_at) FROM audits),"
                " (SELECT appended_at FROM entries WHERE seq = 0))"
            )
        )
        at: datetime | None = found.scalar_one()
        return at

    async def _find(self, rest: str, values: dict[str, Any]) -> list[Audit]:
        found = await self._connection.execute(text(f"{_SELECT} {rest}"), values)
        return [
            Audit(
                **row
                | {
                    "drawn_by": msgspec.convert(row["drawn_by"], Actor),
                    "signed_off_by": msgspec.convert(row["signed_off_by"], Actor | None),
                    "items": msgspec.convert(row["items"], list[Item]),
                }
            )
            for row in map(dict, found.mappings())
        ]


def _one(found: Sequence[Audit]) -> Audit:
    if not found:
        raise NotFound(Code.AUDIT_UNKNOWN)
    return found[0]


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
