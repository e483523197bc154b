"""Routes for requesters: file, follow and withdraw requests of their own agency."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from services.release.actions import filing
from services.release.api.fields import RequestIn, WithdrawalIn
from services.release.api.guard import registered_agency
from services.release.api.views import RequestOut, page_out, request_out
from services.release.domain.requests import RequestStatus
from services.release.store import Requests
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.permissions import Permission
from shared.http.app import Work, problem
from shared.http.models import After, Limit, OptionalKey, Page, Problem, key_of
from shared.service.api_runtime import runtime_of

router = APIRouter(prefix="/v1", tags=["requester"])

ReleaseRequest = Annotated[Grant, access(Permission.RELEASE_REQUEST)]


@router.post(
    "/requests",
    status_code=201,
    response_model=RequestOut,
    responses={403: {"model": Problem, "description": "Refused by rule; kept on file as refused"}},
)
async def file_request(
    body: RequestIn,
    grant: ReleaseRequest,
    work: Work,
    request: Request,
    key: OptionalKey = None,
) -> RequestOut | JSONResponse:
    """File a written request for data. What the law forbids is refused at once, with its citation."""
    agency = await registered_agency(work, grant)
    policy = runtime_of(request).policy
    filed = await filing.file(work, grant, agency, key, body.written(), policy)
    if filed.refusal is not None:
        # Answered, not raised: raising would take the request off the file again.
        return problem(request, filed.refusal.error(filed.request_id))
    return request_out(await Requests(work.connection).get(grant, filed.request_id), request)


@router.get("/agency/requests")
async def list_agency_requests(
    grant: ReleaseRequest,
    work: Work,
    status: RequestStatus | None = None,
    after: After | None = None,
    limit: Limit = 50,
) -> Page[RequestOut]:
    """The requests of one's own agency, newest first."""
    ori = grant.principal.agency_ori
    found = await Requests(work.connection).page(
        grant, agency=ori, status=status, after=key_of(after, UUID), limit=limit
    )
    return page_out(found, limit)


@router.get("/agency/requests/{request_id}")
async def get_agency_request(
    request_id: UUID, grant: ReleaseRequest, work: Work, request: Request
) -> RequestOut:
    """One request of one's own agency. 404 both when absent and when another agency's."""
    ori = grant.principal.agency_ori
    return request_out(await Requests(work.connection).get(grant, request_id, agency=ori), request)


@router.post("/agency/requests/{request_id}/withdrawal")
async def withdraw_request(
    request_id: UUID, body: WithdrawalIn, grant: ReleaseRequest, work: Work, request: Request
) -> RequestOut:
    """Withdraw a request that is not decided yet; it stays on file."""
    await filing.withdraw(work, grant, request_id, body.reason)
    return request_out(await Requests(work.connection).get(grant, request_id), request)
