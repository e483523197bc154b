"""Purge runs, their certificates and the schedule in answers."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.retention.actions.purges import Schedule
from services.retention.api.views.signatures import SignatureOut
from services.retention.store.runs import Run
from shared.http.models import PersonOut


class RunOut(BaseModel):
    """A purge run, or a standing order for daily purges."""

    run_id: UUID
    kind: str
    state: str
    before: datetime | None
    day: date | None = None
    standing_id: UUID | None = None
    basis: dict[str, Any]
    """The legal basis: ages, schedule, resolution, the attorney's consent."""
    reason: str
    proposed_by: PersonOut | None
    proposed_at: datetime
    decided_by: PersonOut | None = None
    decided_at: datetime | None = None
    decision_note: str | None = None
    """Of the authorisation or refusal; unknown for a run that was authorised and withdrawn before both were stored."""
    withdrawn_by: PersonOut | None = None
    withdrawn_at: datetime | None = None
    withdrawal_note: str | None = None
    """A daily run that was stopped with its standing order has the withdrawal of the order."""
    executed_by: PersonOut | None = None
    started_at: datetime | None = None
    executed_at: datetime | None = None
    certified_at: datetime | None = None
    reads: int
    captures: int
    objects: int
    kept_under_hold: int
    months_dropped: list[str]
    orphans: int
    """Deleted orphans: objects that no record names, such as frames without an event."""
    orphans_left: int
    """Orphans that stay, because a hold may cover them or they are recent."""
    odd_objects: int
    """Objects that stay, because their names have no camera and day, or a future day."""
    swept_at: datetime | None = None
    """The time at which the search for orphans past the schedule was complete."""

    @classmethod
    def of(cls, run: Run) -> "RunOut":
        """Return the view of a run."""
        people = ("proposed_by", "decided_by", "withdrawn_by", "executed_by")
        plain = {
            name: getattr(run, name) for name in cls.model_fields if name not in {*people, "basis"}
        }
        plain["months_dropped"] = list(run.months_dropped)
        named = {name: PersonOut.of(getattr(run, name)) for name in people}
        return cls(**plain, **named, basis=run.basis.as_json())


class PurgeCertificateOut(BaseModel):
    """The certificate of a run, with every field that its signature covers."""

    model_config = ConfigDict(extra="allow")

    certificate: str
    run_id: str
    captured_before: str
    certified_at: str
    signature: SignatureOut


class ScheduleOut(BaseModel):
    """The policy's retention schedule: missing facts, overdue months, the standing order for daily purges."""

    basis: dict[str, Any]
    missing: list[str]
    """Facts that the policy lacks; a purge requires all of them."""
    due_before: datetime
    """Records captured before this are past the schedule."""
    overdue_months: list[str]
    """Months that are wholly past the schedule but not destroyed: purges are behind, or must not run."""
    standing: RunOut | None
    """The standing order for daily purges that is in force; null if there is none."""

    @classmethod
    def of(cls, schedule: Schedule) -> "ScheduleOut":
        """Return the view of the schedule."""
        return cls(
            basis=schedule.basis.as_json(),
            missing=list(schedule.missing),
            due_before=schedule.due_before,
            overdue_months=list(schedule.overdue_months),
            standing=RunOut.of(schedule.standing) if schedule.standing else None,
        )
