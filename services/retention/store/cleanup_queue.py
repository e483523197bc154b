"""Deletes the objects of destroyed records, and plates without reads.

The transaction that destroys records also lists their objects and plates; a worker empties these lists.
"""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.store.locks import PLATES, Locks

_OBJECTS = text(
    "SELECT object_key FROM doomed_objects ORDER BY attempts, object_key LIMIT :limit"
    " FOR UPDATE SKIP LOCKED"
)
_GONE = text("DELETE FROM doomed_objects WHERE object_key = ANY(:keys)")
_FAILED = text("UPDATE doomed_objects SET attempts = attempts + 1 WHERE object_key = ANY(:keys)")
_PLATES = text(
    """
    WITH doomed AS (
        DELETE FROM doomed_plates WHERE plate_id IN (
            SELECT plate_id FROM doomed_plates ORDER BY plate_id LIMIT :limit FOR UPDATE SKIP LOCKED
        ) RETURNING plate_id
    ), orphans AS (
        DELETE FROM plates p USING doomed WHERE p.plate_id = doomed.plate_id
            AND NOT EXISTS (SELECT FROM reads r WHERE r.plate_id = p.plate_id)
            AND NOT EXISTS (SELECT FROM held_reads r WHERE r.plate_id = p.plate_id)
    )
    SELECT count(*) FROM doomed
    """
)
_NO_PLATES = text("SELECT NOT EXISTS (SELECT FROM doomed_plates)")
_LEFT = text(
    "SELECT (SELECT count(*) FROM doomed_objects WHERE run_id = :run_id)"
    " + (SELECT count(*) FROM doomed_plates WHERE run_id = :run_id)"
)


class CleanupQueue:
    """The lists of objects and plates to delete."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def objects(self, limit: int) -> list[str]:
        """Return keys of objects to delete; other workers skip them until the transaction ends."""
        return list((await self._connection.execute(_OBJECTS, {"limit": limit})).scalars())

    async def objects_done(self, gone: list[str], failed: list[str]) -> None:
        """Remove deleted objects from the list; failed ones are retried after all others."""
        await self._connection.execute(_GONE, {"keys": gone})
        await self._connection.execute(_FAILED, {"keys": failed})

    async def forget_plates(self, limit: int) -> int:
        """Delete listed plates that have no read; return the number of checked plates.

        Locks out writers of reads meanwhile, because they might refer to a plate that is being deleted.
        """
        if (await self._connection.execute(_NO_PLATES)).scalar_one():
            return 0
        await Locks(self._connection).exclusive(PLATES)
        return int((await self._connection.execute(_PLATES, {"limit": limit})).scalar_one())

    async def left(self, run_id: UUID) -> int:
        """Return the number of objects and plates of a run that remain listed."""
        return int((await self._connection.execute(_LEFT, {"run_id": run_id})).scalar_one())
