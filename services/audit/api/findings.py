"""Findings: list, assign, comment and close. The subject of a finding cannot work on it."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict

from services.audit.api.guard import AuditRead
from services.audit.domain.problem_codes import Code
from services.audit.store.findings import Finding, Findings, FindingStatus, Step
from shared.access.department import check_department
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.errors import Conflict, NotAuthorised, NotFound
from shared.core.permissions import Permission
from shared.events import FindingChanged
from shared.http.app import Work
from shared.http.models import After, Limit, Page, Person, Reason, RequestBody, ShortText, key_of

router = APIRouter(prefix="/findings", tags=["findings"])

AuditWorkForPurpose = Annotated[Grant, access(Permission.AUDIT_WORK, purpose_needed=True)]
"""Needs a declared purpose, because the answer shows the finding's details, which may name a plate."""


class AssignIn(RequestBody):
    """The person who shall investigate the finding."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "assigned_to": "7b0e6a52-9c5d-4c0b-8d6e-0f6f3c1c9a11",
                    "note": "Please ask the officer what the searches were for",
                }
            ]
        },
    )

    assigned_to: ShortText
    note: Reason


class CommentIn(RequestBody):
    """A comment on the finding."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"note": "Case file asked for"}]})

    note: Reason


class CloseIn(RequestBody):
    """The outcome of the finding."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"outcome": "explained", "note": "One case, merged from three numbers"}]
        },
    )

    outcome: Literal["misuse", "explained", "fault_repaired", "false_alarm"]
    note: Reason


class StepOut(BaseModel):
    """One step of the work on a finding."""

    change: Literal["assigned", "commented", "closed"]
    by: Person
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
        }
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


@router.get("")
async def list_findings(
    grant: AuditRead,
    work: Work,
    status: FindingStatus | None = None,
    kind: Annotated[ShortText | None, Query(max_length=100)] = None,
    after: After | None = None,
    limit: Limit = 50,
) -> Page[FindingOut]:
    """Findings, newest first."""
    found = await Findings(work.connection, work.service).page(
        grant, status=status, kind=kind, after=key_of(after, UUID), limit=limit
    )
    following = found[-1].finding_id if len(found) == limit else None
    return Page.of([_out(finding) for finding in found], last=following)


@router.get("/{finding_id}")
async def get_finding(finding_id: UUID, grant: AuditRead, work: Work) -> FindingOut:
    """One finding with its steps."""
    return _out(await Findings(work.connection, work.service).get(grant, finding_id))


@router.post("/{finding_id}/assignment")
async def assign_finding(
    finding_id: UUID, body: AssignIn, grant: AuditWorkForPurpose, work: Work, request: Request
) -> FindingOut:
    """Assign a finding to a person who is not its subject."""
    step = Step(
        change="assigned",
        by=grant.actor,
        at=grant.now,
        note=body.note,
        assigned_to=body.assigned_to,
    )
    return await _work(request, finding_id, step, grant, work)


@router.post("/{finding_id}/comments", status_code=201)
async def comment_finding(
    finding_id: UUID, body: CommentIn, grant: AuditWorkForPurpose, work: Work, request: Request
) -> FindingOut:
    """Add a comment to a finding."""
    step = Step(change="commented", by=grant.actor, at=grant.now, note=body.note)
    return await _work(request, finding_id, step, grant, work)


@router.post("/{finding_id}/closure")
async def close_finding(
    finding_id: UUID, body: CloseIn, grant: AuditWorkForPurpose, work: Work, request: Request
) -> FindingOut:
    """Close a finding with its outcome. A closed finding stays on record."""
    step = Step(change="closed", by=grant.actor, at=grant.now, note=body.note, outcome=body.outcome)
    return await _work(request, finding_id, step, grant, work)


async def _work(
    request: Request, finding_id: UUID, step: Step, grant: Grant, work: Work
) -> FindingOut:
    check_department(request, grant)
    findings = Findings(work.connection, work.service)
    finding = await findings.lock(finding_id)
    if finding is None:
        raise NotFound(Code.FINDING_UNKNOWN)
    if finding.subject in (step.by.person_id, step.assigned_to):
        raise NotAuthorised(Code.FINDING_WORKED_BY_SUBJECT)
    if finding.status == "closed":
        raise Conflict(Code.FINDING_CLOSED)
    await findings.work(finding, step)
    details = {"note": step.note, "assigned_to": step.assigned_to, "outcome": step.outcome}
    await work.emit(
        FindingChanged(
            occurred_at=step.at,
            actor=step.by,
            finding_id=finding_id,
            change=step.change,
            details={name: value for name, value in details.items() if value is not None},
        )
    )
    return _out(await findings.get(grant, finding_id))


def _out(finding: Finding | None) -> FindingOut:
    if finding is None:
        raise NotFound(Code.FINDING_UNKNOWN)
    return FindingOut.model_validate(finding, from_attributes=True)
