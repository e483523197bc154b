"""Digests of the ids of the records that a run destroyed, stored until the run writes its list."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.objects.purge_list import Kind, Record

PAGE = 10_000
KINDS: tuple[Kind, ...] = ("capture", "read")
"""Kinds of records; the index of each is its number in `purged_records.kind`."""

NOWHERE = UUID(int=0)

_STAGE = {
    kind: text(
        f"""
        INSERT INTO purged_records (run_id, kind, digest)
        SELECT CAST(:run_id AS uuid), {number}, id_digest(r.{kind}_id) FROM {kind}s r
        WHERE r.captured_at >= :start AND r.captured_at < :end
            AND NOT EXISTS (SELECT FROM held_{kind}s h WHERE h.{kind}_id = r.{kind}_id)
        ON CONFLICT DO NOTHING
        """  # noqa: S608 - constants
    )
    for number, kind in enumerate(KINDS)
}
_ADOPT = text(
    """
    WITH withdrawn AS (
        DELETE FROM purged_records p USING purge_runs r
        WHERE r.run_id = p.run_id AND r.state = 'withdrawn' AND r.before <= :before
        RETURNING p.kind, p.digest
    )
    INSERT INTO purged_records (run_id, kind, digest)
    SELECT DISTINCT CAST(:run_id AS uuid), kind, digest FROM withdrawn
    ON CONFLICT DO NOTHING
    """
)
_PURGED = {
    kind: text(
        f"""
        SELECT p.digest FROM purged_records p
        WHERE p.run_id = :run_id AND p.kind = {number} AND p.digest > :after
            AND NOT EXISTS (SELECT FROM held_{kind}s h WHERE id_digest(h.{kind}_id) = p.digest)
        ORDER BY p.digest LIMIT :limit
        """  # noqa: S608 - constants
    )
    for number, kind in enumerate(KINDS)
}
_HELD = {
    kind: text(
        f"""
        SELECT DISTINCT id_digest(h.{kind}_id) FROM held_{kind}s h
        WHERE h.captured_at < :before AND id_digest(h.{kind}_id) > :after
        ORDER BY 1 LIMIT :limit
        """  # noqa: S608 - constants
    )
    for kind in KINDS
}
_CLEAR = text(
    """
    DELETE FROM purged_records WHERE (run_id, kind, digest) IN (
        SELECT p.run_id, p.kind, p.digest FROM purged_records p JOIN purge_runs r USING (run_id)
        WHERE r.state IN ('executed', 'certified') LIMIT :limit
    )
    """
)


class Purged:
    """Digests of the ids of the records that runs destroyed."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def stage(self, run_id: UUID, kind: Kind, window: dict[str, Any]) -> int:
        """Store the digests of a window's records, except those under a hold; return their count."""
        result = await self._connection.execute(_STAGE[kind], {**window, "run_id": run_id})
        return result.rowcount

    async def adopt(self, run_id: UUID, before: datetime) -> None:
        """Move to this run the digests of runs that were withdrawn before they wrote their lists."""
        await self._connection.execute(_ADOPT, {"run_id": run_id, "before": before})

    def of_run(self, run_id: UUID) -> AsyncIterator[Sequence[Record]]:
        """Yield the records that a run destroyed, in pages, in the list's order."""
        return self._pages(_PURGED, {"run_id": run_id})

    def held(self, before: datetime) -> AsyncIterator[Sequence[Record]]:
        """Yield the records captured before `before` that holds keep, in pages, in the list's order."""
        return self._pages(_HELD, {"before": before})

    async def _pages(
        self, statements: dict[Kind, Any], parameters: dict[str, Any]
    ) -> AsyncIterator[Sequence[Record]]:
        for kind in KINDS:
            after = NOWHERE
            while True:
                values = {**parameters, "after": after, "limit": PAGE}
                found = (await self._connection.execute(statements[kind], values)).scalars().all()
                yield [Record(kind, UUID(bytes=one.bytes)) for one in found]
                if len(found) < PAGE:
                    break
                after = found[-1]

    async def clear(self, limit: int) -> int:
        """Delete up to `limit` digests of runs whose lists are written; return the number of deleted ones."""
        return (await self._connection.execute(_CLEAR, {"limit": limit})).rowcount
