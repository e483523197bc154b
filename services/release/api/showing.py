"""Requests as routes show them."""

from collections.abc import Sequence

from services.release.api.models import RequestOut
from services.release.store import Request
from shared.errors import NotFound
from shared.models import Page


def request_out(found: Request | None) -> RequestOut:
    """Return a request for an answer. Raises: NotFound when there is none."""
    if found is None:
        raise NotFound("no such request")
    return RequestOut.model_validate(found, from_attributes=True)


def page_out(found: Sequence[Request], limit: int) -> Page[RequestOut]:
    """Return one page; a full one names where the next begins."""
    following = found[-1].request_id if len(found) == limit else None
    return Page.of([request_out(request) for request in found], last=following)
