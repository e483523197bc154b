"""Hot lists: their age, entries, and versions with the lines set aside (policy 468.4(c), (e))."""

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response

from services.console.actions import hotlists
from services.console.actions.errors import PurposeNeeded, Refused
from services.console.api.forms import FileFields, Form, form_action
from services.console.api.pages import page
from services.console.api.sign_in import to
from services.console.api.visit import After, Visit, Working, allowed
from services.console.domain.form_values import ticked
from services.console.domain.queries import searched_entry_of

router = APIRouter(prefix="/hotlists")

Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
YIELD_DAYS = (30, 90)
"""A list's page counts what its hits came to in so many days."""


@router.get("")
async def show_lists(request: Request, visit: Working) -> Response:
    """Show all lists whose source the person is entitled to."""
    lists = await hotlists.list_lists(visit)
    now = visit.console.clock.now()
    return page(request, "hotlists.html", visit, lists=lists, now=now)


@router.get("/new", dependencies=[allowed(hotlists.MANAGE)])
async def show_new_list(request: Request, visit: Working) -> Response:
    """Show the form for a hot list."""
    return page(request, "new_list.html", visit, form={})


@router.post("/new")
async def make_list(request: Request, form: Form, visit: Working) -> Response:
    """Create an empty hot list and continue to its first upload."""
    made = await form_action(hotlists.create_list(visit, form))
    if isinstance(made, Refused):
        return page(request, "new_list.html", visit, made.status, form=form, problem=made)
    return to(request, f"/hotlists/{made['list_id']}/upload")


@router.get("/{list_id}")
async def show_list(request: Request, list_id: UUID, visit: Working) -> Response:
    """Show one list, and the form to search its entries."""
    return await _list_page(request, visit, list_id, {})


@router.post("/{list_id}")
async def search_entries(request: Request, list_id: UUID, form: Form, visit: Working) -> Response:
    """Search entries. A POST that answers with the page itself, so that no URL contains plates."""
    found = await form_action(hotlists.search_entries(visit, list_id, form))
    if isinstance(found, Refused):
        return await _list_page(request, visit, list_id, form, problem=found)
    return await _list_page(request, visit, list_id, form, found=found)


@router.get("/{list_id}/new", dependencies=[allowed(hotlists.MANAGE)])
async def show_new_entry(request: Request, list_id: UUID, visit: Working) -> Response:
    """Show the form for an entry; a list of the department needs a declared purpose first."""
    await _need_purpose(visit, list_id, "new")
    return await _form_page(request, visit, "new_entry.html", list_id, {})


@router.post("/{list_id}/forward", dependencies=[allowed(hotlists.MANAGE)])
async def show_forward_entry(
    request: Request, list_id: UUID, form: Form, visit: Working
) -> Response:
    """Show the form for an entry with what a search looked for."""
    return await _form_page(request, visit, "new_entry.html", list_id, searched_entry_of(form))


@router.post("/{list_id}/new")
async def add_entry(request: Request, list_id: UUID, form: Form, visit: Working) -> Response:
    """Add an entry, in force at once."""
    answer = await form_action(hotlists.add_entry(visit, list_id, form))
    if isinstance(answer, Refused):
        return await _form_page(request, visit, "new_entry.html", list_id, form, answer)
    return to(request, f"/hotlists/{list_id}")


@router.post("/{list_id}/entries/{entry_id}/end")
async def end_entry(
    request: Request, list_id: UUID, entry_id: UUID, form: Form, visit: Working
) -> Response:
    """End an entry at once, with the reason."""
    answer = await form_action(hotlists.end_entry(visit, list_id, entry_id, form))
    if isinstance(answer, Refused):
        return await _list_page(request, visit, list_id, {}, problem=answer)
    return to(request, f"/hotlists/{list_id}")


@router.get("/{list_id}/versions")
async def show_versions(
    request: Request, list_id: UUID, visit: Working, after: After = ""
) -> Response:
    """Show a list's versions: their entries, the lines set aside, and which one awaits a second person."""
    return await _versions_page(request, visit, list_id, after=after)


@router.get("/{list_id}/versions/{version}/activation", dependencies=[allowed(hotlists.MANAGE)])
async def show_activation(
    request: Request, list_id: UUID, version: Number, visit: Working
) -> Response:
    """Show what activating a version changes, and the button that does it."""
    await _need_purpose(visit, list_id, f"versions/{version}/activation")
    hot_list = await hotlists.read_list(visit, list_id)
    changes = await hotlists.read_changes(visit, list_id, version)
    return page(request, "activation.html", visit, list=hot_list, changes=changes)


@router.post("/{list_id}/versions/{version}/activation")
async def activate_version(
    request: Request, list_id: UUID, version: Number, form: Form, visit: Working
) -> Response:
    """Activate a version; for one that awaits a second person, as that person."""
    answer = await form_action(hotlists.activate(visit, list_id, version, form))
    if isinstance(answer, Refused):
        return await _versions_page(request, visit, list_id, answer)
    return to(request, f"/hotlists/{list_id}/versions")


@router.get("/{list_id}/settings", dependencies=[allowed(hotlists.MANAGE)])
async def show_settings(request: Request, list_id: UUID, visit: Working) -> Response:
    """Show the switches of a list, and the form to withdraw it from force."""
    return await _settings_page(request, visit, list_id, {})


