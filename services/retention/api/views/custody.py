"""Acts of custody in answers."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from services.retention.store.custody import CustodyAct
from shared.http.models import PersonOut


class CustodyActOut(BaseModel):
    """An act with a package or a booked copy of it. It never changes; a correction is a further act."""

    act_id: UUID
    export_id: UUID
    booking_id: UUID | None
    """The booking of the copy; null for a download of the package."""
    kind: str
    """downloaded, handed_over, returned, checked or destroyed."""
    acted_at: datetime
    party_name: str | None = None
    party_organisation: str | None = None
    sha256: str | None = None
    matches: bool | None = None
    """For a check: whether the copy, as read back, equals the package."""
    order_reference: str | None = None
    note: str | None = None
    recorded_by: PersonOut | None
    recorded_at: datetime
    corrects: UUID | None = None
    corrected_by: UUID | None = None

    @classmethod
    def of(cls, act: CustodyAct) -> "CustodyActOut":
        """Return the view of an act."""
        own = ("kind", "recorded_by")
        plain = {name: getattr(act, name) for name in cls.model_fields if name not in own}
        return cls(**plain, kind=act.kind.value, recorded_by=PersonOut.of(act.recorded_by))
