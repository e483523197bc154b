"""Findings: listed by their state, and worked on: assigned, commented on and closed (policy 468.3.1(c))."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.console.actions import findings
from services.console.actions.errors import Refused
from services.console.api.audit import Auditing
from services.console.api.forms import Form, form_action
from services.console.api.pages import page
from services.console.api.sign_in import to
from services.console.api.visit import After, Visit
from services.console.domain.findings import (
    MEANINGS,
    OUTCOMES,
    SHOW_CHOICES,
    UNKNOWN,
    Show,
    facts_of,
    person_in,
    why_not_work,
)
from services.console.domain.roles import roles_with
from shared.core.permissions import Permission

router = APIRouter(prefix="/audit/findings")

Kind = Annotated[str, Query(max_length=100)]
Step = Literal["", "assignment", "comment", "closure"]


@router.get("")
async def show_findings(
    request: Request, visit: Auditing, show: Show = "open", kind: Kind = "", after: After = ""
) -> Response:
    """Show findings of one state and kind, newest first."""
    found = await findings.list_findings(visit, show, kind, after)
    return page(
        request,
        "findings.html",
        visit,
        found=found,
        show=show,
        kind=kind,
        show_choices=SHOW_CHOICES,
        kinds=sorted({*MEANINGS, kind} - {""}),
        names=await findings.names_of_workers(visit, _roles(visit)),
    )


@router.get("/{finding_id}")
async def show_finding(request: Request, finding_id: UUID, visit: Auditing) -> Response:
    """Show one finding with its steps, and the forms to work on it."""
    return await _finding_page(request, visit, finding_id, {})


@router.post("/{finding_id}/assignment")
async def assign_finding(
    request: Request, finding_id: UUID, form: Form, visit: Auditing
) -> Response:
    """Assign a finding to a person, oneself or another."""
    answer = await form_action(findings.assign(visit, finding_id, form), note="assignment_note")
    return await _worked(request, visit, finding_id, form, answer, "assignment")


@router.post("/{finding_id}/comments")
async def comment_finding(
    request: Request, finding_id: UUID, form: Form, visit: Auditing
) -> Response:
    """Add a comment to a finding."""
    answer = await form_action(findings.comment(visit, finding_id, form), note="comment_note")
    return await _worked(request, visit, finding_id, form, answer, "comment")


@router.post("/{finding_id}/closure")
async def close_finding(
    request: Request, finding_id: UUID, form: Form, visit: Auditing
) -> Response:
    """Close a finding with its outcome and the reason."""
    answer = await form_action(findings.close(visit, finding_id, form), note="closure_note")
    return await _worked(request, visit, finding_id, form, answer, "closure")


async def _worked(
    request: Request,
    visit: Visit,
    finding_id: UUID,
    form: Mapping[str, str],
    answer: Any,
    step: Step,
) -> Response:
    """Return to a finding's page after a step, which says why a step was refused."""
    if isinstance(answer, Refused):
        return await _finding_page(request, visit, finding_id, form, answer, step)
    return to(request, f"/audit/findings/{finding_id}")


async def _finding_page(
    request: Request,
    visit: Visit,
    finding_id: UUID,
    form: Mapping[str, str],
    problem: Refused | None = None,
    refused: Step = "",
) -> Response:
    work, session = await findings.read_finding(visit, finding_id, _roles(visit)), visit.session
    return page(
        request,
        "finding.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        finding=work.finding,
        meaning=MEANINGS.get(work.finding["kind"], UNKNOWN),
        facts=facts_of(work.finding, session.permissions),
        subject=person_in(work.finding["subject"]),
        names=work.names,
        workers=work.workers,
        choices={**work.workers, session.person_id: f"me: {session.name}"},
        outcomes=OUTCOMES,
        why_not=why_not_work(work.finding, session.person_id, session.permissions),
        form=form,
        problem=problem,
        refused=refused,
    )


def _roles(visit: Visit) -> list[str]:
    """Return the roles whose people work on findings."""
    return roles_with(visit.console.policy, Permission.AUDIT_WORK)
