"""Routes for requesters: file, follow and withdraw requests of their own agency."""

from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from services.release.actions import steps
from services.release.api.fields import Criteria, RequestIn, WithdrawIn
from services.release.api.guard import registered_agency
from services.release.api.views import RequestOut, page_out, request_out
from services.release.domain.problem_codes import Code
from services.release.domain.requests import (
    OPEN,
    RECORDS_CITATION,
    Agency,
    Refusal,
    Status,
    treatment,
)
from services.release.domain.requests import refusal as refused_by_rule
from services.release.store import Authority, Documents, Filed, Requests
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.errors import Conflict, InvalidInput, NotFound
from shared.core.narrowness import Breadth, too_wide
from shared.core.permissions import Permission
from shared.core.plates import PlatePattern
from shared.core.policy import Narrowness, Policy
from shared.events import ReleaseCriteria
from shared.http.app import Problem, Work, problem
from shared.http.models import After, Limit, Page, key_of
from shared.service.runtime import runtime_of

router = APIRouter(tags=["requester"])

_CRITERIA = "body.criteria."

ReleaseRequest = Annotated[Grant, access(Permission.RELEASE_REQUEST)]


@router.post(
    "/requests",
    status_code=201,
    response_model=RequestOut,
    responses={403: {"model": Problem, "description": "Refused by rule; kept on file as refused"}},
)
async def file_request(
    body: RequestIn, grant: ReleaseRequest, work: Work, request: Request
) -> RequestOut | JSONResponse:
    """File a written request for data. What the law forbids is refused at once, with its citation."""
    policy = runtime_of(request).policy
    agency = await registered_agency(request, work, grant)
    filed = await _filed(body, grant, work, agency, policy)
    refused = _refusal(filed, agency, policy)
    requests = Requests(work.connection)
    await requests.file(filed, Status.REFUSED if refused else Status.SUBMITTED)
    await work.emit(*steps.filed(filed))
    if refused is not None:
        decision = steps.refused(filed, refused, policy.department.ori)
        await requests.decide(filed.request_id, decision)
        await work.emit(steps.denial(filed, decision))
        # Answered, not raised: raising would take the request off the file again.
        return problem(request, refused.error(filed.request_id))
    return request_out(await requests.get(grant, filed.request_id), request)


@router.get("/agency/requests")
async def list_agency_requests(
    grant: ReleaseRequest,
    work: Work,
    status: Status | None = None,
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
    request_id: UUID, body: WithdrawIn, grant: ReleaseRequest, work: Work, request: Request
) -> RequestOut:
    """Withdraw a request that is not decided yet; it stays on file."""
    requests = Requests(work.connection)
    found = await requests.lock(request_id)
    if found is None or found.agency_ori != grant.principal.agency_ori:
        raise NotFound(Code.REQUEST_UNKNOWN)
    if found.status not in OPEN:
        raise Conflict(Code.REQUEST_ENDED, status=found.status)
    await requests.move(request_id, Status.WITHDRAWN)
    await work.emit(steps.step(request_id, grant.actor, grant.now, "withdrawn", reason=body.reason))
    return request_out(await requests.get(grant, request_id), request)


async def _filed(
    body: RequestIn, grant: Grant, work: Work, agency: Agency, policy: Policy
) -> Filed:
    """Return the request to file. Raises: InvalidInput naming the field."""
    known = policy.purposes.allowed | policy.purposes.prohibited.keys()
    if body.purpose_kind not in known:
        allowed = sorted(policy.purposes.allowed)
        raise InvalidInput(Code.RELEASE_PURPOSE_UNKNOWN, field="body.purpose_kind", allowed=allowed)
    shortest = policy.purposes.minimum_justification_characters
    if len(body.purpose) < shortest:
        raise InvalidInput(
            Code.RELEASE_PURPOSE_SHORT, field="body.purpose", min_characters=shortest
        )
    if body.criteria.captured_from > grant.now:
        raise InvalidInput(Code.RELEASE_FROM_AHEAD, field=f"{_CRITERIA}captured_from")
    check_scope(body.criteria, policy.narrowness)
    authority = await _authority(body, grant, work)
    how = treatment(agency, policy.sharing.recipients, policy.sharing.states)
    return Filed(
        request_id=uuid4(),
        agency_ori=agency.ori,
        agency_name=agency.name,
        agency_kind=agency.kind,
        agency_state=agency.state,
        filed_by=grant.actor,
        filed_at=grant.now,
        requester_name=body.requester_name or grant.principal.name,
        requester_title=body.requester_title or grant.principal.title,
        purpose=body.purpose,
        purpose_kind=body.purpose_kind,
        case_number=body.case_number,
        offence_type=body.offence_type,
        criteria=criteria_of(body.criteria),
        restricted=how == "restricted",
        legal_authority=authority,
    )


def check_scope(asked: Criteria, rule: Narrowness) -> None:
    """Raise InvalidInput, naming the field, for a release that is wider than a search may be."""
    breadth = Breadth(
        pattern=None if asked.plate is None else PlatePattern.parse(asked.plate),
        captured_from=asked.captured_from,
        captured_to=asked.captured_to,
        names_place=bool(asked.device_ids),
    )
    if (refusal := too_wide(breadth, rule, at=_CRITERIA)) is not None:
        raise refusal


def criteria_of(asked: Criteria) -> ReleaseCriteria:
    """Return the criteria of a request in the form that events carry."""
    return ReleaseCriteria(**asked.model_dump())


async def _authority(body: RequestIn, grant: Grant, work: Work) -> Authority | None:
    named = body.legal_authority
    if named is None:
        return None
    documents = Documents(work.connection)
    document = await documents.of_agency(named.document_id, grant.principal.agency_ori)
    if document is None:
        raise InvalidInput(Code.DOCUMENT_OF_NO_UPLOAD, field="body.legal_authority.document_id")
    return Authority(named.reference, document.document_id, document.sha256)


def _refusal(filed: Filed, agency: Agency, policy: Policy) -> Refusal | None:
    """Return the refusal of a request by law or policy, or None."""
    sharing = policy.sharing
    how = treatment(agency, sharing.recipients, sharing.states)
    refused = refused_by_rule(
        agency,
        how,
        has_authority=filed.legal_authority is not None,
        citation=sharing.refused_citation,
    )
    if refused is not None and refused.citation == RECORDS_CITATION:
        return refused
    if (citation := policy.purposes.prohibited.get(filed.purpose_kind)) is not None:
        return Refusal(
            Code.RELEASE_PURPOSE_PROHIBITED, citation, {"purpose_kind": filed.purpose_kind}
        )
    return refused
