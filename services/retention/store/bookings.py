"""Bookings of copies into evidence. A booking never changes; a further booking corrects it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.access.disclosing import Disclosed, disclose
from shared.access.grant import Grant
from shared.events import Actor

_COLUMNS = (
    "booking_id, export_id, corrects, evidence_number, custodian_name, custodian_title,"
    " media_description, media_serial, sha256, note, booked_by, booked_at, statement"
)
_ADD = text(
    f"""
    INSERT INTO evidence_bookings ({_COLUMNS})
    VALUES (:booking_id, :export_id, :corrects, :evidence_number, :custodian_name, :custodian_title,
        :media_description, :media_serial, :sha256, :note, CAST(:booked_by AS jsonb), :booked_at,
        CAST(:statement AS jsonb))
    """  # noqa: S608 - constants
)
_OF_EXPORT = text(
    f"SELECT {', '.join(f'b.{name}' for name in _COLUMNS.split(', '))},"  # noqa: S608 - constants
    " c.booking_id AS corrected_by FROM evidence_bookings b"
    " JOIN evidence_exports e USING (export_id)"
    " LEFT JOIN evidence_bookings c ON c.corrects = b.booking_id"
    " WHERE b.export_id = :export_id AND e.agency_ori = ANY(:agencies)"
    " AND (CAST(:after AS uuid) IS NULL OR (b.booked_at, b.booking_id) > (SELECT booked_at, booking_id"
    " FROM evidence_bookings WHERE booking_id = :after AND export_id = :export_id))"
    " ORDER BY b.booked_at, b.booking_id LIMIT :limit"
)


@dataclass(frozen=True)
class Booking:
    """The record that a copy of a package, on one medium, is in evidence."""

    booking_id: UUID
    export_id: UUID
    corrects: UUID | None
    evidence_number: str
    custodian_name: str
    """Name of the person who received the medium; the title is that person's."""
    custodian_title: str
    media_description: str
    media_serial: str
    sha256: str
    """SHA-256 of the copy, read back from the medium."""
    note: str | None
    booked_by: Actor
    booked_at: datetime
    statement: dict[str, Any]
    """The booking, signed."""
    corrected_by: UUID | None = None

    @property
    def in_force(self) -> bool:
        """Whether it is in force: not corrected by a further booking."""
        return self.corrected_by is None

    @classmethod
    def of(cls, row: Row[Any]) -> Self:
        """Return a row of `_OF_EXPORT` as a booking."""
        plain = dict(row._mapping)
        return cls(**{**plain, "booked_by": msgspec.convert(plain["booked_by"], Actor)})


class Bookings:
    """Bookings of the grant's agency."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, booking: Booking) -> None:
        """Write a booking; the caller has locked its export."""
        parameters = {name: getattr(booking, name) for name in _COLUMNS.replace(",", "").split()}
        parameters["booked_by"] = msgspec.json.encode(booking.booked_by).decode()
        parameters["statement"] = msgspec.json.encode(booking.statement).decode()
        await self._connection.execute(_ADD, parameters)

    async def of_export(
        self, grant: Grant, export_id: UUID, *, after: UUID | None = None, limit: int | None = None
    ) -> Sequence[Booking]:
        """Return the bookings of an export in order of time, corrected ones included.

        Begins after the one named `after`; without `limit`, returns all. Discloses them.
        """
        parameters = {
            "export_id": export_id,
            "agencies": sorted(grant.agencies),
            "after": after,
            "limit": limit,
        }
        rows = await self._connection.execute(_OF_EXPORT, parameters)
        bookings = [Booking.of(row) for row in rows]
        disclosed = [Disclosed(record_id=booking.booking_id) for booking in bookings]
        await disclose(self._connection, grant, "evidence_booking", disclosed)
        return bookings
