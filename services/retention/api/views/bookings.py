"""Bookings of evidence, and their statements, in answers."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.retention.api.views.signatures import SignatureOut
from services.retention.store.bookings import Booking
from shared.http.models import PersonOut


class BookingOut(BaseModel):
    """A booking. It never changes; a correction is a further booking."""

    booking_id: UUID
    export_id: UUID
    evidence_number: str
    custodian_name: str
    custodian_title: str
    media_description: str
    media_serial: str
    sha256: str
    note: str | None = None
    booked_by: PersonOut | None
    booked_at: datetime
    in_force: bool
    corrects: UUID | None = None
    corrected_by: UUID | None = None

    @classmethod
    def of(cls, booking: Booking) -> "BookingOut":
        """Return the view of a booking."""
        plain = {name: getattr(booking, name) for name in cls.model_fields if name != "booked_by"}
        return cls(**plain, booked_by=PersonOut.of(booking.booked_by))


class BookingStatementOut(BaseModel):
    """The statement of a booking, with every field that its signature covers."""

    model_config = ConfigDict(extra="allow")

    statement: str
    booking_id: str
    export_id: str
    evidence_number: str
    booked_at: str
    signature: SignatureOut
