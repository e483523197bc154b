"""Builds the events and decisions of each step of a request."""

from datetime import datetime
from typing import Literal
from uuid import UUID, uuid4

from services.release.domain.requests import Refusal
from services.release.store import Decision, Filed
from shared.core.types import Ori
from shared.events import (
    Actor,
    AdministrativeEvent,
    ReleaseApproved,
    ReleaseChanged,
    ReleaseDenied,
    ReleaseRequested,
    Source,
)

Change = Literal["authority_recorded", "first_approved", "withdrawn", "expired"]


def software(department: Ori) -> Actor:
    """Return the actor of steps that no person takes."""
    return Actor.software("release", department)


def filed(request: Filed) -> list[AdministrativeEvent]:
    """Return the events of a newly filed request."""
    events: list[AdministrativeEvent] = [
        ReleaseRequested(
            occurred_at=request.filed_at,
            actor=request.filed_by,
            request_id=request.request_id,
            agency_ori=request.agency_ori,
            agency_name=request.agency_name,
            requester_name=request.requester_name,
            requester_title=request.requester_title,
            purpose=request.purpose,
            purpose_kind=request.purpose_kind,
            case_number=request.case_number,
            offence_type=request.offence_type,
            criteria=request.criteria,
            agency_kind=request.agency_kind,
        )
    ]
    if (authority := request.legal_authority) is not None:
        details = {
            "reference": authority.reference,
            "document_id": str(authority.document_id),
            "sha256": authority.sha256,
        }
        recorded = step(
            request.request_id, request.filed_by, request.filed_at, "authority_recorded", **details
        )
        events.append(recorded)
    return events


def refused(request: Filed, why: Refusal, department: Ori) -> Decision:
    """Return the decision of a refusal by rule."""
    return Decision(
        decision_id=uuid4(),
        decision="refuse",
        reason=why.reason,
        citation=why.citation,
        decided_by=software(department),
        decided_at=request.filed_at,
    )


def denial(request: Filed, decision: Decision) -> ReleaseDenied:
    """Return the event of a refusal or a denial."""
    return ReleaseDenied(
        occurred_at=decision.decided_at,
        actor=decision.decided_by,
        request_id=request.request_id,
        reason=decision.reason,
        citation=decision.citation,
        agency_kind=request.agency_kind,
    )


def approval(
    request: Filed,
    decision: Decision,
    expires_at: datetime,
    *,
    originals: list[UUID],
    list_sources: list[Source],
) -> ReleaseApproved:
    """Return the event of the final approval, on which retention builds the package.

    Args:
        originals: captures whose whole frames every approver releases.
        list_sources: sources of hot lists whose hits every approver releases.
    """
    return ReleaseApproved(
        occurred_at=decision.decided_at,
        actor=decision.decided_by,
        request_id=request.request_id,
        agency_ori=request.agency_ori,
        agency_name=request.agency_name,
        requester=request.filed_by,
        purpose=request.purpose,
        criteria=request.criteria,
        expires_at=expires_at,
        case_number=request.case_number,
        offence_type=request.offence_type,
        originals=originals,
        list_sources=list_sources,
        agency_kind=request.agency_kind,
        requester_name=request.requester_name,
        requester_title=request.requester_title,
        reason=decision.reason,
    )


def step(
    request_id: UUID, by: Actor, at: datetime, change: Change, **details: str
) -> ReleaseChanged:
    """Return the event of a step that has no event type of its own."""
    return ReleaseChanged(
        occurred_at=at, actor=by, request_id=request_id, change=change, details=details
    )
