"""Routes for reviewers: read requests and decide on them (policy 468.7(b))."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request

from services.release.actions import reviews
from services.release.api.fields import DecisionIn
from services.release.api.guard import ReleaseRead
from services.release.api.views import (
    RequestOut,
    WaitingRequestsOut,
    WaitingStateOut,
    page_out,
    request_out,
)
from services.release.domain.problem_codes import Code
from services.release.domain.requests import RequestStatus
from services.release.store import Requests
from shared.access.department import check_department
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.errors import NotFound
from shared.core.permissions import Permission
from shared.http.app import Work
from shared.http.models import After, Limit, Page, key_of
from shared.service.api_runtime import runtime_of

router = APIRouter(prefix="/v1/requests", tags=["department"])

ReleaseReadForPurpose = Annotated[Grant, access(Permission.RELEASE_READ, purpose_needed=True)]


@router.get("")
async def list_requests(
    grant: ReleaseReadForPurpose,
    work: Work,
    request: Request,
    status: RequestStatus | None = None,
    after: After | None = None,
    limit: Limit = 50,
) -> Page[RequestOut]:
    """List the requests of all agencies, newest first."""
    check_department(request, grant)
    found = await Requests(work.connection).page(
        grant, agency=None, status=status, after=key_of(after, UUID), limit=limit
    )
    return page_out(found, limit)


@router.get("/waiting")
async def get_waiting_requests(
    grant: ReleaseRead, work: Work, request: Request
) -> WaitingRequestsOut:
    """Count the requests that await a decision, by status, with the oldest filing time; needs no purpose."""
    check_department(request, grant)
    found = await Requests(work.connection).waiting(grant)
    states = [WaitingStateOut(status=s, count=n, oldest_at=at) for s, n, at in found]
    return WaitingRequestsOut(
        count=sum(state.count for state in states),
        oldest_at=min((state.oldest_at for state in states), default=None),
        states=states,
    )


@router.get("/{request_id}")
async def get_request(
    request_id: UUID, grant: ReleaseReadForPurpose, work: Work, request: Request
) -> RequestOut:
    """Return one request with its decisions, package and receipts."""
    check_department(request, grant)
    return await _reviewed_out(work, grant, request_id, request)


@router.post("/{request_id}/decision")
async def decide_request(
    request_id: UUID,
    body: DecisionIn,
    grant: Annotated[Grant, access(Permission.RELEASE_REVIEW, purpose_needed=True)],
    work: Work,
    request: Request,
) -> RequestOut:
    """Approve or deny a request, never one's own. A restricted one takes two approvers and a document.

    A person who created, invited or changed the requester's account, or registered or changed the agency, may
    not decide. If those people are not on record, it takes two approvers.
    """
    await reviews.decide(runtime_of(request), work, grant, request_id, body.verdict())
    return await _reviewed_out(work, grant, request_id, request)


async def _reviewed_out(work: Work, grant: Grant, request_id: UUID, request: Request) -> RequestOut:
    """Return a request as it is now, with the facts that a reviewer needs. Raises: NotFound."""
    found = await Requests(work.connection).get(grant, request_id)
    if found is None:
        raise NotFound(Code.REQUEST_UNKNOWN)
    facts = await reviews.facts_of(runtime_of(request), work, found)
    return request_out(found, request, facts)
