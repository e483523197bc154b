"""Holds, and the export of held records as evidence."""

from datetime import datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

from shared.events.base import Actor, AdministrativeEvent, Sealing


class HoldChanged(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A step of a hold that keeps matching records, present and future; or its review is due, or its owner has left."""

    TOPIC: ClassVar[str] = "alpr.hold.changed"
    KEYED_BY: ClassVar[str] = "hold_id"

    hold_id: UUID
    change: Literal[
        "placed", "confirmed", "extended", "taken_over", "review_due", "owner_left", "released"
    ]
    basis: str  # evidence, civil_action, criminal_action, discovery, lawful_demand, exculpatory
    case_number: str
    criteria: dict[str, Any] = {}
    owner: Actor | None = None  # who is responsible for it, after the change
    review_by: datetime | None = None  # by when it is to be reviewed, after the change
    reason: str | None = None  # of a confirmation, an extension, a takeover or a release


class EvidenceChanged(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A step of an export of held records, up to a copy's booking into evidence (policy 468.5)."""

    TOPIC: ClassVar[str] = "alpr.evidence.changed"
    KEYED_BY: ClassVar[str] = "export_id"
    SEALED: ClassVar[Sealing | None] = Sealing(
        group="details",
        open=frozenset(["actor", "export_id", "hold_id", "change", "case_number"]),
        inside={
            "details": frozenset(
                [
                    "attempt_id",
                    "captures",
                    "images",
                    "omitted",
                    "reads",
                    "reason",
                    "sha256",
                    "signed_by",
                    "size_bytes",
                ]
            )
        },
    )

    export_id: UUID
    hold_id: UUID
    change: Literal["requested", "packaged", "failed", "downloaded", "withdrawn"]
    case_number: str
    details: dict[str, Any] = {}


class EvidenceBooked(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A copy of held records on portable media was booked into evidence, or a booking corrected."""

    TOPIC: ClassVar[str] = "alpr.evidence.booked"
    KEYED_BY: ClassVar[str] = "export_id"

    booking_id: UUID
    export_id: UUID
    hold_id: UUID
    case_number: str
    evidence_number: str
    custodian_name: str  # who received the medium
    custodian_title: str
    media_description: str
    media_serial: str
    sha256: str  # of the copy as read back, and of the package
    corrects: UUID | None = None  # the booking that this one replaces


class EvidenceCustodyRecorded(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """What was done with a booked copy: handed over, returned, checked against the package, destroyed by order."""

    TOPIC: ClassVar[str] = "alpr.evidence.custody.recorded"
    KEYED_BY: ClassVar[str] = "export_id"

    act_id: UUID
    booking_id: UUID
    export_id: UUID
    hold_id: UUID
    case_number: str
    act: str  # handed_over, returned, checked, destroyed
    acted_at: datetime
    party_name: str | None = None  # who received the copy, or brought it back
    party_organisation: str | None = None
    sha256: str | None = None  # of the copy, as read back
    matches: bool | None = None  # whether it is that of the package
    order_reference: str | None = None
    note: str | None = None
    corrects: UUID | None = None  # the act that this one replaces
