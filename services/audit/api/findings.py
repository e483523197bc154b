"""Findings: list, assign, comment and close. The subject of a finding cannot work on it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from services.audit.actions import findings
from services.audit.api.fields import AssignmentIn, ClosureIn, CommentIn
from services.audit.api.guard import AuditRead
from services.audit.api.views.findings import FindingOut
from services.audit.domain.findings import FindingStatus
from services.audit.store.findings import Findings
from shared.access.department import check_department
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.permissions import Permission
from shared.http.app import Work
from shared.http.models import After, Limit, Page, ShortText, key_of

router = APIRouter(prefix="/v1/findings", tags=["findings"])

AuditWorkForPurpose = Annotated[Grant, access(Permission.AUDIT_WORK, purpose_needed=True)]
"""Needs a declared purpose, because the answer shows the finding's details, which may name a plate."""


@router.get("")
async def list_findings(
    grant: AuditRead,
    work: Work,
    status: FindingStatus | None = None,
    kind: Annotated[ShortText | None, Query(max_length=100)] = None,
    assigned_to: Annotated[ShortText | None, Query(max_length=200)] = None,
    after: After | None = None,
    limit: Limit = 50,
) -> Page[FindingOut]:
    """Findings, newest first. A closed one stays with the person to whom it was assigned."""
    found = await Findings(work.connection, work.service).page(
        grant,
        status=status,
        kind=kind,
        assigned_to=assigned_to,
        after=key_of(after, UUID),
        limit=limit,
    )
    following = found[-1].finding_id if len(found) == limit else None
    return Page.of([FindingOut.of(finding) for finding in found], last=following)


@router.get("/{finding_id}")
async def get_finding(finding_id: UUID, grant: AuditRead, work: Work) -> FindingOut:
    """One finding with its steps."""
    found = await Findings(work.connection, work.service).get(grant, finding_id)
    return FindingOut.of(found)


@router.post("/{finding_id}/assignment")
async def assign_finding(
    finding_id: UUID, body: AssignmentIn, grant: AuditWorkForPurpose, work: Work, request: Request
) -> FindingOut:
    """Assign a finding to a person who is not its subject; the same person's last step anew changes nothing."""
    check_department(request, grant)
    found = await findings.assign(
        work, grant, finding_id, assigned_to=str(body.assigned_to), note=body.note
    )
    return FindingOut.of(found)


@router.post("/{finding_id}/comments")
async def comment_finding(
    finding_id: UUID, body: CommentIn, grant: AuditWorkForPurpose, work: Work, request: Request
) -> FindingOut:
    """Add a comment to a finding; the same person's last step anew changes nothing."""
    check_department(request, grant)
    return FindingOut.of(await findings.comment(work, grant, finding_id, body.note))


@router.post("/{finding_id}/closure")
async def close_finding(
    finding_id: UUID, body: ClosureIn, grant: AuditWorkForPurpose, work: Work, request: Request
) -> FindingOut:
    """Close a finding with its outcome, once. A closed finding stays on record."""
    check_department(request, grant)
    found = await findings.close(work, grant, finding_id, outcome=body.outcome, note=body.note)
    return FindingOut.of(found)
