"""Files and withdraws written requests for data (policy 468.7(a))."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.release.actions import steps
from services.release.domain.problem_codes import Code
from services.release.domain.requests import (
    OPEN,
    RECORDS_CITATION,
    Agency,
    Refusal,
    RequestStatus,
    refusal,
    treatment,
)
from services.release.domain.scope import check_scope
from services.release.store import Authority, Documents, Filed, Request, Requests, Withdrawal
from shared.access.grant import Grant
from shared.core.errors import Conflict, InvalidInput, NotFound
from shared.core.ids import keyed_id
from shared.core.policy import Policy
from shared.core.problem_codes import Common
from shared.events import ReleaseCriteria
from shared.postgres.unit_of_work import UnitOfWork

_CRITERIA = "body.criteria."


@dataclass(frozen=True, kw_only=True)
class NamedAuthority:
    """Legal authority that a requester names: its reference, and the document that the agency uploaded."""

    reference: str
    document_id: UUID


@dataclass(frozen=True, kw_only=True)
class WrittenRequest:
    """A request as the requester writes it; without a name or title, those of the account apply."""

    requester_name: str | None
    requester_title: str | None
    purpose: str
    purpose_kind: str
    case_number: str
    offence_type: str
    criteria: ReleaseCriteria
    legal_authority: NamedAuthority | None


@dataclass(frozen=True)
class Filing:
    """The id of a filed request, and its refusal by law or policy, if any."""

    request_id: UUID
    refusal: Refusal | None


async def file(
    work: UnitOfWork,
    grant: Grant,
    agency: Agency,
    key: str | None,
    written: WrittenRequest,
    policy: Policy,
) -> Filing:
    """File a request. What the law forbids goes on file as refused.

    With the `key` of an earlier request of the caller it returns that.

    Raises: InvalidInput naming the field, for a request that does not go on file; Conflict if the request with `key` is
    another one.
    """
    _check(written, grant.now, policy)
    authority = await _authority(work, grant, written.legal_authority)
    request_id = keyed_id("release request", grant.actor.person_id, key)
    filed = _filed(request_id, grant, agency, written, authority, policy)
    refused = _refusal(filed, agency, policy)
    requests = Requests(work.connection)
    status = RequestStatus.REFUSED if refused else RequestStatus.SUBMITTED
    if not await requests.file(filed, status):
        known = await _known(requests, filed)
        return Filing(request_id, refused if known.status is RequestStatus.REFUSED else None)
    await work.emit(*steps.filed(filed))
    if refused is not None:
        decision = steps.refused(filed, refused, policy.department.ori)
        await requests.decide(filed.request_id, decision)
        await work.emit(steps.denial(filed, decision))
    return Filing(filed.request_id, refused)


async def withdraw(work: UnitOfWork, grant: Grant, request_id: UUID, reason: str) -> None:
    """Withdraw a request of the caller's agency that is not decided yet; it stays on file.

    Raises: NotFound, also for another agency's request; Conflict for a decided request.
    """
    requests = Requests(work.connection)
    found = await requests.lock(request_id)
    if found is None or found.agency_ori != grant.principal.agency_ori:
        raise NotFound(Code.REQUEST_UNKNOWN)
    if found.status not in OPEN:
        raise Conflict(Code.REQUEST_ENDED, status=found.status)
    withdrawal = Withdrawal(reason=reason, withdrawn_by=grant.actor, withdrawn_at=grant.now)
    await requests.withdraw(request_id, withdrawal)
    await work.emit(steps.step(request_id, grant.actor, grant.now, "withdrawn", reason=reason))


def _check(written: WrittenRequest, now: datetime, policy: Policy) -> None:
    """Raise InvalidInput, naming the field, for a request that does not go on file.

    One for a prohibited purpose goes on file as refused, however little it says and however wide it is.
    """
    known = policy.purposes.allowed | policy.purposes.prohibited.keys()
    if written.purpose_kind not in known:
        allowed = sorted(policy.purposes.allowed)
        raise InvalidInput(Code.RELEASE_PURPOSE_UNKNOWN, field="body.purpose_kind", allowed=allowed)
    if written.purpose_kind in policy.purposes.prohibited:
        return
    shortest = policy.purposes.minimum_justification_characters
    if len(written.purpose) < shortest:
        raise InvalidInput(
            Code.RELEASE_PURPOSE_SHORT, field="body.purpose", min_characters=shortest
        )
    if written.criteria.captured_from > now:
        raise InvalidInput(Code.RELEASE_FROM_AHEAD, field=f"{_CRITERIA}captured_from")
    check_scope(written.criteria, policy.narrowness, at=_CRITERIA)


async def _authority(
    work: UnitOfWork, grant: Grant, named: NamedAuthority | None
) -> Authority | None:
    if named is None:
        return None
    documents = Documents(work.connection)
    document = await documents.of_agency(named.document_id, grant.principal.agency_ori)
    if document is None:
        raise InvalidInput(Code.DOCUMENT_OF_NO_UPLOAD, field="body.legal_authority.document_id")
    return Authority(named.reference, document.document_id, document.sha256)


async def _known(requests: Requests, filed: Filed) -> Request:
    """Return the request on file with the id of `filed`. Raises: Conflict if it is another one."""
    known = await requests.lock(filed.request_id)
    same = ("agency_ori", *WrittenRequest.__dataclass_fields__)
    if known is None or any(getattr(known, name) != getattr(filed, name) for name in same):
        raise Conflict(Common.KEY_REUSED)
    return known


def _filed(
    request_id: UUID,
    grant: Grant,
    agency: Agency,
    written: WrittenRequest,
    authority: Authority | None,
    policy: Policy,
) -> Filed:
    how = treatment(agency, policy.sharing.recipients, policy.sharing.states)
    return Filed(
        request_id=request_id,
        agency_ori=agency.ori,
        agency_name=agency.name,
        agency_kind=agency.kind,
        agency_state=agency.state,
        filed_by=grant.actor,
        filed_at=grant.now,
        requester_name=written.requester_name or grant.principal.name,
        requester_title=written.requester_title or grant.principal.title,
        purpose=written.purpose,
        purpose_kind=written.purpose_kind,
        case_number=written.case_number,
        offence_type=written.offence_type,
        criteria=written.criteria,
        restricted=how == "restricted",
        legal_authority=authority,
    )


def _refusal(filed: Filed, agency: Agency, policy: Policy) -> Refusal | None:
    """Return the refusal of a request by law or policy, or None."""
    sharing = policy.sharing
    how = treatment(agency, sharing.recipients, sharing.states)
    refused = refusal(
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
