"""Deletes the objects of destroyed records, and plates without reads.

Slices of purge runs list objects and plates. A worker reads only slices whose records are destroyed; objects whose
deletion failed, and plates, wait in lists of their own.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.store.locks import PLATES, Locks

# In the order of the index doomed_objects_attempts, so that no turn sorts the rest of the queue.
_OBJECTS = text(
    "SELECT attempts, object_key FROM doomed_objects"
    " WHERE (attempts, object_key) > (:attempts, :object_key)"
    " ORDER BY attempts, object_key LIMIT :limit"
)
_GONE = text("DELETE FROM doomed_objects WHERE object_key = ANY(:keys)")
_FAILED = text("UPDATE doomed_objects SET attempts = attempts + 1 WHERE object_key = ANY(:keys)")
_IS_READ = (
    "(EXISTS (SELECT FROM reads r WHERE r.plate_id = p.plate_id)"
    " OR EXISTS (SELECT FROM held_reads r WHERE r.plate_id = p.plate_id))"
)
_PLATES = text(
    f"""
    SELECT p.plate_id, {_IS_READ} AS is_read FROM doomed_plates p
    WHERE p.plate_id > :after ORDER BY p.plate_id LIMIT :limit
    """  # noqa: S608 - constants
)
_FORGET = text(
    f"DELETE FROM plates p WHERE p.plate_id = ANY(:plates) AND NOT {_IS_READ}"  # noqa: S608 - constants
)
_CHECKED = text("DELETE FROM doomed_plates WHERE plate_id = ANY(:plates)")
_OF_SLICES = "EXISTS (SELECT FROM {table} o JOIN purge_slices s USING (slice_id) WHERE s.destroyed AND {condition})"
_LEFT = text(
    "SELECT EXISTS (SELECT FROM doomed_objects WHERE run_id = :run_id)"  # noqa: S608 - constants
    " OR EXISTS (SELECT FROM doomed_plates WHERE run_id = :run_id)"
    f" OR {_OF_SLICES.format(table='slice_objects', condition='s.run_id = :run_id')}"
    f" OR {_OF_SLICES.format(table='slice_plates', condition='s.run_id = :run_id')}"
)
_UNREAD = text(f"SELECT {_OF_SLICES.format(table='slice_objects', condition='true')}")
_NEXT_OBJECTS = text(
    """
    SELECT o.slice_id, o.number, s.run_id, o.object_keys
    FROM slice_objects o JOIN purge_slices s USING (slice_id) WHERE s.destroyed
    ORDER BY o.slice_id, o.number LIMIT 1
    """
)
_LIST_FAILED = text(
    "INSERT INTO doomed_objects (object_key, run_id, attempts)"
    " SELECT key, :run_id, 1 FROM unnest(CAST(:keys AS text[])) AS key ON CONFLICT DO NOTHING"
)
_END_OBJECTS = text("DELETE FROM slice_objects WHERE slice_id = :slice_id AND number = :number")
_LIST_PLATES = text(
    """
    WITH listed AS (
        DELETE FROM slice_plates p USING purge_slices s
        WHERE s.slice_id = p.slice_id AND s.destroyed AND p.slice_id = (
            SELECT o.slice_id FROM slice_plates o JOIN purge_slices d USING (slice_id) WHERE d.destroyed
            ORDER BY o.slice_id LIMIT 1
        ) RETURNING s.run_id, p.plates
    ), plates AS (
        INSERT INTO doomed_plates (plate_id, run_id)
        SELECT plate_id, run_id FROM listed, unnest(plates) AS plate_id ON CONFLICT DO NOTHING
    )
    SELECT count(*) FROM listed
    """
)

LONGEST_WAIT_MS = 20
"""Longest wait of a forgetting transaction for the lock of plates; transactions that store reads wait behind it."""


class Queued(NamedTuple):
    """An object to delete, in the order of the queue: failed deletions come last."""

    attempts: int
    object_key: str


BEGINNING = Queued(-1, "")


class Block(NamedTuple):
    """Objects that a slice lists."""

    slice_id: int
    number: int
    run_id: UUID
    object_keys: Sequence[str]


class DoomedPlate(NamedTuple):
    """A plate of which reads were destroyed."""

    plate_id: int
    is_read: bool
    """Whether reads of it remain."""


class CleanupQueue:
    """The lists of objects and plates to delete."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def next_block(self) -> Block | None:
        """Return the next objects of a slice whose records are destroyed. Locks none: a deletion may be repeated."""
        row = (await self._connection.execute(_NEXT_OBJECTS)).first()
        return None if row is None else Block(*row)

    async def block_done(self, block: Block, failed: Sequence[str]) -> None:
        """Remove a block; list its objects whose deletion failed."""
        if failed:
            named = {"run_id": block.run_id, "keys": sorted(failed)}
            await self._connection.execute(_LIST_FAILED, named)
        place = {"slice_id": block.slice_id, "number": block.number}
        await self._connection.execute(_END_OBJECTS, place)

    async def has_blocks(self) -> bool:
        """Return whether destroyed slices have objects that no worker has tried to delete."""
        return bool((await self._connection.execute(_UNREAD)).scalar_one())

    async def list_plates(self) -> bool:
        """List the plates of the next slice whose records are destroyed; return whether there was one."""
        return bool((await self._connection.execute(_LIST_PLATES)).scalar_one())

    async def objects(self, after: Queued, limit: int) -> list[Queued]:
        """Return the next objects to delete after `after`. Locks none: a deletion may be repeated."""
        named = {**after._asdict(), "limit": limit}
        return [Queued(*row) for row in await self._connection.execute(_OBJECTS, named)]

    async def objects_done(self, gone: Sequence[str], failed: Sequence[str]) -> None:
        """Remove deleted objects from the list; failed ones are retried after all others."""
        for statement, keys in ((_GONE, gone), (_FAILED, failed)):
            if keys:
                await self._connection.execute(statement, {"keys": sorted(keys)})

    async def plates(self, after: int, limit: int) -> list[DoomedPlate]:
        """Return the next listed plates after `after`, by number, without a lock."""
        named = {"after": after, "limit": limit}
        return [DoomedPlate(*row) for row in await self._connection.execute(_PLATES, named)]

    async def forget(self, plates: Sequence[int]) -> int:
        """Delete those of `plates` that have no read; return their number.

        Locks out writers of reads until the transaction ends, because they might refer to a plate that is being
        deleted. Its commit does not wait for the disk: `plates_checked` commits after it, and waits.
        Raises: DBAPIError with LOCK_NOT_AVAILABLE if writers hold the lock for longer than `LONGEST_WAIT_MS`.
        """
        for setting in (f"lock_timeout = {LONGEST_WAIT_MS}", "synchronous_commit = off"):
            await self._connection.execute(text(f"SET LOCAL {setting}"))
        await Locks(self._connection).exclusive(PLATES)
        named: dict[str, Any] = {"plates": list(plates)}
        return (await self._connection.execute(_FORGET, named)).rowcount

    async def plates_checked(self, plates: Sequence[int]) -> None:
        """Remove plates from the list that are deleted or still read."""
        await self._connection.execute(_CHECKED, {"plates": list(plates)})

    async def has_left(self, run_id: UUID) -> bool:
        """Return whether an object or plate of a run remains listed."""
        return bool((await self._connection.execute(_LEFT, {"run_id": run_id})).scalar_one())
