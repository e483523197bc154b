"""Deletes or clears the hits of purged reads; leaves those whose reads a hold keeps."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Literal, get_args
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_OF_HITS = text(
    "SELECT s.read_id, s.hit_id FROM sightings s JOIN hits h USING (hit_id)"
    " WHERE h.captured_at < :before AND h.purged_at IS NULL"
    " UNION ALL SELECT s.read_id, s.hit_id FROM sightings s JOIN hits h USING (hit_id)"
    " WHERE h.captured_at >= :before AND h.captured_at < :until AND h.purged_at IS NULL"
    " AND h.first_at < :before AND s.captured_at < :before"
)
_OF_BOTH_SIDES = text(
    "SELECT hit_id FROM hits WHERE captured_at >= :before AND captured_at < :until"
    " AND purged_at IS NULL AND first_at < :before"
)
_SAID = text(
    "SELECT read_id FROM outvoted WHERE captured_at < :before"
    " UNION SELECT read_id FROM corrected WHERE captured_at < :before"
)
_DUE = text(
    """
    SELECT hit_id, captured_at, EXISTS (SELECT FROM verifications v WHERE v.hit_id = h.hit_id)
        OR EXISTS (SELECT FROM dispositions d WHERE d.hit_id = h.hit_id)
        OR EXISTS (SELECT FROM acknowledgements a WHERE a.hit_id = h.hit_id) AS worked
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
    " box = NULL, crop_key = NULL, image_key = NULL, traceparent = NULL, changed_seq = NULL,"
    " standing = '', differences = '[]', warnings = '[]'"
    " WHERE hit_id = ANY(:hits)"
)
_DELETE = text("DELETE FROM hits WHERE hit_id = ANY(:hits)")
_OTHER_SIGHTINGS = text(
    "DELETE FROM sightings WHERE hit_id = ANY(:hits) AND captured_at < :before"
    " AND NOT read_id = ANY(:reads)"
)
_BEGIN_LATER = text(
    "UPDATE hits h SET first_at = s.first_at FROM (SELECT hit_id, min(captured_at) AS first_at"
    " FROM sightings WHERE hit_id = ANY(:hits) GROUP BY hit_id) s"
    " WHERE h.hit_id = s.hit_id AND h.captured_at >= :before AND h.first_at < s.first_at"
)
Beside = Literal["outvoted", "corrected"]
"""A table of what others say of reads: the other frames of their vehicle, or people."""

BESIDE: Sequence[Beside] = get_args(Beside)
_BESIDE_DUE = {
    table: text(
        f"SELECT captured_at, read_id FROM {table} WHERE captured_at < :before"  # noqa: S608 - names in this file
        " AND (captured_at, read_id) > (:at, :after) ORDER BY captured_at, read_id LIMIT :limit"
    )
    for table in BESIDE
}
_NOT_BESIDE = {
    table: text(f"DELETE FROM {table} WHERE read_id = ANY(:reads)")  # noqa: S608 - names in this file
    for table in BESIDE
}

Place = tuple[datetime, UUID]
"""The capture and the id of the last row of a piece."""

BEGINNING: Place = (datetime.fromisoformat("0001-01-02T00:00Z"), UUID(int=0))

LONGEST_SPAN = timedelta(days=1)
"""A pass that began before a purge's limit has its hit captured less than this after the limit."""


class Purging:
    """Hits of one purge run, within one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def reads_of_hits(self, before: datetime) -> list[tuple[UUID, UUID]]:
        """Return pairs of a read and its hit, for unpurged hits captured before `before`.

        Also those reads from before `before` that joined a hit captured later: vehicles upload reads out of order.
        """
        rows = await self._connection.execute(
            _OF_HITS, {"before": before, "until": before + LONGEST_SPAN}
        )
        return [(row.read_id, row.hit_id) for row in rows]

    async def of_both_sides(self, before: datetime) -> list[UUID]:
        """Return the hits captured from `before` on that earlier reads joined."""
        values = {"before": before, "until": before + LONGEST_SPAN}
        return list((await self._connection.execute(_OF_BOTH_SIDES, values)).scalars())

    async def contradicted(self, before: datetime) -> list[UUID]:
        """Return the reads captured before `before` that other frames of their vehicle contradict, or people."""
        return list((await self._connection.execute(_SAID, {"before": before})).scalars())

    async def purge(
        self,
        before: datetime,
        after: Place,
        held: Collection[UUID],
        now: datetime,
        limit: int,
    ) -> tuple[int, Place | None]:
        """Purge the hits captured before `before`, of the next `limit` after `after`.

        Deletes a hit without an acknowledgement, verification or disposition: it is only a copy of its read. Clears the
        read's data from any other hit and keeps people's records of it (Government Code 34090(d)). Hits in `held` stay
        unchanged. Returns: the number of hits deleted or cleared, and the next `after`; None at the end.
        """
        parameters = {"before": before, "at": after[0], "after": after[1], "limit": limit}
        rows = (await self._connection.execute(_DUE, parameters)).all()
        due = [row for row in rows if row.hit_id not in held]
        worked = [row.hit_id for row in due if row.worked]
        await self._connection.execute(_NO_SIGHTINGS, {"hits": worked})
        await self._connection.execute(_CLEAR, {"hits": worked, "now": now})
        rest = [row.hit_id for row in due if not row.worked]
        await self._connection.execute(_DELETE, {"hits": rest})
        if len(rows) < limit:
            return len(due), None
        return len(due), (rows[-1].captured_at, rows[-1].hit_id)

    async def purge_sightings(
        self, before: datetime, hits: Collection[UUID], reads: Collection[UUID]
    ) -> None:
        """Delete the purged reads' sightings of hits that stay; a hit captured later begins with what is left of it.

        Args:
            before: the purge's time limit.
            hits: hits that stay.
            reads: the held reads that hits, outvotes or corrections refer to.
        """
        parameters = {"before": before, "hits": list(hits), "reads": list(reads)}
        await self._connection.execute(_OTHER_SIGHTINGS, parameters)
        await self._connection.execute(_BEGIN_LATER, {"before": before, "hits": list(hits)})

    async def purge_beside(
        self, table: Beside, before: datetime, after: Place, held: Collection[UUID], limit: int
    ) -> Place | None:
        """Delete what a table says of reads captured before `before`, of the next `limit` after `after`, except `held`.

        Returns the next `after`; None at the end.
        """
        parameters = {"before": before, "at": after[0], "after": after[1], "limit": limit}
        rows = (await self._connection.execute(_BESIDE_DUE[table], parameters)).all()
        gone = [row.read_id for row in rows if row.read_id not in held]
        await self._connection.execute(_NOT_BESIDE[table], {"reads": gone})
        return None if len(rows) < limit else (rows[-1].captured_at, rows[-1].read_id)
