"""Other agencies' requests for data: shown, decided, delivered (policy 468.7)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.console.actions.errors import Refused
from services.console.api.forms import Form, form_action
from services.console.api.pages import page, waiting_page, words
from services.console.api.sign_in import to
from services.console.api.visit import Visit, Working
from services.console.domain.reviews import OPEN, review_of

router = APIRouter(prefix="/releases")

ON_A_PAGE = 50
READ = "release:read"
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
SOURCES = ("department", "state", "federal")
"""Sources of hot lists."""
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
    if not visit.has_purpose_for(READ):
        waiting = await visit.must("release", "GET", "/v1/requests/waiting", with_purpose=False)
        rows = [
            (words(one["status"]).capitalize(), one["count"], one["oldest_at"])
            for one in waiting["states"]
        ]
        return waiting_page(request, visit, "Release requests", "/releases", rows, READ)
    asked: dict[str, object] = {"limit": ON_A_PAGE}
    asked |= {"status": status} if status else {}
    asked |= {"after": after} if after else {}
    found = await visit.must("release", "GET", "/v1/requests", params=asked)
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
    body: dict[str, object] = {name: form.get(name, "") for name in ("decision", "reason")}
    if named := [source for source in SOURCES if f"list_{source}" in form]:
        body["list_sources"] = named
    if "originals" in form:
        body["originals"] = form["originals"].replace(",", " ").split()
    answer = await form_action(
        visit.must("release", "POST", f"/v1/requests/{request_id}/decision", json=body)
    )
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
    asked = await visit.must("release", "GET", f"/v1/requests/{request_id}")
    review = None
    if asked["status"] in OPEN:
        agency = await visit.must("release", "GET", f"/v1/agencies/{asked['agency_ori']}")
        person = visit.session
        review = review_of(asked, agency, person.person_id, person.permissions)
    return page(
        request,
        "release.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        asked=asked,
        review=review,
        sources=SOURCES,
        form=form,
        problem=problem,
        now=visit.console.clock.now(),
    )
