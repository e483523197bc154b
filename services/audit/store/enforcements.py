"""Enforcement on hits and their verifications, as the rules read them from the log; not shown to people."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.domain.enforcement import Enforced, Verified
from services.audit.domain.entries import kind_of
from services.audit.store.log import OF_KIND
from services.audit.store.said import DisposedSaid, VerifiedSaid, said_in
from shared.events import HitDisposed, HitVerified

_DISPOSED = text(
    f"""
    SELECT seq, occurred_at, entry FROM entries
    WHERE {OF_KIND} AND seq + 0 >= :start AND seq + 0 < :end ORDER BY seq + 0
    """  # noqa: S608 - a constant
)
_NAMES_A_HIT = """EXISTS (SELECT FROM unnest(CAST(:hits AS text[])) AS h (hit_id)
        WHERE position(CAST(h.hit_id AS bytea) IN entry) > 0)"""
"""Postgres cannot decode each entry: `said_in` sorts out those that name the id elsewhere."""

_VERIFIED = text(
    f"""
    SELECT seq, occurred_at, entry, false AS old FROM entries WHERE {OF_KIND} AND {_NAMES_A_HIT}
    UNION ALL
    SELECT seq, occurred_at, entry, true FROM old_entries WHERE {OF_KIND} AND {_NAMES_A_HIT}
    """  # noqa: S608 - constants
)


class Enforcements:
    """Reads what people did after hits, for a rule."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def between(self, start: int, end: int) -> list[Enforced]:
        """Return the enforcement actions that the entries from `start` to before `end` record."""
        values = {"kind": kind_of(HitDisposed), "start": start, "end": end}
        rows = await self._connection.execute(_DISPOSED, values)
        return [
            Enforced(
                seq=row.seq,
                hit_id=said.hit_id,
                person_id=said.disposed_by.person_id,
                at=row.occurred_at,
                has_reason=bool(said.unverified_reason),
            )
            for row in rows
            if (said := said_in(row.seq, row.entry, DisposedSaid)) is not None and said.enforcement
        ]

    async def verifications(self, hits: Collection[UUID]) -> Mapping[UUID, Sequence[Verified]]:
        """Return the verifications of these hits in both logs, each hit's by the time at which they occurred."""
        found = defaultdict[UUID, list[Verified]](list)
        if not hits:
            return found
        values = {"kind": kind_of(HitVerified), "hits": [str(hit_id) for hit_id in hits]}
        for row in await self._connection.execute(_VERIFIED, values):
            said = said_in(row.seq, row.entry, VerifiedSaid)
            if said is not None:
                seq = None if row.old else row.seq
                found[said.hit_id].append(Verified(seq, said.outcome, row.occurred_at))
        for those in found.values():
            those.sort(key=lambda one: one.at)
        return found
