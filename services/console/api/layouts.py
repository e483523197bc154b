"""The layout of a list's files: how their source writes them (ADR-0124)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.console.actions import hotlists, layouts
from services.console.actions.errors import Refused
from services.console.api.forms import FileFields, Form, form_action
from services.console.api.pages import page
from services.console.api.sign_in import to
from services.console.api.visit import Visit, Working, allowed
from services.console.domain.layouts import (
    DATES,
    DELIMITERS,
    ENCODINGS,
    FIELDS,
    form_of_layout,
)

router = APIRouter(prefix="/hotlists/{list_id}/layout")


@router.get("", dependencies=[allowed(hotlists.MANAGE)])
async def show_layout(request: Request, list_id: UUID, visit: Working) -> Response:
    """Show how the files of a list are read, and the form to change it."""
    hot_list = await hotlists.read_list(visit, list_id)
    form = {"encoding": "utf-8", "zone": visit.console.policy.department.time_zone}
    if hot_list.get("has_layout"):
        form = form_of_layout(await layouts.read(visit, list_id))
    return _layout_page(request, visit, hot_list, form)


@router.post("")
async def store_layout(
    request: Request, list_id: UUID, sent: FileFields, visit: Working
) -> Response:
    """Have each file of the list read by the layout from now on."""
    form, file = sent
    await layouts.first_lines(file.pieces())  # a browser waits until all that it sends is read
    stored = await form_action(layouts.store(visit, list_id, form))
    return await _changed(request, visit, list_id, form, stored)


@router.post("/preview")
async def try_layout(request: Request, list_id: UUID, sent: FileFields, visit: Working) -> Response:
    """Show how the first lines of a file would be read; the system stores neither them nor the layout."""
    form, file = sent
    sample = await layouts.first_lines(file.pieces())
    hot_list = await hotlists.read_list(visit, list_id)
    found = await form_action(layouts.try_out(visit, list_id, form, sample))
    if isinstance(found, Refused):
        return _layout_page(request, visit, hot_list, form, problem=found)
    return _layout_page(request, visit, hot_list, form, tried=found)


@router.post("/removal")
async def remove_layout(request: Request, list_id: UUID, form: Form, visit: Working) -> Response:
    """Have each file of the list read as our own CSV from now on."""
    removed = await form_action(layouts.remove(visit, list_id))
    return await _changed(request, visit, list_id, form, removed)


async def _changed(
    request: Request, visit: Visit, list_id: UUID, form: Mapping[str, str], answer: Any
) -> Response:
    """Go on to the list; after a refusal, show the page with its reason and what was typed."""
    if not isinstance(answer, Refused):
        return to(request, f"/hotlists/{list_id}")
    hot_list = await hotlists.read_list(visit, list_id)
    return _layout_page(request, visit, hot_list, form, problem=answer)


def _layout_page(
    request: Request,
    visit: Visit,
    hot_list: Any,
    form: Mapping[str, str],
    *,
    tried: Any = None,
    problem: Refused | None = None,
) -> Response:
    return page(
        request,
        "layout.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        list=hot_list,
        form=form,
        tried=tried,
        is_open=visit.has_purpose_for(hotlists.MANAGE),
        fields=FIELDS,
        encodings=ENCODINGS,
        delimiters=DELIMITERS,
        dates=DATES,
        problem=problem,
    )
