"""Bookings into evidence of an evidence package's copies on portable media (policy 468.5)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.retention.api.evidence import Key, export_of
from services.retention.api.fields import Number
from services.retention.api.guard import HoldManageOfRecord, HoldReadForPurpose
from services.retention.domain.evidence import (
    BOOKING,
    check_correction,
    check_medium_free,
    check_read_back,
    check_ready,
    same_medium,
)
from services.retention.domain.problem_codes import Code
from services.retention.domain.signing import Signer
from services.retention.service import Running
from services.retention.store.bookings import Booking, Bookings
from services.retention.store.exports import Export
from shared.access.grant import Grant
from shared.access.rule_refusals import record_refusal
from shared.core.errors import Conflict, InvalidInput, NotFound
from shared.core.ids import derive_id
from shared.core.policy import Department
from shared.events import EvidenceBooked
from shared.http.app import Work
from shared.http.models import Page, Person, Reason, RequestBody

router = APIRouter(prefix="/v1/evidence-exports/{export_id}/bookings", tags=["evidence"])

Sha256 = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-fA-F]{64}$", to_lower=True, strip_whitespace=True)
]
_TAKEN = (
    "corrects", "evidence_number", "custodian_name", "custodian_title", "media_description",
    "media_serial", "sha256", "note",
)  # fmt: skip


class BookingIn(RequestBody):
    """A copy of the package on one medium that the property room received."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "evidence_number": "E26-0417-3",
                    "custodian_name": "P. Room",
                    "custodian_title": "Property Officer",
                    "media_description": "DVD-R, write once, in a sealed sleeve",
                    "media_serial": "MID-0417-A",
                    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                }
            ]
        }
    )

    evidence_number: Number
    custodian_name: Number
    custodian_title: Number
    media_description: Reason
    media_serial: Number
    sha256: Annotated[
        Sha256,
        Field(
            description="SHA-256 of the package as read back from the medium (`verify-package` prints it)."
        ),
    ]
    note: Reason | None = None
    corrects: UUID | None = None
    """The booking that this one replaces; give in `note` what was wrong."""


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
    booked_by: Person | None
    booked_at: datetime
    in_force: bool
    corrects: UUID | None = None
    corrected_by: UUID | None = None

    @classmethod
    def of(cls, booking: Booking) -> "BookingOut":
        """Return the view of a booking."""
        plain = {name: getattr(booking, name) for name in cls.model_fields if name != "booked_by"}
        return cls(**plain, booked_by=Person.of(booking.booked_by))


@router.post("", status_code=201, summary="Book a copy into evidence")
async def book_evidence(
    export_id: UUID,
    body: BookingIn,
    grant: HoldManageOfRecord,
    key: Key,
    work: Work,
    request: Request,
    retention: Running,
) -> BookingOut:
    """Book a copy into evidence. Its SHA-256, read back from the medium, must be that of the package.

    A booking never changes; a further booking corrects it.
    """
    check_ready((await export_of(work, grant, export_id)).state)
    export = await export_of(work, grant, export_id, lock=True)
    check_ready(export.state)
    known = await Bookings(work.connection).of_export(grant, export_id)
    booking_id = derive_id("evidence booking", export_id, grant.actor.person_id, key)
    for booking in known:
        if booking.booking_id == booking_id:
            return BookingOut.of(_same(booking, body))
    await _check_read_back(request, grant, export, body.sha256)
    _check_place(body, known)
    signer = await retention.keys.in_force()
    booking = _booking(booking_id, body, export, grant, retention.runtime.policy.department, signer)
    await Bookings(work.connection).add(booking)
    await work.emit(_booked(booking, export))
    return BookingOut.of(booking)


@router.get("", summary="Bookings of an export")
async def list_bookings(export_id: UUID, grant: HoldReadForPurpose, work: Work) -> Page[BookingOut]:
    """All bookings of an export, corrections and corrected ones included."""
    await export_of(work, grant, export_id)
    found = await Bookings(work.connection).of_export(grant, export_id)
    return Page.of([BookingOut.of(booking) for booking in found])


@router.get("/{booking_id}/statement", summary="The signed statement of a booking")
async def get_booking_statement(
    export_id: UUID, booking_id: UUID, grant: HoldReadForPurpose, work: Work
) -> dict[str, Any]:
    """The signed statement of a booking, with which `verify-package FILE --booking STATEMENT.json` checks a copy."""
    for booking in await Bookings(work.connection).of_export(grant, export_id):
        if booking.booking_id == booking_id:
            return booking.statement
    raise NotFound(Code.BOOKING_UNKNOWN)


def _same(booking: Booking, body: BookingIn) -> Booking:
    """Return the booking of this Idempotency-Key. Raises: Conflict if the request now differs from it."""
    if any(getattr(booking, name) != getattr(body, name) for name in _TAKEN):
        raise Conflict(Code.BOOKING_KEY_REUSED)
    return booking


async def _check_read_back(request: Request, grant: Grant, export: Export, sha256: str) -> None:
    """Check that a copy is the package; records a refusal. Raises: InvalidInput."""
    try:
        check_read_back(export.sha256, sha256)
    except InvalidInput as exc:
        await record_refusal(request, grant, exc.detail)
        raise


def _check_place(body: BookingIn, known: Sequence[Booking]) -> None:
    """Check that the booking is of a new medium, or corrects a booking in force.

    Raises: Conflict otherwise; InvalidInput for a correction without a note.
    """
    in_force = {b.booking_id: b for b in known if b.in_force}
    if body.corrects is not None:
        check_correction(body.corrects, in_force, body.note)
        del in_force[body.corrects]
    medium = same_medium(body.media_serial)
    others = (b.booking_id for b in in_force.values() if same_medium(b.media_serial) == medium)
    check_medium_free(next(others, None))


def _booking(
    booking_id: UUID,
    body: BookingIn,
    export: Export,
    grant: Grant,
    department: Department,
    signer: Signer,
) -> Booking:
    content = _statement(booking_id, body, export, grant, department)
    return Booking(
        booking_id=booking_id,
        export_id=export.export_id,
        **{name: getattr(body, name) for name in _TAKEN},
        booked_by=grant.actor,
        booked_at=grant.now,
        statement=signer.signed(content),
    )


def _statement(
    booking_id: UUID, body: BookingIn, export: Export, grant: Grant, department: Department
) -> dict[str, Any]:
    """Return the statement of a booking, before it is signed."""
    by = grant.actor
    return {
        "statement": BOOKING,
        "agency": {"name": department.name, "ori": department.ori},
        "booking_id": str(booking_id),
        "corrects": str(body.corrects) if body.corrects else None,
        "export_id": str(export.export_id),
        "hold_id": str(export.hold_id),
        "case_number": export.case_number,
        "evidence_number": body.evidence_number,
        "received_by": {"name": body.custodian_name, "title": body.custodian_title},
        "medium": {"description": body.media_description, "serial": body.media_serial},
        "package": {
            "sha256": body.sha256,
            "size_bytes": export.size_bytes,
            "reads": export.reads,
            "captures": export.captures,
            "images": export.images,
            "signed_by": export.signed_by,
        },
        "note": body.note,
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
