"""Sampled audits: drawn for the plan's periods, reviewed access by access, signed off by another person."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response

from services.console.actions.errors import Refused
from services.console.api.audit import Auditing, audit_page, same_request
from services.console.api.forms import Form, form_action, whole
from services.console.api.pages import page
from services.console.api.sign_in import to
from services.console.api.visit import Visit

router = APIRouter(prefix="/audit/samples")

WORK = "audit:work"

Number = Annotated[int, Path(ge=1, le=1_000_000)]


@router.post("")
async def draw_sample(request: Request, form: Form, visit: Auditing) -> Response:
    """Draw the sample of a period's accesses; no person chooses its size or its members."""
    body = {"period_seq": whole(form.get("period_seq", ""))}
    drawn = await form_action(visit.must("audit", "POST", "/v1/audits", json=body))
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
    body = {"statement": form.get("statement", "")}
    answer = await form_action(
        visit.must("audit", "POST", f"/v1/audits/{audit_id}/sign-off", json=body)
    )
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
    body = {name: form.get(name, "") for name in ("outcome", "note")}
    path = f"/v1/audits/{audit_id}/items/{number}/review"
    audit = await form_action(visit.must("audit", "POST", path, json=body))
    if isinstance(audit, Refused):
        return await _item_page(request, visit, audit_id, number, form, audit)
    following = next_item(audit, number)
    here = f"/audit/samples/{audit_id}"
    return to(request, here if following is None else f"{here}/items/{following}")


async def _sample_page(
    request: Request,
    visit: Visit,
    audit_id: UUID,
    form: Mapping[str, str],
    problem: Refused | None = None,
) -> Response:
    audit = await visit.must("audit", "GET", f"/v1/audits/{audit_id}")
    return page(
        request,
        "sample.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        audit=audit,
        why_not=why_not_sign(audit, visit),
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
    audit = await visit.must("audit", "GET", f"/v1/audits/{audit_id}")
    item = next((i for i in audit["items"] if i["number"] == number), None)
    if item is None:
        raise Refused(HTTPStatus.NOT_FOUND, "Not found", "no item of this audit has this number")
    entry = await visit.must("audit", "GET", f"/v1/entries/{item['seq']}")
    return page(
        request,
        "item.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        audit=audit,
        item=item,
        entry=entry,
        others=await same_request(visit, entry),
        why_not=why_not_review(entry, visit),
        form=form,
        problem=problem,
    )


def next_item(audit: Mapping[str, Any], number: int) -> int | None:
    """Return the next unreviewed item after `number`, wrapping around; None if all are reviewed.

    It does not start from the first: that may be an access of one's own, which another person reviews.
    """
    left = [item["number"] for item in audit["items"] if item["outcome"] is None]
    return next((later for later in left if later > number), left[0] if left else None)


def why_not_sign(audit: Mapping[str, Any], visit: Visit) -> str:
    """Return why this person cannot sign an audit off now; empty if they can."""
    if WORK not in visit.session.permissions:
        return f"this needs the permission {WORK}, which is not among yours"
    if left := len(audit["items"]) - audit["reviewed"]:
        return f"{left} of {len(audit['items'])} accesses are not reviewed yet"
    worked = [item["reviewed_by"] for item in audit["items"]] + [audit["drawn_by"]]
    if visit.session.person_id in {person["person_id"] for person in worked}:
        return "you drew or reviewed it; it is signed off by another person"
    return ""


def why_not_review(entry: Mapping[str, Any], visit: Visit) -> str:
    """Return why this person cannot review an access; empty if they can."""
    if WORK not in visit.session.permissions:
        return f"this needs the permission {WORK}, which is not among yours"
    if visit.session.person_id == entry["person_id"]:
        return "this is an access of your own; another person reviews it"
    return ""
