"""Another agency's own requests for data: filed, followed, withdrawn, and their packages saved (policy 468.7(a))."""

from collections.abc import Mapping
from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.console.actions import own_requests
from services.console.actions.errors import Refused
from services.console.actions.own_requests import REQUEST
from services.console.actions.records import SEARCH
from services.console.api.forms import FileFields, Form, form_action, new_key
from services.console.api.pages import page
from services.console.api.releases import STATES, After, State
from services.console.api.sign_in import to
from services.console.api.visit import Visit, Working, allowed
from services.console.domain.reviews import OPEN

router = APIRouter(prefix="/requests")


@router.get("")
async def show_own_requests(
    request: Request, visit: Working, status: State = "", after: After = ""
) -> Response:
    """Show the requests of the person's agency, newest first."""
    found = await own_requests.list_own(visit, status, after)
    return page(request, "own_requests.html", visit, found=found, states=STATES, chosen=status)


@router.get("/new", dependencies=[allowed(REQUEST)])
async def show_new_request(request: Request, visit: Working) -> Response:
    """Show the form for a request."""
    return _form_page(request, visit, {"include_images": "yes"})


@router.post("/new/document")
async def upload_authority(request: Request, sent: FileFields, visit: Working) -> Response:
    """Forward a document of legal authority as it arrives, and go on to the request that names it."""
    _, file = sent
    document = await form_action(own_requests.upload_authority(visit, file.pieces()), body="file")
    if isinstance(document, Refused):
        return _form_page(request, visit, {"include_images": "yes"}, document)
    named = {"document_id": document["document_id"], "sha256": document["sha256"]}
    return _form_page(request, visit, {"include_images": "yes"} | named)


@router.post("/new")
async def file_request(request: Request, form: Form, visit: Working) -> Response:
    """File a request. A POST, so that no URL contains a plate; the form's key makes a repeat harmless."""
    filed = await form_action(own_requests.file_request(visit, form))
    if isinstance(filed, Refused):
        return _form_page(request, visit, form, filed)
    return to(request, f"/requests/{filed['request_id']}")


@router.get("/{request_id}")
async def show_own_request(request: Request, request_id: UUID, visit: Working) -> Response:
    """Show one request of the person's agency, with its package, and the form to withdraw it."""
    return await _request_page(request, visit, request_id, {})


@router.get("/{request_id}/package")
async def download_own_package(request_id: UUID, visit: Working) -> Response:
    """Save the package of an approved request; release records the receipt."""
    path, name = f"/v1/requests/{request_id}/package", f"release-{request_id}"
    return await visit.file("release", path, {"application/zip"}, name)


@router.post("/{request_id}/withdrawal")
async def withdraw_request(
    request: Request, request_id: UUID, form: Form, visit: Working
) -> Response:
    """Withdraw a request that is not decided yet."""
    answer = await form_action(own_requests.withdraw(visit, request_id, form))
    if isinstance(answer, Refused):
        return await _request_page(request, visit, request_id, form, answer)
    return to(request, f"/requests/{request_id}")


def _form_page(
    request: Request, visit: Visit, form: Mapping[str, str], problem: Refused | None = None
) -> Response:
    status = problem.status if problem else HTTPStatus.OK
    # A refusal by rule is on file: the next request is another one.
    known = "" if status == HTTPStatus.FORBIDDEN else form.get("key")
    return page(
        request,
        "new_request.html",
        visit,
        status,
        key=known or new_key(),
        form=form,
        kinds=visit.kinds_for(SEARCH),
        problem=problem,
    )


async def _request_page(
    request: Request,
    visit: Visit,
    request_id: UUID,
    form: Mapping[str, str],
    problem: Refused | None = None,
) -> Response:
    asked = await own_requests.read_own(visit, request_id)
    return page(
        request,
        "own_request.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        asked=asked,
        is_open=asked["status"] in OPEN,
        form=form,
        problem=problem,
    )
