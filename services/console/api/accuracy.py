"""Reports on accuracy: requested for a window, listed, and shown as counts of each camera."""

from collections.abc import Mapping
from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.console.actions import accuracy
from services.console.actions.errors import Refused
from services.console.api.forms import Form, form_action, new_key
from services.console.api.pages import page
from services.console.api.sign_in import to
from services.console.api.visit import After, Visit, Working
from services.console.domain.accuracy import JUDGEMENTS, lines_of

router = APIRouter(prefix="/accuracy")


@router.get("")
async def show_reports(request: Request, visit: Working, after: After = "") -> Response:
    """Show the reports of the department, newest first, and the form to request one."""
    return await _reports_page(request, visit, {}, after=after)


@router.post("")
async def order_report(request: Request, form: Form, visit: Working) -> Response:
    """Request a report; the form's key makes a repeat harmless."""
    report = await form_action(accuracy.order(visit, form))
    if isinstance(report, Refused):
        return await _reports_page(request, visit, form, report)
    return to(request, f"/accuracy/{report['report_id']}")


@router.get("/{report_id}")
async def show_report(request: Request, report_id: UUID, visit: Working) -> Response:
    """Show one report: its state and, once measured, its counts."""
    report = await accuracy.read_report(visit, report_id)
    lines = lines_of(report["rows"])
    return page(
        request, "accuracy_report.html", visit, report=report, lines=lines, judgements=JUDGEMENTS
    )


async def _reports_page(
    request: Request,
    visit: Visit,
    form: Mapping[str, str],
    problem: Refused | None = None,
    after: str = "",
) -> Response:
    return page(
        request,
        "accuracy.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        found=await accuracy.list_reports(visit, after),
        is_open=visit.has_purpose_for(accuracy.MEASURE),
        key=form.get("key") or new_key(),
        form=form,
        problem=problem,
    )
