"""Reads hits in the order in which they were raised and changed, for the alert streams."""
# ruff: noqa: S608 - statements are put together from names in this file and in `hits`, values are bound

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.hotlist.domain.hits import Hit, StreamedHit
from services.hotlist.store.hits import (
    FIELDS,
    FRESH,
    OF_HITS,
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


def _streamed(visible: str = "true") -> str:
    """Return the query for alerts and changes after `seq` in one order; each half follows an index of its own."""
    halves = (
        f"(SELECT h.hit_id, h.{number} AS position, {is_change} AS is_change FROM hits h WHERE h.{number} > :seq"
        f" AND {visible} AND {LIVE} AND {FRESH} ORDER BY h.{number} LIMIT :limit)"
        for number, is_change in (("seq", "false"), ("changed_seq", "true"))
    )
    return (
        f"SELECT s.position, s.is_change, {FIELDS} {OF_HITS} JOIN ({' UNION ALL '.join(halves)}) s"
        " ON s.hit_id = h.hit_id ORDER BY s.position LIMIT :limit"
    )


def hits_of(streamed: Iterable[StreamedHit]) -> list[Hit]:
    """Return the hits of alerts and changes, each once."""
    return list({one.hit.hit_id: one.hit for one in streamed}.values())


class Alerts:
    """Queries for streams. Send hits from `after` only once `deliver` has recorded them."""

    def __init__(self, connection: AsyncConnection, patrol: timedelta) -> None:
        self._connection = connection
        self._patrol = patrol

    async def last(self) -> int:
        """Return the number of the latest hit or change of one, 0 when there is none."""
        rows = await self._connection.execute(
            text("SELECT coalesce(greatest(max(seq), max(changed_seq)), 0) FROM hits")
        )
        seq: int = rows.scalar_one()
        return seq

    async def after(self, seq: int, limit: int, *, now: datetime) -> Sequence[StreamedHit]:
        """Return the alerts and changes after `seq`, of all agencies and sources; the stream filters them.

        Only those captured in the last `patrol`: older ones need a purpose (468.4(b)).
        """
        values = {"seq": seq, "limit": limit, "now": now, "fresh_since": now - self._patrol}
        return await self._streamed(_streamed(), values)

    async def missed(
        self, grant: Grant, seq: int, limit: int, *, now: datetime
    ) -> Sequence[StreamedHit]:
        """Return the viewer's alerts and changes after `seq`, recorded as delivered.

        Only those captured in the last `patrol`, whatever the declared purpose: a resumed stream must not
        page through old hits, which `hit:read` shows and counts.
        """
        values = {"seq": seq, "limit": limit, "now": now, "fresh_since": now - self._patrol}
        found = await self._streamed(_streamed(VISIBLE), {**values, **visible_to(grant)})
        if found:
            await HitDisclosures(self._connection).record(grant, hits_of(found))
        return found

    async def _streamed(self, query: str, values: dict[str, Any]) -> Sequence[StreamedHit]:
        rows = await self._connection.execute(text(query), values)
        found = []
        for row in rows.mappings():
            fields = dict(row)
            position, is_change = fields.pop("position"), fields.pop("is_change")
            found.append(StreamedHit(position=position, is_change=is_change, hit=hit_of(fields)))
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

    async def deliver(self, shares: Iterable[tuple[Grant, Sequence[StreamedHit]]]) -> None:
        """Record the disclosure of hits to viewers; send them only after this is committed."""
        events = []
        for grant, share in shares:
            if share:
                events += disclosures(grant, "hit", released(hits_of(share)))
        if events:
            await emit(self._connection, events[0].service, *events)
