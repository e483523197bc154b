"""Findings in answers."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.audit.domain.findings import Finding, FindingChange, FindingStatus
from shared.http.models import PersonOut


class StepOut(BaseModel):
    """One step of the work on a finding."""

    change: FindingChange
    by: PersonOut
    at: datetime
    note: str
    assigned_to: str | None
    outcome: str | None


class FindingOut(BaseModel):
    """A finding with its current status. `subject` is a person, a service or an address."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "finding_id": "3a8f5f0e-0c1d-8a2b-9c3d-4e5f60718293",
                    "kind": "refused_access",
                    "subject": "7b0e6a52-9c5d-4c0b-8d6e-0f6f3c1c9a11",
                    "details": {"count": 5, "minutes": 15},
                    "raised_at": "2026-05-01T08:20:00Z",
                    "status": "open",
                    "assigned_to": None,
                    "outcome": None,
                    "steps": [],
                }
            ]
        },
    )

    finding_id: UUID
    kind: str
    subject: str
    details: dict[str, Any]
    raised_at: datetime
    status: FindingStatus
    assigned_to: str | None
    outcome: str | None
    steps: list[StepOut]

    @classmethod
    def of(cls, finding: Finding) -> "FindingOut":
        """Return the view of a finding."""
        return cls.model_validate(finding, from_attributes=True)