@router.post("/{list_id}/settings")
async def change_list(request: Request, list_id: UUID, form: Form, visit: Working) -> Response:
    """Switch a list or its record kinds off or on, or set when it counts as out of date."""
    answer = await form_action(hotlists.change(visit, list_id, form))
    if isinstance(answer, Refused):
        return await _settings_page(request, visit, list_id, form, answer)
    return to(request, f"/hotlists/{list_id}")


@router.post("/{list_id}/withdrawal")
async def withdraw_list(request: Request, list_id: UUID, form: Form, visit: Working) -> Response:
    """Withdraw a list from force, with the reason."""
    answer = await form_action(hotlists.withdraw(visit, list_id, form))
    if isinstance(answer, Refused):
        return await _settings_page(request, visit, list_id, form, answer, refused="withdrawal")
    return to(request, f"/hotlists/{list_id}")


@router.get("/{list_id}/upload", dependencies=[allowed(hotlists.MANAGE)])
async def show_upload(request: Request, list_id: UUID, visit: Working) -> Response:
    """Show the form to upload a list as a file; a list of the department needs a declared purpose first."""
    await _need_purpose(visit, list_id, "upload")
    return await _form_page(request, visit, "upload.html", list_id, {})


@router.post("/{list_id}/upload")
async def upload_version(
    request: Request, list_id: UUID, sent: FileFields, visit: Working
) -> Response:
    """Forward a file to hotlist as it arrives, and show the result for its lines."""
    form, file = sent
    hot_list = await hotlists.read_list(visit, list_id)
    made = await form_action(hotlists.upload(visit, list_id, form, file.pieces()))
    if isinstance(made, Refused):
        return await _form_page(request, visit, "upload.html", list_id, form, made)
    lines = made["entries"] + made["set_aside"] + sum(made["skipped"].values())
    return page(request, "uploaded.html", visit, list=hot_list, made=made, lines=lines)


@router.get("/{list_id}/versions/{version}/set-aside")
async def show_set_aside(
    request: Request, list_id: UUID, version: Number, visit: Working, after: After = ""
) -> Response:
    """Show the lines of a version's upload that became no entries, each with its fault."""
    hot_list = await hotlists.read_list(visit, list_id)
    found = await hotlists.list_set_aside(visit, list_id, version, after)
    return page(request, "set_aside.html", visit, list=hot_list, version=version, found=found)


@router.get("/{list_id}/versions/{version}/set-aside.csv")
async def download_set_aside(list_id: UUID, version: Number, visit: Working) -> Response:
    """Download all of these lines as a file; hotlist records the disclosure."""
    path = f"/v1/lists/{list_id}/versions/{version}/set-aside.csv"
    return await visit.file("hotlist", path, {"text/csv"}, f"set-aside-{version}")


async def _need_purpose(visit: Visit, list_id: UUID, page_of_list: str) -> None:
    """Raise PurposeNeeded before a form by which plates come on a list of the department (ADR-0115).

    The service refuses too, but then what was typed or chosen is lost.
    """
    if visit.has_purpose_for(hotlists.MANAGE):
        return
    if (await hotlists.read_list(visit, list_id))["source"] == "department":
        raise PurposeNeeded(f"/hotlists/{list_id}/{page_of_list}", hotlists.MANAGE)


async def _list_page(
    request: Request,
    visit: Visit,
    list_id: UUID,
    form: Mapping[str, str],
    *,
    found: Any = None,
    problem: Refused | None = None,
) -> Response:
    hot_list, now = await hotlists.read_list(visit, list_id), visit.console.clock.now()
    since = {days: now - timedelta(days=days) for days in YIELD_DAYS}
    return page(
        request,
        "hotlist.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        list=hot_list,
        found=found,
        is_open=visit.has_purpose_for(hotlists.READ),
        now=now,
        yields=[
            (days, await hotlists.read_yield(visit, list_id, at)) for days, at in since.items()
        ],
        form=form,
        problem=problem,
    )


async def _settings_page(
    request: Request,
    visit: Visit,
    list_id: UUID,
    form: Mapping[str, str],
    problem: Refused | None = None,
    refused: Literal["", "withdrawal"] = "",
) -> Response:
    """Build the page of a list's switches; what was typed for a refused change is as it was typed."""
    hot_list = await hotlists.read_list(visit, list_id)
    is_typed = problem is not None and not refused
    return page(
        request,
        "list_settings.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        list=hot_list,
        enabled="enabled" in form if is_typed else hot_list["enabled"],
        off=ticked(form, "off_") if is_typed else hot_list["record_kinds_off"],
        hours=form.get("staleness_hours", "") if is_typed else hot_list["staleness_hours"],
        form=form,
        problem=problem,
        refused=refused,
    )


async def _versions_page(
    request: Request, visit: Visit, list_id: UUID, problem: Refused | None = None, after: str = ""
) -> Response:
    hot_list = await hotlists.read_list(visit, list_id)
    found = await hotlists.list_versions(visit, list_id, after)
    status = problem.status if problem else HTTPStatus.OK
    return page(
        request, "versions.html", visit, status, list=hot_list, found=found, problem=problem
    )


async def _form_page(
    request: Request,
    visit: Visit,
    template: str,
    list_id: UUID,
    form: Mapping[str, str],
    problem: Refused | None = None,
) -> Response:
    """Build a page with a form about one list, with a refusal and the values typed for it."""
    hot_list = await hotlists.read_list(visit, list_id)
    status = problem.status if problem else HTTPStatus.OK
    return page(request, template, visit, status, list=hot_list, form=form, problem=problem)
