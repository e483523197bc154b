"""Corrections of reads, as the rules read them from the log; not shown to people."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.domain.corrections import Corrected
from services.audit.domain.entries import kind_of
from services.audit.domain.sealing import opened
from services.audit.store.log import Log
from services.audit.store.said import CorrectedSaid, SealedCorrection, said_in
from shared.events import ReadCorrected

_CORRECTED = text(
    """
    SELECT e.seq, e.person_id, e.occurred_at, e.entry, v.disclosure
    FROM entries e LEFT JOIN values_left v ON v.seq = e.seq AND v.name = 'sighting'
    WHERE hashtext(e.kind) = hashtext(:kind) AND e.kind = :kind AND e.person_id = ANY(:people)
      AND e.seq + 0 >= :start AND e.seq + 0 < :end
    ORDER BY e.seq + 0
    """
)


class Corrections:
    """Reads corrections for a rule."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def by(self, people: Collection[str], since: datetime, end: int) -> list[Corrected]:
        """Return the corrections by these people that were logged from `since` on, of the entries before `end`."""
        span = await Log(self._connection).span_of(since, None)
        values = {
            "kind": kind_of(ReadCorrected),
            "people": list(people),
            "start": span.start,
            "end": end,
        }
        rows = await self._connection.execute(_CORRECTED, values)
        return [one for row in rows if (one := _corrected(row)) is not None]


def _corrected(row: Row[Any]) -> Corrected | None:
    said = said_in(row.seq, row.entry, CorrectedSaid)
    if said is None:
        return None
    sealed = _sealed_of(row.disclosure)
    return Corrected(
        seq=row.seq,
        person_id=row.person_id,
        at=row.occurred_at,
        captured_on=said.captured_on,
        read_id=sealed.read_id,
        plate_before=sealed.plate_before,
        plate=sealed.plate,
    )


def _sealed_of(disclosure: str | None) -> SealedCorrection:
    """Return what a correction seals: nothing if a purge has erased it, or if it has another shape."""
    if disclosure is None:
        return SealedCorrection()
    try:
        return msgspec.convert(opened(disclosure)[-1], SealedCorrection)
    except msgspec.ValidationError:
        return SealedCorrection()
