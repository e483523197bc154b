"""The layout of a list's files: how their source writes them (ADR-0124)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.console.actions import hotlists, layouts
from services.console.actions.errors import Refused, value_refused
from services.console.api.forms import FileFields, Form, form_action
from services.console.api.pages import page
from services.console.api.sign_in import to
from services.console.api.visit import Visit, Working, allowed
from services.console.domain.layouts import (
    DATES,
    DELIMITERS,
    ENCODINGS,
    FIELDS,
    LineUnread,
    faulty_field,
    form_of_layout,
    layout_of,
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
    layout = await form_action(_described(form))
    if not isinstance(layout, Refused):
        answer = await form_action(layouts.store(visit, list_id, layout))
        if not isinstance(answer, Refused):
            return to(request, f"/hotlists/{list_id}")
        answer.field = faulty_field(answer.field, layout)
        layout = answer
    return _layout_page(
        request, visit, await hotlists.read_list(visit, list_id), form, problem=layout
    )


@router.post("/preview")
async def try_layout(request: Request, list_id: UUID, sent: FileFields, visit: Working) -> Response:
    """Show how the first lines of a file would be read; the system stores neither them nor the layout."""
    form, file = sent
    sample = await layouts.first_lines(file.pieces())
    hot_list = await hotlists.read_list(visit, list_id)
    layout = await form_action(_described(form, sample))
    if isinstance(layout, Refused):
        return _layout_page(request, visit, hot_list, form, problem=layout)
    found = await form_action(layouts.try_out(visit, list_id, layout, sample))
    if isinstance(found, Refused):
        found.field = faulty_field(found.field, layout)
        return _layout_page(request, visit, hot_list, form, problem=found)
    return _layout_page(request, visit, hot_list, form, tried=found)


@router.post("/removal")
async def remove_layout(request: Request, list_id: UUID, form: Form, visit: Working) -> Response:
    """Have each file of the list read as our own CSV from now on."""
    answer = await form_action(layouts.remove(visit, list_id))
    if isinstance(answer, Refused):
        hot_list = await hotlists.read_list(visit, list_id)
        return _layout_page(request, visit, hot_list, form, problem=answer)
    return to(request, f"/hotlists/{list_id}")


async def _described(form: Mapping[str, str], sample: bytes | None = None) -> dict[str, Any]:
    """Return the layout that a form describes. Raises: Refused, also for a sample that is empty."""
    try:
        layout = layout_of(form)
    except LineUnread as exc:
        raise value_refused(str(exc), exc.field) from None
    if sample == b"":
        raise value_refused("choose a file whose first lines are read", "sample")
    return layout


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
