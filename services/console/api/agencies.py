"""Other agencies: listed, and registered so that their people may ask for data (468.7)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from services.console.actions import agencies
from services.console.actions.errors import Refused
from services.console.api.forms import Form, form_action
from services.console.api.pages import page
from services.console.api.sign_in import to
from services.console.api.visit import Visit, Working, allowed

router = APIRouter(prefix="/agencies")

Ori = Annotated[str, Path(pattern=r"^[A-Z]{2}[A-Z0-9]{7}$")]


@router.get("")
async def show_agencies(request: Request, visit: Working) -> Response:
    """Show all registered agencies, and the form for another."""
    return await _page(request, visit, {})


@router.post("")
async def register_agency(request: Request, form: Form, visit: Working) -> Response:
    """Register an agency."""
    answer = await form_action(agencies.register(visit, form))
    if isinstance(answer, Refused):
        return await _page(request, visit, form, answer)
    return to(request, "/agencies")


@router.get("/{ori}/details", dependencies=[allowed(agencies.MANAGE)])
async def show_details(request: Request, ori: Ori, visit: Working) -> Response:
    """Show the form for what is registered of an agency."""
    return await _details_page(request, visit, ori, {})


@router.post("/{ori}/details")
async def change_agency(request: Request, ori: Ori, form: Form, visit: Working) -> Response:
    """Change what is registered of an agency."""
    answer = await form_action(agencies.change(visit, ori, form))
    if isinstance(answer, Refused):
        return await _details_page(request, visit, ori, form, answer)
    return to(request, "/agencies")


@router.get("/{ori}/bar", dependencies=[allowed(agencies.MANAGE)])
async def show_bar(request: Request, ori: Ori, visit: Working) -> Response:
    """Show what barring an agency does, or admitting a barred one again, and the button for it."""
    return await _bar_page(request, visit, ori)


@router.post("/{ori}/bar")
async def bar_agency(request: Request, ori: Ori, form: Form, visit: Working) -> Response:
    """Bar an agency: its people file and download nothing more."""
    return await _set_active(request, visit, ori, active=False)


@router.post("/{ori}/admission")
async def admit_agency(request: Request, ori: Ori, form: Form, visit: Working) -> Response:
    """Admit a barred agency again."""
    return await _set_active(request, visit, ori, active=True)


async def _set_active(request: Request, visit: Visit, ori: str, *, active: bool) -> Response:
    answer = await form_action(agencies.set_active(visit, ori, active=active))
    if isinstance(answer, Refused):
        return await _bar_page(request, visit, ori, answer)
    return to(request, "/agencies")


async def _details_page(
    request: Request,
    visit: Visit,
    ori: str,
    form: Mapping[str, str],
    problem: Refused | None = None,
) -> Response:
    agency = await agencies.read_agency(visit, ori)
    return page(
        request,
        "agency_details.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        agency=agency,
        kinds=agencies.KINDS,
        form=form if problem else agency,
        problem=problem,
    )


async def _bar_page(
    request: Request, visit: Visit, ori: str, problem: Refused | None = None
) -> Response:
    agency = await agencies.read_agency(visit, ori)
    status = problem.status if problem else HTTPStatus.OK
    return page(request, "agency_bar.html", visit, status, agency=agency, problem=problem)


async def _page(
    request: Request, visit: Visit, form: Mapping[str, str], problem: Refused | None = None
) -> Response:
    found = await agencies.list_agencies(visit)
    status = problem.status if problem else HTTPStatus.OK
    return page(
        request,
        "agencies.html",
        visit,
        status,
        found=found,
        kinds=agencies.KINDS,
        form=form,
        problem=problem,
    )
