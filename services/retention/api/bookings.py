"""Routes of bookings into evidence of a package's copies on portable media (policy 468.5)."""

from uuid import UUID

from fastapi import APIRouter, Request

from services.retention.actions import bookings
from services.retention.actions.exports import export_of
from services.retention.api.fields.evidence import BookingIn
from services.retention.api.guard import HoldManageOfRecord, HoldReadForPurpose
from services.retention.api.views.bookings import BookingOut, BookingStatementOut
from services.retention.domain.evidence import CopyDiffers
from services.retention.service import Running
from services.retention.store.bookings import Bookings
from shared.access.rule_refusals import record_refusal
from shared.http.app import Work
from shared.http.models import After, IdempotencyKey, Limit, Page, key_of

router = APIRouter(prefix="/v1/evidence-exports/{export_id}/bookings", tags=["evidence"])


@router.post("", status_code=201)
async def book_evidence(
    export_id: UUID,
    body: BookingIn,
    grant: HoldManageOfRecord,
    key: IdempotencyKey,
    work: Work,
    request: Request,
    retention: Running,
) -> BookingOut:
    """Book a copy into evidence. Its SHA-256, read back from the medium, must be that of the package.

    A booking never changes; a further booking corrects it.
    """
    department, keys = retention.runtime.policy.department, retention.keys
    try:
        booking = await bookings.book(department, keys, work, grant, export_id, key, body.booking())
    except CopyDiffers as exc:
        await record_refusal(request, grant, exc.detail)
        raise
    return BookingOut.of(booking)


@router.get("")
async def list_bookings(
    export_id: UUID,
    grant: HoldReadForPurpose,
    work: Work,
    after: After | None = None,
    limit: Limit = 50,
) -> Page[BookingOut]:
    """List the bookings of an export by time, corrections and corrected ones included."""
    await export_of(work, grant, export_id)
    found = await Bookings(work.connection).of_export(
        grant, export_id, after=key_of(after, UUID), limit=limit
    )
    more = found[-1].booking_id if len(found) == limit else None
    return Page.of([BookingOut.of(booking) for booking in found], last=more)


@router.get("/{booking_id}/statement")
async def get_booking_statement(
    export_id: UUID, booking_id: UUID, grant: HoldReadForPurpose, work: Work
) -> BookingStatementOut:
    """Return a booking's signed statement, with which `verify-package FILE --booking STATEMENT.json` checks a copy."""
    statement = await bookings.statement_of(work, grant, export_id, booking_id)
    return BookingStatementOut.model_validate(statement)
