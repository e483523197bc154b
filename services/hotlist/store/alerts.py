"""Reads hits in the order in which they were raised, for the alert streams."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.hotlist.domain.hits import Hit
from services.hotlist.store.hits import (
    FRESH,
    HIT,
    VISIBLE,
    HitDisclosures,
    hit_of,
    released,
    visible_to,
)
from shared.access.disclosing import disclosures
from shared.access.grant import Grant
from shared.postgres.outbox import emit

LIVE = "NOT h.late"
"""Leaves out late hits, whose vehicle is gone: they appear on the list of late hits and raise no alert."""


class Alerts:
    """Queries for streams. Send hits from `after` only once `deliver` has recorded them."""

    def __init__(self, connection: AsyncConnection, patrol: timedelta) -> None:
        self._connection = connection
        self._patrol = patrol

    async def last(self) -> int:
        """Return the number of the latest hit, 0 when there is none."""
        rows = await self._connection.execute(text("SELECT coalesce(max(seq), 0) FROM hits"))
        seq: int = rows.scalar_one()
        return seq

    async def after(self, seq: int, limit: int, *, now: datetime) -> Sequence[Hit]:
        """Return the live hits after `seq`, of all agencies and sources; the stream filters them for each viewer."""
        rows = await self._connection.execute(
            text(f"{HIT} WHERE h.seq > :seq AND {LIVE} ORDER BY h.seq LIMIT :limit"),
            {"seq": seq, "limit": limit, "now": now},
        )
        return [hit_of(row) for row in rows.mappings()]

    async def missed(self, grant: Grant, seq: int, limit: int, *, now: datetime) -> Sequence[Hit]:
        """Return the viewer's live hits after `seq`, recorded as delivered.

        Only those captured in the last `patrol`, whatever the declared purpose: a resumed stream must not
        page through old hits, which `hit:read` shows and counts.
        """
        rows = await self._connection.execute(
            text(
                f"{HIT} WHERE h.seq > :seq AND {VISIBLE} AND {LIVE} AND {FRESH} ORDER BY h.seq LIMIT :limit"
            ),
            {
                **visible_to(grant),
                "seq": seq,
                "limit": limit,
                "now": now,
                "fresh_since": now - self._patrol,
            },
        )
        found = [hit_of(row) for row in rows.mappings()]
        if found:
            await HitDisclosures(self._connection).record(grant, found)
        return found

    async def traceparents(self, hits: Sequence[Hit]) -> list[str]:
        """Return the traces in which hits were raised, in their order; none of hits that were not traced."""
        rows = await self._connection.execute(
            text(
                "SELECT traceparent FROM hits WHERE seq = ANY(:hits) AND traceparent IS NOT NULL"
                " ORDER BY seq"
            ),
            {"hits": [hit.seq for hit in hits]},
        )
        return list(rows.scalars())

    async def deliver(self, shares: Iterable[tuple[Grant, Sequence[Hit]]]) -> None:
        """Record the disclosure of hits to viewers; send them only after this is committed."""
        events = []
        for grant, hits in shares:
            if hits:
                events += disclosures(grant, "hit", released(hits))
        if events:
            await emit(self._connection, events[0].service, *events)
