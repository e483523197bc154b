"""Requests as routes show them."""

from collections.abc import Sequence

from fastapi import Request as HttpRequest

from services.release.api.models import RequestOut, ReviewOut
from services.release.domain.requests import OPEN, Standing
from services.release.store import Request
from shared.core.errors import NotFound
from shared.http.models import Page
from shared.service.runtime import runtime_of


def request_out(
    found: Request | None, asked: HttpRequest, standing: Standing | None = None
) -> RequestOut:
    """Return a request for an answer, with the newest checkpoint. Raises: NotFound when there is none.

    `standing`: for whoever reviews it.
    """
    out = _out(found)
    if standing is not None and out.status in OPEN:
        not_by = sorted(standing.account_by | standing.agency_by)
        out.review = ReviewOut(approvals_needed=standing.approvals_needed, not_by=not_by)
    out.checkpoint = runtime_of(asked).standing.checkpoint.note
    return out


def _out(found: Request | None) -> RequestOut:
    if found is None:
        raise NotFound("no such request")
    return RequestOut.model_validate(found, from_attributes=True)


def page_out(found: Sequence[Request], limit: int) -> Page[RequestOut]:
    """Return one page; a full one names where the next begins."""
    following = found[-1].request_id if len(found) == limit else None
    return Page.of([_out(request) for request in found], last=following)
