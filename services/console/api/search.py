"""Searches: first a purpose, then the criteria (policy 468.4(a))."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.console.actions import hotlists, records
from services.console.actions.errors import PurposeNeeded, Refused
from services.console.actions.purposes import declare
from services.console.api.browser import PURPOSE, set_cookie
from services.console.api.forms import Form, form_action, new_key
from services.console.api.pages import page, picture_page
from services.console.api.sign_in import to
from services.console.api.visit import (
    LinkToken,
    Visit,
    Watching,
    Working,
    allowed,
    offered_by,
    page_after,
    page_left,
)
from services.console.domain.queries import record_export_of, searched_entry_of, searched_plate_of

router = APIRouter()

START = "/search"
_FILES = frozenset({"text/csv", "application/x-ndjson"})

_TYPED = "%Y-%m-%dT%H:%M"

EARLIER_READS = timedelta(days=30)
"""The window with which a search for an entry's or a hit's earlier reads begins; the person may change it."""


Back = Annotated[str, Query(max_length=400)]
Opens = Annotated[str, Query(pattern=r"^[a-z:]{0,60}$")]


@router.get("/purpose", dependencies=[allowed("purpose:declare")])
async def show_purpose(
    request: Request, visit: Working, back: Back = START, opens: Opens = ""
) -> Response:
    """Show the form to declare a purpose; `back` is the page that needs it, `opens` the permission."""
    back = page_after(request, back, START)
    only = visit.kinds_for(opens) if opens else []
    chosen = {"kind": only[0]} if len(only) == 1 else {}
    return _purpose_page(request, visit, chosen, back=back, only=only)


@router.post("/purpose")
async def declare_purpose(request: Request, form: Form, visit: Working) -> Response:
    """Declare a purpose to identity; shows a refusal in identity's words, with the citation."""
    back = page_after(request, form.get("back", START), START)
    try:
        purpose = await declare(visit, form)
    except Refused as exc:
        return _purpose_page(request, visit, form, back=back, problem=exc)
    set_cookie(request, PURPOSE, visit.console.seal.seal(purpose))
    return to(request, back)


def _purpose_page(
    request: Request,
    visit: Visit,
    form: Mapping[str, str],
    *,
    back: str,
    only: Sequence[str] = (),
    problem: Refused | None = None,
) -> Response:
    status = problem.status if problem else HTTPStatus.OK
    return page(
        request,
        "purpose.html",
        visit,
        status,
        form=form,
        problem=problem,
        back=back,
        only=only,
        kinds=only or visit.kinds_of_purpose,
    )


@router.get("/search", dependencies=[allowed(records.SEARCH)])
async def show_search(request: Request, visit: Working) -> Response:
    """Show the search form; without a purpose, the purpose form comes first."""
    if not visit.has_purpose_for(records.SEARCH):
        return to(request, "/purpose")
    return page(request, "search.html", visit, form=_last(timedelta(days=1), visit), found=None)


@router.post("/search")
async def search(request: Request, form: Form, visit: Working) -> Response:
    """Search the records, or save all reads that match as a file.

    A POST that answers with the page itself, so that no URL contains plates.
    """
    if not visit.has_purpose_for(records.SEARCH):
        raise PurposeNeeded(START, records.SEARCH)
    if "format" in form:
        return await _saved(visit, record_export_of(form))
    found = await form_action(records.search(visit, form))
    if isinstance(found, Refused):
        if found.status == HTTPStatus.NOT_FOUND:
            raise found
        return page(
            request, "search.html", visit, found.status, form=form, problem=found, found=None
        )
    return page(request, "search.html", visit, form=form, found=found)


@router.post("/search/back", dependencies=[allowed(records.SEARCH)])
async def show_search_of_plate(request: Request, form: Form, visit: Working) -> Response:
    """Show the search form with the plate of an entry or a hit, which searches nothing yet.

    A POST, so that no URL contains a plate.
    """
    if not visit.has_purpose_for(records.SEARCH):
        raise PurposeNeeded(page_left(request) or START, records.SEARCH)
    begun = searched_plate_of(form) | _last(EARLIER_READS, visit)
    return page(request, "search.html", visit, form=begun, found=None)


def _last(span: timedelta, visit: Visit) -> dict[str, str]:
    """Return the window of a search that begins this long ago and ends now."""
    now = visit.console.clock.now()
    begin, end = now - span, now + timedelta(minutes=1)
    return {"captured_from": f"{begin:{_TYPED}}", "captured_to": f"{end:{_TYPED}}"}


@router.post("/search/forward", dependencies=[allowed(hotlists.MANAGE)])
async def choose_list(request: Request, form: Form, visit: Working) -> Response:
    """Show the lists on which the plate that was searched can be entered forward (policy 468.4(c))."""
    if not visit.has_purpose_for(hotlists.MANAGE):
        raise PurposeNeeded(START, hotlists.MANAGE)
    lists = await hotlists.list_lists(visit)
    return page(request, "forward.html", visit, lists=lists, form=searched_entry_of(form))


async def _saved(visit: Visit, asked: Mapping[str, Any]) -> Response:
    return await visit.file("retention", "/v1/reads/export", _FILES, "reads", asked=asked)


@router.get("/reads/{read_id}/crop")
async def show_read_crop(read_id: UUID, visit: Watching, link_token: LinkToken = "") -> Response:
    """Return the crop of the plate; retention records its disclosure with the search."""
    return await visit.picture(
        "retention", f"/v1/reads/{read_id}/crop", params=offered_by(link_token)
    )


@router.get("/reads/{read_id}/picture")
async def show_read_picture(request: Request, read_id: UUID, visit: Working) -> Response:
    """Show the whole picture of a read with a box around the plate, and the way back."""
    read = await records.read(visit, read_id)
    return picture_page(
        request,
        visit,
        plate=read["plate_as_read"],
        record=read,
        src=f"/captures/{read['capture_id']}/image",
        back=START,
        back_name="Back to the search",
    )


@router.get("/reads/{read_id}/correction", dependencies=[allowed(records.CORRECT)])
async def show_correction(request: Request, read_id: UUID, visit: Working) -> Response:
    """Show a read, the plate's picture, its corrections, and the form to correct it."""
    return await _correction_page(request, visit, read_id, {})


@router.post("/reads/{read_id}/correction")
async def correct_read(request: Request, read_id: UUID, form: Form, visit: Working) -> Response:
    """Correct a read. A POST, so that no URL contains a plate; the form's key makes a repeat harmless."""
    answer = await form_action(records.correct(visit, read_id, form))
    if isinstance(answer, Refused):
        if answer.status == HTTPStatus.NOT_FOUND:
            raise answer
        return await _correction_page(request, visit, read_id, form, answer)
    return to(request, f"/reads/{read_id}/correction")


async def _correction_page(
    request: Request,
    visit: Visit,
    read_id: UUID,
    form: Mapping[str, str],
    problem: Refused | None = None,
) -> Response:
    read = await records.read(visit, read_id)
    return page(
        request,
        "correction.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        read=read,
        form=form,
        key=form.get("key") or new_key(),
        problem=problem,
    )


@router.get("/captures/{capture_id}/image")
async def show_capture_image(capture_id: UUID, visit: Working) -> Response:
    """Return the whole picture; retention records its disclosure, and the purpose."""
    return await visit.picture("retention", f"/v1/captures/{capture_id}/image")
