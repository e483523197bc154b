"""Other agencies' requests for data: shown, decided, delivered (policy 468.7)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.console.actions import releases
from services.console.actions.errors import Refused
from services.console.api.forms import Form, form_action
from services.console.api.pages import page, waiting_page, words
from services.console.api.sign_in import to
from services.console.api.visit import Visit, Working
from services.console.domain.queries import LIST_SOURCES

router = APIRouter(prefix="/releases")

STATES = (
    "submitted",
    "first_approved",
    "approved",
    "packaged",
    "failed",
    "expired",
    "denied",
    "refused",
    "withdrawn",
)
DOCUMENTS = frozenset({"application/pdf", "image/png", "image/jpeg"})

After = Annotated[str, Query(max_length=300, pattern=r"^[A-Za-z0-9_=-]*$")]
State = Annotated[str, Query(pattern=r"^[a-z_]{0,30}$")]


@router.get("")
async def show_requests(
    request: Request, visit: Working, status: State = "", after: After = ""
) -> Response:
    """Show all agencies' requests, newest first, with status and age.

    Without a purpose that opens them, shows only how many await a decision and since when.
    """
    if not visit.has_purpose_for(releases.READ):
        waiting = await releases.count_waiting(visit)
        rows = [
            (words(one["status"]).capitalize(), one["count"], one["oldest_at"])
            for one in waiting["states"]
        ]
        return waiting_page(request, visit, "Release requests", "/releases", rows, releases.READ)
    found = await releases.list_requests(visit, status, after)
    now = visit.console.clock.now()
    return page(request, "releases.html", visit, found=found, states=STATES, chosen=status, now=now)


@router.get("/{request_id}")
async def show_request(request: Request, request_id: UUID, visit: Working) -> Response:
    """Show one request with its whole file, and the form to decide on it."""
    return await _page(request, visit, request_id, {})


@router.post("/{request_id}/decision")
async def decide_request(
    request: Request, request_id: UUID, form: Form, visit: Working
) -> Response:
    """Approve or deny; the release service decides who may and how many people it takes."""
    answer = await form_action(releases.decide(visit, request_id, form))
    if isinstance(answer, Refused):
        return await _page(request, visit, request_id, form, answer)
    return to(request, f"/releases/{request_id}")


@router.get("/documents/{document_id}")
async def show_document(document_id: UUID, visit: Working) -> Response:
    """Download a document of legal authority; another agency's file is never opened in a page."""
    name = f"authority-{document_id}"
    return await visit.file("release", f"/v1/documents/{document_id}", DOCUMENTS, name)


async def _page(
    request: Request,
    visit: Visit,
    request_id: UUID,
    form: Mapping[str, str],
    problem: Refused | None = None,
) -> Response:
    asked, review = await releases.read_request(visit, request_id)
    return page(
        request,
        "release.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        asked=asked,
        review=review,
        sources=LIST_SOURCES,
        form=form,
        problem=problem,
        now=visit.console.clock.now(),
    )
