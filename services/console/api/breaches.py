"""Breach reports: the records that an account reached, as figures and as a file (Civil Code 1798.29)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from services.console.actions import audit, breaches
from services.console.actions.errors import Refused
from services.console.api.audit import Auditing
from services.console.api.forms import Form, form_action
from services.console.api.pages import page
from services.console.api.visit import Visit, allowed
from services.console.domain.queries import breach_of

router = APIRouter(prefix="/audit/breach-report")

Account = Annotated[str, Query(max_length=200)]
By = Literal["name", "id"]
"""How the account is named: chosen among people, or by its id, as of an operator who has no account here."""


@router.get("", dependencies=[allowed(audit.READ)])
async def show_breach_report(
    request: Request, visit: Auditing, account: Account = "", by: By = "name"
) -> Response:
    """Show the form for the report, with the account whose page led here."""
    form = {"by": by} | ({"person_id": account} if account else {})
    return await _page(request, visit, form)


@router.post("")
async def report_breach(request: Request, form: Form, visit: Auditing) -> Response:
    """Show the figures of the report, or save it whole as a file. A POST, so that the answer has no address."""
    if "save" in form:
        asked = breach_of(form, breaches.MOST_SAVED)
        kinds = {"application/json"}
        return await visit.file("audit", breaches.PATH, kinds, "breach-report", asked=asked)
    found = await form_action(breaches.report(visit, form))
    if isinstance(found, Refused):
        return await _page(request, visit, form, problem=found)
    return await _page(request, visit, form, found=found)


async def _page(
    request: Request,
    visit: Visit,
    form: Mapping[str, str],
    *,
    found: Any = None,
    problem: Refused | None = None,
) -> Response:
    return page(
        request,
        "breach_report.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        names=await breaches.read_names(visit),
        most=breaches.MOST_SAVED,
        found=found,
        form=form,
        problem=problem,
    )
