"""Books copies of evidence packages on portable media into evidence (policy 468.5)."""

from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from services.retention.actions.exports import export_of
from services.retention.actions.holds import check_purpose
from services.retention.actions.signer import SigningKeys
from services.retention.domain.evidence import (
    BOOKING,
    check_booking,
    check_read_back,
    check_ready,
    check_repeated,
)
from services.retention.domain.problem_codes import Code
from services.retention.store.bookings import Booking, Bookings
from services.retention.store.exports import Export, Exports
from shared.access.grant import Grant
from shared.core.errors import NotFound
from shared.core.ids import derive_id
from shared.core.policy import Department
from shared.events import EvidenceBooked
from shared.postgres.unit_of_work import UnitOfWork


@dataclass(frozen=True, kw_only=True)
class NewBooking:
    """The particulars of a copy on one medium, as the property room received it."""

    corrects: UUID | None
    """The booking that this one replaces."""
    evidence_number: str
    custodian_name: str
    custodian_title: str
    media_description: str
    media_serial: str
    sha256: str
    """SHA-256 of the copy, read back from the medium."""
    note: str | None


async def book(
    department: Department,
    keys: SigningKeys,
    work: UnitOfWork,
    grant: Grant,
    export_id: UUID,
    key: str,
    new: NewBooking,
) -> Booking:
    """Book a copy; with the `key` of an earlier booking, return that booking.

    Raises: NotFound; NotAuthorised for a purpose that does not cover the hold; CopyDiffers for a copy that is not the
    package; Conflict for an export without a package, for a medium with a booking, for a correction of a booking that
    is not in force, or if a booking with `key` has other particulars; InvalidInput for a correction without a note.
    """
    state = await Exports(work.connection).state(grant, export_id)
    # Refused at once, without a wait for the lock of a package that is being built.
    if state is not None:
        check_ready(state)
    export = await export_of(work, grant, export_id, lock=True)
    check_purpose(grant, export.criteria)
    check_ready(export.state)
    known = await Bookings(work.connection).of_export(grant, export_id)
    booking_id = derive_id("evidence booking", export_id, grant.actor.person_id, key)
    for booking in known:
        if booking.booking_id == booking_id:
            check_repeated({name: getattr(booking, name) for name in asdict(new)}, asdict(new))
            return booking
    check_read_back(export.sha256, new.sha256)
    in_force = {booking.booking_id: booking.media_serial for booking in known if booking.in_force}
    check_booking(new.media_serial, new.corrects, new.note, in_force)
    signer = await keys.in_force(work.connection)
    booking = Booking(
        booking_id=booking_id,
        export_id=export_id,
        **asdict(new),
        booked_by=grant.actor,
        booked_at=grant.now,
        statement=signer.signed(_statement(booking_id, new, export, grant, department)),
    )
    await Bookings(work.connection).add(booking)
    await work.emit(_booked(booking, export))
    return booking


def _statement(
    booking_id: UUID, new: NewBooking, export: Export, grant: Grant, department: Department
) -> dict[str, Any]:
    """Return the statement of a booking, before it is signed."""
    by = grant.actor
    return {
        "statement": BOOKING,
        "agency": {"name": department.name, "ori": department.ori},
        "booking_id": str(booking_id),
        "corrects": str(new.corrects) if new.corrects else None,
        "export_id": str(export.export_id),
        "hold_id": str(export.hold_id),
        "case_number": export.case_number,
        "evidence_number": new.evidence_number,
        "received_by": {"name": new.custodian_name, "title": new.custodian_title},
        "medium": {"description": new.media_description, "serial": new.media_serial},
        "package": {
            "sha256": new.sha256,
            "size_bytes": export.size_bytes,
            "reads": export.reads,
            "captures": export.captures,
            "images": export.images,
            "signed_by": export.signed_by,
        },
        "note": new.note,
        "booked_by": {"name": by.name, "title": by.title, "person_id": by.person_id},
        "booked_at": grant.now.isoformat(),
    }


def _booked(booking: Booking, export: Export) -> EvidenceBooked:
    return EvidenceBooked(
        occurred_at=booking.booked_at,
        actor=booking.booked_by,
        booking_id=booking.booking_id,
        export_id=export.export_id,
        hold_id=export.hold_id,
        case_number=export.case_number,
        evidence_number=booking.evidence_number,
        custodian_name=booking.custodian_name,
        custodian_title=booking.custodian_title,
        media_description=booking.media_description,
        media_serial=booking.media_serial,
        sha256=booking.sha256,
        corrects=booking.corrects,
    )


async def statement_of(
    work: UnitOfWork, grant: Grant, export_id: UUID, booking_id: UUID
) -> dict[str, Any]:
    """Return the signed statement of a booking, and disclose the bookings of its export. Raises: NotFound."""
    for booking in await Bookings(work.connection).of_export(grant, export_id):
        if booking.booking_id == booking_id:
            return booking.statement
    raise NotFound(Code.BOOKING_UNKNOWN)
