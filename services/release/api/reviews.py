"""Routes for reviewers: read requests and decide on them (policy 468.7(b))."""

from dataclasses import replace
from datetime import timedelta
from typing import Annotated
from uuid import UUID, uuid4

import msgspec
from fastapi import APIRouter, Request

from services.release.actions import steps
from services.release.api.fields import DecisionIn
from services.release.api.guard import ReleaseRead, check_department
from services.release.api.views import (
    RequestOut,
    WaitingRequests,
    WaitingState,
    page_out,
    request_out,
)
from services.release.domain.problem_codes import Code
from services.release.domain.requests import (
    Standing,
    Status,
    Treatment,
    after_approval,
    agreed,
    check_named,
    check_reviewer,
    treatment,
)
from services.release.store import Agencies, Decision, Requests
from services.release.store import Request as OnFile
from shared.access.grant import Grant
from shared.access.guard import access
from shared.access.rule_refusals import refusals_recorded
from shared.core.errors import NotFound
from shared.core.permissions import Permission
from shared.core.policy import Sharing
from shared.events import AdministrativeEvent
from shared.http.app import Work
from shared.http.models import After, Limit, Page, key_of
from shared.service.runtime import Runtime, runtime_of

router = APIRouter(prefix="/requests", tags=["department"])

ReleaseReadForPurpose = Annotated[Grant, access(Permission.RELEASE_READ, purpose_needed=True)]


@router.get("")
async def list_requests(
    grant: ReleaseReadForPurpose,
    work: Work,
    request: Request,
    status: Status | None = None,
    after: After | None = None,
    limit: Limit = 50,
) -> Page[RequestOut]:
    """Requests of all agencies, newest first."""
    await check_department(request, grant)
    found = await Requests(work.connection).page(
        grant, agency=None, status=status, after=key_of(after, UUID), limit=limit
    )
    return page_out(found, limit)


@router.get("/waiting")
async def list_waiting_requests(
    grant: ReleaseRead, work: Work, request: Request
) -> WaitingRequests:
    """The number of requests that await a decision and the oldest filing time, by status; needs no purpose."""
    await check_department(request, grant)
    found = await Requests(work.connection).waiting(grant)
    states = [WaitingState(status=s, count=n, oldest_at=at) for s, n, at in found]
    return WaitingRequests(
        count=sum(state.count for state in states),
        oldest_at=min((state.oldest_at for state in states), default=None),
        states=states,
    )


@router.get("/{request_id}")
async def get_request(
    request_id: UUID, grant: ReleaseReadForPurpose, work: Work, request: Request
) -> RequestOut:
    """One request with all that is on file about it."""
    await check_department(request, grant)
    found = await Requests(work.connection).get(grant, request_id)
    if found is None:
        raise NotFound(Code.REQUEST_UNKNOWN)
    return request_out(found, request, await _standing(work, found, runtime_of(request)))


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
    runtime = runtime_of(request)
    policy = runtime.policy
    requests = Requests(work.connection)
    found = await requests.lock(request_id)
    if found is None:
        raise NotFound(Code.REQUEST_UNKNOWN)
    standing = await _standing(work, found, runtime)
    decision = Decision(
        decision_id=uuid4(),
        decision=body.decision,
        reason=body.reason,
        decided_by=grant.actor,
        decided_at=grant.now,
        originals=sorted(set(body.originals)),
        list_sources=sorted(set(body.list_sources)),
    )
    async with refusals_recorded(request, grant):
        reviewer = grant.principal
        check_reviewer(standing, reviewer.account_id, reviewer.agency_ori, policy.department.ori)
        check_named(
            decision.originals,
            decision.list_sources,
            approves=decision.decision == "approve",
            pictures=found.criteria.include_images,
        )
        status, decision, event = _decided(found, standing, decision, policy.sharing)
    await requests.decide(request_id, decision)
    await requests.move(request_id, status)
    await work.emit(event)
    return request_out(await requests.get(grant, request_id), request, standing)


async def _standing(work: Work, found: OnFile, runtime: Runtime) -> Standing:
    """Return the facts of a request for a review; the agency's current state counts beside its state at filing."""
    agencies, sharing = Agencies(work.connection), runtime.policy.sharing
    agency = await agencies.get(found.agency_ori)
    if agency is None:
        raise NotFound(Code.AGENCY_UNKNOWN)
    account = runtime.people.provisioned(found.filed_by.person_id)
    registry = await agencies.provisioned(found.agency_ori)
    how = treatment(agency, sharing.recipients, sharing.states)
    barred = not agency.active or how is Treatment.RECORDS_RELEASE
    restricted = found.restricted or how is Treatment.RESTRICTED
    return replace(
        found.standing,
        restricted=restricted,
        barred=barred,
        account_by=account.by,
        agency_by=registry.by,
        provisioners_known=account.known and registry.known,
    )


def _decided(
    found: OnFile, standing: Standing, decision: Decision, sharing: Sharing
) -> tuple[Status, Decision, AdministrativeEvent]:
    """Return the new status, the decision to store, and the event."""
    if decision.decision == "deny":
        return Status.DENIED, decision, steps.denial(found, decision)
    by = decision.decided_by
    status = after_approval(standing, by.person_id, sharing.refused_citation)
    if status is Status.FIRST_APPROVED:
        named = {
            "originals": " ".join(map(str, decision.originals)),
            "list_sources": " ".join(decision.list_sources),
        }
        first = steps.step(
            found.request_id,
            by,
            decision.decided_at,
            "first_approved",
            reason=decision.reason,
            **{name: value for name, value in named.items() if value},
        )
        return status, decision, first
    expires_at = decision.decided_at + timedelta(days=sharing.package_days)
    filed = msgspec.structs.replace(decision, expires_at=expires_at)
    approvals = [d for d in [*found.decisions, filed] if d.decision == "approve"]
    approved = steps.approval(
        found,
        filed,
        expires_at,
        originals=agreed([d.originals for d in approvals]),
        list_sources=agreed([d.list_sources for d in approvals]),
    )
    return status, filed, approved
