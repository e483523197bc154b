"""What a purge takes of hits, and what it leaves because a hold keeps their reads."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_OF_READS = text(
    "SELECT s.read_id, s.hit_id FROM sightings s JOIN hits h USING (hit_id)"
    " WHERE s.read_id = ANY(:reads) AND h.captured_at < :before AND h.purged_at IS NULL"
)
_OUTVOTED = text("SELECT read_id FROM outvoted WHERE read_id = ANY(:reads)")
_DUE = text(
    """
    SELECT hit_id, captured_at, EXISTS (SELECT FROM verifications v WHERE v.hit_id = h.hit_id)
        OR EXISTS (SELECT FROM dispositions d WHERE d.hit_id = h.hit_id) AS worked
    FROM hits h WHERE captured_at < :before AND purged_at IS NULL
        AND (captured_at, hit_id) > (:at, :after)
    ORDER BY captured_at, hit_id LIMIT :limit FOR UPDATE
    """
)
_NO_SIGHTINGS = text("DELETE FROM sightings WHERE hit_id = ANY(:hits)")
_CLEAR = text(
    "UPDATE hits SET purged_at = :now, plate_read = NULL, plate_as_read = NULL,"
    " region_read = NULL, plate_listed = NULL, region_listed = NULL, entry = NULL,"
    " device_id = NULL, device_name = NULL, place = NULL, capture_id = NULL, read_id = NULL,"
    " entry_id = NULL, captured_at = NULL, received_at = NULL, first_at = NULL, last_at = NULL,"
    " crop_key = NULL, image_key = NULL, differences = '[]', warnings = '[]'"
    " WHERE hit_id = ANY(:hits)"
)
_DELETE = text("DELETE FROM hits WHERE hit_id = ANY(:hits)")
_OTHER_SIGHTINGS = text(
    "DELETE FROM sightings WHERE hit_id = ANY(:hits) AND captured_at < :before"
    " AND NOT read_id = ANY(:reads)"
)
_OTHER_OUTVOTED = text(
    "DELETE FROM outvoted WHERE captured_at < :before AND NOT read_id = ANY(:reads)"
)

BEGINNING = (datetime.fromisoformat("0001-01-02T00:00Z"), UUID(int=0))


class Purging:
    """Hits of one purge run, within one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def hits_of(self, reads: Sequence[UUID], before: datetime) -> list[tuple[UUID, UUID]]:
        """Return pairs of read and hit: which hits from before `before` these reads belong to."""
        rows = await self._connection.execute(_OF_READS, {"reads": reads, "before": before})
        return [(row.read_id, row.hit_id) for row in rows]

    async def outvoted_of(self, reads: Sequence[UUID]) -> list[UUID]:
        """Return which of these reads the other frames of their vehicle contradict."""
        return list((await self._connection.execute(_OUTVOTED, {"reads": reads})).scalars())

    async def purge(
        self,
        before: datetime,
        after: tuple[datetime, UUID],
        kept: Collection[UUID],
        now: datetime,
        limit: int,
    ) -> tuple[int, tuple[datetime, UUID] | None]:
        """Take what hits captured before `before` have of the read; look at `limit` behind `after`.

        A hit that nobody worked is nothing but a copy of its read and goes whole. Of one that was verified
        or disposed of, what people did stays (Government Code 34090(d)), and what was read goes. Hits in
        `kept` stay as they are.
        Returns: how many went, and where to go on; None at the end.
        """
        parameters = {"before": before, "at": after[0], "after": after[1], "limit": limit}
        rows = (await self._connection.execute(_DUE, parameters)).all()
        due = [row for row in rows if row.hit_id not in kept]
        worked = [row.hit_id for row in due if row.worked]
        await self._connection.execute(_NO_SIGHTINGS, {"hits": worked})
        await self._connection.execute(_CLEAR, {"hits": worked, "now": now})
        rest = [row.hit_id for row in due if not row.worked]
        await self._connection.execute(_DELETE, {"hits": rest})
        if len(rows) < limit:
            return len(due), None
        return len(due), (rows[-1].captured_at, rows[-1].hit_id)

    async def purge_beside(
        self, before: datetime, hits: Collection[UUID], reads: Collection[UUID]
    ) -> None:
        """Take from hits that stay the sightings by reads that are gone, and what outvoted such reads.

        Args: the hits that stay, and the held reads among those that hits or outvotes are of.
        """
        parameters = {"before": before, "hits": list(hits), "reads": list(reads)}
        await self._connection.execute(_OTHER_SIGHTINGS, parameters)
        await self._connection.execute(_OTHER_OUTVOTED, parameters)
