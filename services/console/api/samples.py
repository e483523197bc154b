"""Sampled audits: drawn for the plan's periods, reviewed access by access, signed off by another person."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response

from services.console.actions import audit
from services.console.actions.errors import Refused
from services.console.api.audit import Auditing, audit_page
from services.console.api.forms import Form, form_action
from services.console.api.pages import page
from services.console.api.sign_in import to
from services.console.api.visit import Visit
from services.console.domain.sampled_audits import next_item, why_not_review, why_not_sign

router = APIRouter(prefix="/audit/samples")

Number = Annotated[int, Path(ge=1, le=1_000_000)]


@router.post("")
async def draw_sample(request: Request, form: Form, visit: Auditing) -> Response:
    """Draw the sample of a period's accesses; no person chooses its size or its members."""
    drawn = await form_action(audit.draw_sample(visit, form))
    if isinstance(drawn, Refused):
        return await audit_page(request, visit, drawn)
    return to(request, f"/audit/samples/{drawn['audit_id']}")


@router.get("/{audit_id}")
async def show_sample(request: Request, audit_id: UUID, visit: Auditing) -> Response:
    """Show one sampled audit with its items, and the form to sign it off."""
    return await _sample_page(request, visit, audit_id, {})


@router.post("/{audit_id}/sign-off")
async def sign_off_sample(
    request: Request, audit_id: UUID, form: Form, visit: Auditing
) -> Response:
    """Sign off a fully reviewed audit; the signer must not have worked on it."""
    answer = await form_action(audit.sign_off(visit, audit_id, form))
    if isinstance(answer, Refused):
        return await _sample_page(request, visit, audit_id, form, answer)
    return to(request, f"/audit/samples/{audit_id}")


@router.get("/{audit_id}/items/{number}")
async def show_item(request: Request, audit_id: UUID, number: Number, visit: Auditing) -> Response:
    """Show one sampled access, its disclosures, and the form to review it."""
    return await _item_page(request, visit, audit_id, number, {})


@router.post("/{audit_id}/items/{number}")
async def review_item(
    request: Request, audit_id: UUID, number: Number, form: Form, visit: Auditing
) -> Response:
    """Record the review of one access, and continue to the next unreviewed one."""
    reviewed = await form_action(audit.review_item(visit, audit_id, number, form))
    if isinstance(reviewed, Refused):
        return await _item_page(request, visit, audit_id, number, form, reviewed)
    following = next_item(reviewed, number)
    here = f"/audit/samples/{audit_id}"
    return to(request, here if following is None else f"{here}/items/{following}")


async def _sample_page(
    request: Request,
    visit: Visit,
    audit_id: UUID,
    form: Mapping[str, str],
    problem: Refused | None = None,
) -> Response:
    sample, session = await audit.read_sample(visit, audit_id), visit.session
    return page(
        request,
        "sample.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        audit=sample,
        why_not=why_not_sign(sample, session.person_id, session.permissions),
        form=form,
        problem=problem,
    )


async def _item_page(
    request: Request,
    visit: Visit,
    audit_id: UUID,
    number: int,
    form: Mapping[str, str],
    problem: Refused | None = None,
) -> Response:
    sampled, session = await audit.read_item(visit, audit_id, number), visit.session
    return page(
        request,
        "item.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        audit=sampled.audit,
        item=sampled.item,
        entry=sampled.entry,
        others=sampled.others,
        why_not=why_not_review(sampled.entry, session.person_id, session.permissions),
        form=form,
        problem=problem,
    )
