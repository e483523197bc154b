"""Decides on requests (policy 468.7(b))."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal
from uuid import UUID, uuid4

import msgspec

from services.release.actions import steps
from services.release.domain.problem_codes import Code
from services.release.domain.requests import (
    RequestFacts,
    RequestStatus,
    Treatment,
    after_approval,
    agreed,
    check_named,
    check_reviewer,
    treatment,
)
from services.release.store import Agencies, Decision, Request, Requests
from shared.access.grant import Grant
from shared.core.errors import NotFound
from shared.core.policy import Sharing
from shared.events import AdministrativeEvent, Source
from shared.postgres.unit_of_work import UnitOfWork
from shared.service.api_runtime import ApiRuntime


@dataclass(frozen=True, kw_only=True)
class ReviewDecision:
    """What a reviewer decides, and why."""

    decision: Literal["approve", "deny"]
    reason: str
    originals: Collection[UUID] = ()
    """Captures whose whole frames the reviewer releases."""
    list_sources: Collection[Source] = ()
    """Sources of hot lists whose hits the reviewer releases."""


async def decide(
    runtime: ApiRuntime, work: UnitOfWork, grant: Grant, request_id: UUID, verdict: ReviewDecision
) -> None:
    """Approve or deny a request.

    Raises: NotFound; NotAuthorised for a person who may not decide; Conflict for a request that awaits no decision,
    or whose agency is barred; InvalidInput for frames or lists that the decision cannot release.
    """
    policy = runtime.policy
    requests = Requests(work.connection)
    found = await requests.lock(request_id)
    if found is None:
        raise NotFound(Code.REQUEST_UNKNOWN)
    facts = await facts_of(runtime, work, found)
    decision = _decision(grant, verdict)
    reviewer = grant.principal
    check_reviewer(facts, reviewer.account_id, reviewer.agency_ori, policy.department.ori)
    check_named(
        decision.originals,
        decision.list_sources,
        approves=decision.decision == "approve",
        pictures=found.criteria.include_images,
    )
    status, decision, event = _decided(found, facts, decision, policy.sharing)
    await requests.decide(request_id, decision)
    if status is not found.status:
        await requests.move(request_id, status)
    await work.emit(event)


async def facts_of(runtime: ApiRuntime, work: UnitOfWork, found: Request) -> RequestFacts:
    """Return the facts of a request for a review; the agency's current state counts beside its state at filing.

    Raises: NotFound for an agency that is not registered.
    """
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
        found.facts,
        restricted=restricted,
        barred=barred,
        account_by=account.by,
        agency_by=registry.by,
        ended=frozenset(filter(runtime.people.has_ended, found.facts.approved_by)),
        provisioners_known=account.known and registry.known,
    )


def _decision(grant: Grant, verdict: ReviewDecision) -> Decision:
    return Decision(
        decision_id=uuid4(),
        decision=verdict.decision,
        reason=verdict.reason,
        decided_by=grant.actor,
        decided_at=grant.now,
        originals=sorted(set(verdict.originals)),
        list_sources=sorted(set(verdict.list_sources)),
    )


def _decided(
    found: Request, facts: RequestFacts, decision: Decision, sharing: Sharing
) -> tuple[RequestStatus, Decision, AdministrativeEvent]:
    """Return the new status, the decision to store, and the event."""
    if decision.decision == "deny":
        return RequestStatus.DENIED, decision, steps.denial(found, decision)
    by = decision.decided_by
    status = after_approval(facts, by.person_id, sharing.refused_citation)
    if status is RequestStatus.FIRST_APPROVED:
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
    approvals = [
        d
        for d in [*found.decisions, filed]
        if d.decision == "approve" and d.decided_by.person_id in facts.counting | {by.person_id}
    ]
    approved = steps.approval(
        found,
        filed,
        expires_at,
        originals=agreed([d.originals for d in approvals]),
        list_sources=agreed([d.list_sources for d in approvals]),
    )
    return status, filed, approved
