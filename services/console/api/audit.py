"""The audit log for auditors: its state, a search form, single entries (policy 468.6(c))."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from services.console.actions import audit
from services.console.actions.errors import PurposeNeeded, Refused
from services.console.api.forms import Form, form_action
from services.console.api.pages import page
from services.console.api.visit import After, Visit, allowed, working

router = APIRouter(prefix="/audit")

Seq = Annotated[int, Path(ge=0, lt=1 << 62)]


async def auditing(request: Request) -> Visit:
    """Return the visit of a person with an audit purpose. Raises: SignedOut, PurposeNeeded.

    A person without the permission passes: the audit service refuses them, on record.
    """
    visit = await working(request)
    if not visit.has_purpose_for(audit.READ) and audit.READ in visit.session.permissions:
        here = request.url.path.removeprefix(request.scope.get("root_path", "")).lower()
        raise PurposeNeeded(here if request.method == "GET" else "/audit", audit.READ)
    return visit


Auditing = Annotated[Visit, Depends(auditing)]


@router.get("")
async def show_audit(request: Request, visit: Auditing, after: After = "") -> Response:
    """Show the state of the log, open findings, and the sampled audits, newest first."""
    return await audit_page(request, visit, after=after)


async def audit_page(
    request: Request, visit: Visit, problem: Refused | None = None, after: str = ""
) -> Response:
    """Build the start page of audits, with the reason of a refused draw."""
    overview = await audit.read_overview(visit, after)
    return page(
        request,
        "audit.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        overview=overview,
        now=visit.console.clock.now(),
        problem=problem,
    )


@router.get("/entries", dependencies=[allowed(audit.READ)])
async def show_entry_search(request: Request, visit: Auditing) -> Response:
    """Show the form to search the log."""
    return page(request, "entries.html", visit, form={}, found=None)


@router.post("/entries")
async def search_entries(request: Request, form: Form, visit: Auditing) -> Response:
    """Search the log. A POST that answers with the page itself, so that no URL contains plates or names."""
    found = await form_action(audit.search_entries(visit, form))
    if isinstance(found, Refused):
        return page(
            request, "entries.html", visit, found.status, form=form, problem=found, found=None
        )
    return page(request, "entries.html", visit, form=form, found=found)


@router.get("/entries/{seq}")
async def show_entry(request: Request, seq: Seq, visit: Auditing) -> Response:
    """Show one entry as logged, with the exact text that was hashed."""
    entry, others = await audit.read_entry(visit, seq)
    return page(request, "entry.html", visit, entry=entry, others=others)
