"""Other agencies: listed, and registered so that their people may ask for data (468.7)."""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from services.console.actions import agencies
from services.console.actions.errors import Refused
from services.console.api.forms import Form, form_action
from services.console.api.pages import page
from services.console.api.sign_in import to
from services.console.api.visit import Visit, Working

router = APIRouter(prefix="/agencies")


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
