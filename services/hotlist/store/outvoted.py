"""Reads that the other frames of their vehicle contradict; their hits show a caution."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.events import RecordedPass

_ADD = text(
    """
    INSERT INTO outvoted (read_id, captured_at, reads)
    SELECT * FROM unnest(CAST(:read_ids AS uuid[]), CAST(:times AS timestamptz[]),
        CAST(:reads AS integer[])) AS new (read_id, captured_at, reads) ORDER BY read_id
    ON CONFLICT DO NOTHING
    """
)


class Outvoted:
    """The outvoted reads, each with the number of reads of its pass."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, passes: Sequence[RecordedPass]) -> None:
        """Store the outvoted reads of passes. Safe to repeat."""
        found = [(read_id, one) for one in passes for read_id in one.outvoted_read_ids]
        if not found:
            return
        named = {
            "read_ids": [read_id for read_id, _ in found],
            "times": [one.first_seen_at for _, one in found],
            "reads": [len(one.read_ids) for _, one in found],
        }
        await self._connection.execute(_ADD, named)
