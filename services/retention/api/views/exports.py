"""Evidence exports in answers."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from services.retention.domain.holding import is_wide
from services.retention.store.exports import Export
from shared.core.policy import Narrowness
from shared.http.models import PersonOut


class ExportOut(BaseModel):
    """An export: the records under a hold as one signed package."""

    export_id: UUID
    hold_id: UUID
    case_number: str
    state: str
    """requested, ready, failed or withdrawn."""
    requested_by: PersonOut | None
    requested_at: datetime
    fault: str | None = None
    """The fault of the last failed attempt at packaging."""
    built_at: datetime | None = None
    sha256: str | None = None
    """The package's SHA-256, hexadecimal. A copy on a medium must have the same."""
    size_bytes: int | None = None
    reads: int | None = None
    hits: int | None = None
    """Number of hot list hits of the reads; null also for a package from before they were counted."""
    captures: int | None = None
    images: int | None = None
    omitted: int | None = None
    """Number of images that were missing or changed; the package lists them in `omitted.csv`."""
    signed_by: str | None = None
    copies_booked: int = 0
    """Number of bookings in force."""
    withdrawn_by: PersonOut | None = None
    withdrawn_at: datetime | None = None
    withdrawal_reason: str | None = None
    removed_at: datetime | None = None
    """The time at which the package was deleted, after the withdrawal or the release of the hold."""

    @classmethod
    def of(cls, export: Export, rule: Narrowness) -> "ExportOut":
        """Return the view of an export, without counts while its hold awaits confirmation (ADR-0028)."""
        people = ("requested_by", "withdrawn_by")
        plain = {name: getattr(export, name) for name in cls.model_fields if name not in people}
        if export.confirmed_at is None and is_wide(export.criteria, rule):
            plain |= dict.fromkeys(("reads", "hits", "captures", "images", "omitted"))
        return cls(
            **{**plain, "state": export.state.value},
            **{name: PersonOut.of(getattr(export, name)) for name in people},
        )
