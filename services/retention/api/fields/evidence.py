"""Request models of evidence: what exports, bookings and custody are asked with."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from services.retention.actions.bookings import NewBooking
from services.retention.actions.custody import NewAct
from services.retention.api.fields.records import Line, Sha256
from services.retention.domain.custody import Act
from shared.core.fields import Moment
from shared.http.models import Reason, RequestBody


class ExportIn(RequestBody):
    """The hold whose records to export."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"hold_id": "0190a6a1-5555-4000-8000-000000000005"}]}
    )

    hold_id: UUID


class WithdrawalIn(RequestBody):
    """The reason of the withdrawal."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "Written to no medium; the case was dropped"}]}
    )

    reason: Reason


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

    evidence_number: Line
    custodian_name: Line
    custodian_title: Line
    media_description: Reason
    media_serial: Line
    sha256: Annotated[
        Sha256,
        Field(
            description="SHA-256 of the package as read back from the medium (`verify-package` prints it)."
        ),
    ]
    note: Reason | None = None
    corrects: UUID | None = None
    """The booking that this one replaces; give in `note` what was wrong."""

    def booking(self) -> NewBooking:
        """Return the particulars of the copy."""
        return NewBooking(**self.model_dump())


class CustodyActIn(RequestBody):
    """What was done with a booked copy. Each kind of act has its own particulars."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "booking_id": "0190a6a1-5555-4000-8000-000000000007",
                    "kind": "handed_over",
                    "party_name": "D. Attorney",
                    "party_organisation": "Tehama County District Attorney",
                }
            ]
        }
    )

    booking_id: UUID
    """The booking in force of the copy."""
    kind: Literal["handed_over", "returned", "checked", "destroyed"]
    party_name: Line | None = None
    """For `handed_over` and `returned`: who received the copy, or brought it back."""
    party_organisation: Line | None = None
    """For `handed_over` and `returned`: that person's agency or court."""
    sha256: Sha256 | None = None
    """For `checked`: SHA-256 of the copy, read back from its medium."""
    order_reference: Line | None = None
    """For `destroyed`: the order by which the copy was destroyed."""
    note: Reason | None = None
    acted_at: Moment | None = None
    """When it was done; default: now."""
    corrects: UUID | None = None
    """The last act of this copy, which this one replaces; give in `note` what was wrong."""

    def act(self) -> NewAct:
        """Return the act."""
        return NewAct(**{**self.model_dump(), "kind": Act(self.kind)})
