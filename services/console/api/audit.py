"""The audit log for auditors: its state, a search form, single entries (policy 468.6(c))."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response

from services.console.actions.errors import PurposeNeeded, Refused, refusal
from services.console.actions.services import content
from services.console.api.forms import Form, form_action, moment_of
from services.console.api.pages import page
from services.console.api.visit import Visit, working

router = APIRouter(prefix="/audit")

ON_A_PAGE = 50
SAMPLES = 20
READ = "audit:read"
ASKED = (
    "after",
    "person_name",
    "plate",
    "purpose_kind",
    "case_number",
    "kind",
    "outcome",
    "service",
    "permission",
    "request_id",
)

Seq = Annotated[int, Path(ge=0, lt=1 << 62)]


async def auditing(request: Request) -> Visit:
    """Return the visit of a person with an audit purpose. Raises: SignedOut, PurposeNeeded.

    A person without the permission passes: the audit service refuses them, on record.
    """
    visit = await working(request)
    if not visit.has_purpose_for(READ) and READ in visit.session.permissions:
        here = request.url.path.removeprefix(request.scope.get("root_path", "")).lower()
        raise PurposeNeeded(here if request.method == "GET" else "/audit", READ)
    return visit


Auditing = Annotated[Visit, Depends(auditing)]


@router.get("")
async def show_audit(request: Request, visit: Auditing) -> Response:
    """Show the state of the log, open findings, and the newest sampled audits."""
    return await audit_page(request, visit)


async def audit_page(request: Request, visit: Visit, problem: Refused | None = None) -> Response:
    """Build the start page of audits, with the reason of a refused draw."""
    checkpoint = await _checkpoint(visit)
    newest = await _search(visit, {"limit": 1})
    open_ones = {"status": "open", "limit": ON_A_PAGE}
    findings = await visit.must("audit", "GET", "/v1/findings", params=open_ones)
    audits = await visit.must("audit", "GET", "/v1/audits", params={"limit": SAMPLES})
    periods = await visit.must("audit", "GET", "/v1/audits/periods", params={"limit": SAMPLES})
    return page(
        request,
        "audit.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        checkpoint=checkpoint,
        newest=newest["items"][0] if newest["items"] else None,
        findings=findings,
        audits=audits["items"],
        periods=[one for one in periods["items"] if one["audit_id"] is None],
        now=visit.console.clock.now(),
        problem=problem,
    )


@router.get("/entries")
async def show_entry_search(request: Request, visit: Auditing) -> Response:
    """Show the form to search the log."""
    return page(request, "entries.html", visit, form={}, found=None)


@router.post("/entries")
async def search_entries(request: Request, form: Form, visit: Auditing) -> Response:
    """Search the log. A POST that answers with the page itself, so that no URL contains plates or names."""
    found = await form_action(_search(visit, query(form)))
    if isinstance(found, Refused):
        return page(
            request, "entries.html", visit, found.status, form=form, problem=found, found=None
        )
    return page(request, "entries.html", visit, form=form, found=found)


@router.get("/entries/{seq}")
async def show_entry(request: Request, seq: Seq, visit: Auditing) -> Response:
    """Show one entry as logged, with the exact text that was hashed."""
    entry = await visit.must("audit", "GET", f"/v1/entries/{seq}")
    return page(request, "entry.html", visit, entry=entry, others=await same_request(visit, entry))


async def same_request(visit: Visit, entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the other entries of the same request, such as the disclosures of an access."""
    if entry["request_id"] is None:
        return []
    asked = {"request_id": entry["request_id"], "limit": ON_A_PAGE}
    entries: list[dict[str, Any]] = (await _search(visit, asked))["items"]
    return [other for other in entries if other["seq"] != entry["seq"]]


def query(form: Mapping[str, str]) -> dict[str, Any]:
    """Return a search in audit's format. Invalid numbers pass through, and audit refuses them."""
    asked: dict[str, Any] = {name: form[name] for name in ASKED if name in form}
    for name in ("occurred_from", "occurred_to"):
        if name in form:
            asked[name] = moment_of(form[name])
    return asked | {"limit": ON_A_PAGE}


async def _search(visit: Visit, asked: Mapping[str, Any]) -> Any:
    return await visit.must("audit", "POST", "/v1/entries/search", json=asked)


@dataclass(frozen=True)
class Checkpoint:
    """The content of a signed checkpoint (C2SP tlog-checkpoint)."""

    origin: str
    size: int
    root: str
    signed_at: datetime | None
    """To the second; None if the service did not send it."""


async def _checkpoint(visit: Visit) -> Checkpoint | None:
    """Return the newest signed checkpoint. Raises: Refused if it cannot be read."""
    answer = await visit.ask("audit", "GET", "/v1/checkpoint")
    if answer.status_code == HTTPStatus.NOT_FOUND:
        return None
    if not answer.is_success:
        content(answer)
    told = answer.headers.get("Last-Modified")
    try:
        origin, size, root, *_ = answer.text.splitlines()
        return Checkpoint(origin, int(size), root, parsedate_to_datetime(told) if told else None)
    except ValueError:
        raise refusal(answer) from None
