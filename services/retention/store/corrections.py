"""Corrections of reads. They are shown with their reads alone, whose disclosure covers them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.domain.corrections import Correction, PlateSeen
from services.retention.domain.plates import plate_number, plate_of
from services.retention.store.locks import CORRECTIONS, Locks
from shared.events import Actor

_ADD = text(
    """
    INSERT INTO read_corrections
        (correction_id, read_id, captured_at, plate_id, region, reason, corrected_by, corrected_at)
    VALUES (:correction_id, :read_id, :captured_at, :plate_id, :region, :reason, CAST(:corrected_by AS jsonb),
        :corrected_at)
    """
)
AS_JSON = (
    "jsonb_build_object('correction_id', correction_id, 'plate_id', plate_id, 'region', region, 'reason', reason,"
    " 'corrected_by', corrected_by, 'corrected_at', corrected_at)"
)
"""A row of corrections as `correction_of` takes it."""

_OF_READ = text(
    f"SELECT {AS_JSON} FROM read_corrections WHERE read_id = :read_id ORDER BY seq"  # noqa: S608 - constants
)

LAST_PLATE = "(SELECT coalesce(c.plate_id, 0) FROM read_corrections c WHERE c.read_id = r.read_id ORDER BY c.seq DESC LIMIT 1)"
"""The number of the plate that the last correction of a read `r` gives, 0 for no legible one; NULL without any."""


IS_LAST = (
    "NOT EXISTS (SELECT FROM read_corrections l WHERE l.read_id = c.read_id AND l.seq > c.seq)"
)
"""Whether `c` is the last correction of its read."""


class Corrections:
    """Writes corrections of reads."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def lock(self, read_id: UUID) -> tuple[Correction, ...]:
        """Return a read's corrections, oldest first; no other one is added until the transaction ends."""
        await Locks(self._connection).exclusive(CORRECTIONS, str(read_id))
        rows = await self._connection.execute(_OF_READ, {"read_id": read_id})
        return tuple(correction_of(stored) for stored in rows.scalars())

    async def add(self, correction: Correction, read_id: UUID, captured_at: datetime) -> None:
        """Write a correction of a read whose corrections the caller has locked."""
        plate = correction.seen.plate
        values = {
            "correction_id": correction.correction_id,
            "read_id": read_id,
            "captured_at": captured_at,
            "plate_id": None if plate is None else plate_number(plate),
            "region": correction.seen.region,
            "reason": correction.reason,
            "corrected_by": msgspec.json.encode(correction.corrected_by).decode(),
            "corrected_at": correction.corrected_at,
        }
        await self._connection.execute(_ADD, values)


def correction_of(stored: Mapping[str, Any]) -> Correction:
    """Return a correction that was selected as `AS_JSON`."""
    number = stored["plate_id"]
    return Correction(
        correction_id=UUID(stored["correction_id"]),
        seen=PlateSeen(None if number is None else plate_of(number), stored["region"]),
        reason=stored["reason"],
        corrected_by=msgspec.convert(stored["corrected_by"], Actor),
        corrected_at=datetime.fromisoformat(stored["corrected_at"]),
    )
