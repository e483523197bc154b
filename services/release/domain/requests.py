"""Rules for recipients, reviewers and the steps of a request (policy 468.7)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from services.release.domain.problem_codes import Code
from shared.core.errors import Conflict, InvalidInput, NotAuthorised
from shared.core.types import AgencyKind, Ori
from shared.events import Source

Named = TypeVar("Named", UUID, Source)
"""A capture or a hot-list source that an approver names in a decision."""

RECORDS_POLICY = (
    "requests by agencies that are neither law enforcement nor prosecutorial are processed under "
    "the Records Maintenance and Release Policy (Civil Code 1798.90.55)"
)
RECORDS_CITATION = "Records Maintenance and Release Policy; Civil Code 1798.90.55"


UNKNOWN_PROVISIONERS = (
    "it was not on record who provisioned this account or agency when the first one approved it"
)


class RequestStatus(StrEnum):
    """The status of a request. Refused: by rule, at filing. Denied: by a reviewer. Failed: retention could make no
    package."""

    SUBMITTED = "submitted"
    FIRST_APPROVED = "first_approved"
    APPROVED = "approved"
    PACKAGED = "packaged"
    FAILED = "failed"
    EXPIRED = "expired"
    DENIED = "denied"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


OPEN = frozenset({RequestStatus.SUBMITTED, RequestStatus.FIRST_APPROVED})
"""Statuses in which a request awaits a review."""


class Treatment(StrEnum):
    """How the law lets the department treat a recipient's requests."""

    ORDINARY = "ordinary"
    RESTRICTED = "restricted"
    """Requires a legal-authority document and a second approver."""
    RECORDS_RELEASE = "records_release"
    """Outside this service: the Records Maintenance and Release Policy applies."""


@dataclass(frozen=True)
class Agency:
    """A recipient agency, as the ALPR administrator registered it."""

    ori: Ori
    name: str
    kind: AgencyKind
    state: str
    """ISO 3166-2, e.g. US-CA."""
    contact: str
    active: bool = True


@dataclass(frozen=True)
class Refusal:
    """The reason and the citation of a refusal by rule."""

    problem: Code
    citation: str
    params: Mapping[str, Any]

    @property
    def reason(self) -> str:
        """The text, as it goes on file."""
        return self.problem.fill({**self.params, "citation": self.citation})

    def error(self, request_id: UUID) -> NotAuthorised:
        """Return the answer to the requester, with the id under which the request stays on file."""
        return NotAuthorised(
            self.problem, citation=self.citation, request_id=request_id, **self.params
        )


@dataclass(frozen=True)
class RequestFacts:
    """The facts about a request on which a review depends."""

    status: RequestStatus
    restricted: bool
    filed_by: str
    """Account id."""
    agency_ori: Ori
    has_authority: bool
    barred: bool = False
    """Since filing, the agency was barred or lost the right to request."""
    approved_by: frozenset[str] = frozenset()
    """Account ids of the approvers so far."""
    account_by: frozenset[str] = frozenset()
    """Account ids of the provisioners of the requester's account."""
    agency_by: frozenset[str] = frozenset()
    """Account ids of the people who registered or changed the agency."""
    ended: frozenset[str] = frozenset()
    """Account ids of the approvers so far whose accounts may not act any more."""
    provisioners_known: bool = True
    """Whether both sets of provisioners are complete; False if the account or agency is older than their records."""

    @property
    def provisioners(self) -> frozenset[str]:
        """Account ids of the people who may not decide, and whose earlier approvals count no more."""
        return self.account_by | self.agency_by

    @property
    def counting(self) -> frozenset[str]:
        """Account ids of the approvers so far whose approvals count now."""
        return self.approved_by - self.provisioners - self.ended

    @property
    def approvals_needed(self) -> int:
        """Two for a restricted request, or if one approver might be a provisioner of the requester."""
        return 2 if self.restricted or not self.provisioners_known else 1


def treatment(agency: Agency, recipients: frozenset[str], states: frozenset[str]) -> Treatment:
    """Return the treatment of an agency's requests under the policy's recipients and states."""
    if agency.kind in recipients and agency.state in states:
        return Treatment.ORDINARY
    if agency.kind == "other_public":
        return Treatment.RECORDS_RELEASE
    return Treatment.RESTRICTED


def refusal(
    agency: Agency, how: Treatment, *, has_authority: bool, citation: str
) -> Refusal | None:
    """Return the refusal of a request at filing, or None if it may be reviewed."""
    if how is Treatment.RECORDS_RELEASE:
        return Refusal(Code.RECORDS_POLICY_APPLIES, RECORDS_CITATION, {"policy": RECORDS_POLICY})
    if how is Treatment.RESTRICTED and not has_authority:
        return Refusal(Code.AUTHORITY_NEEDED, citation, {"recipients": _described(agency)})
    return None


def _described(agency: Agency) -> str:
    if agency.kind == "federal":
        return "federal agencies"
    if agency.kind == "private":
        return "private recipients"
    return f"agencies of {agency.state}"


def check_reviewer(
    request: RequestFacts, reviewer: str, reviewer_ori: Ori, department: Ori
) -> None:
    """Check that a person may decide on the request now.

    Raises: NotAuthorised for the requester, people of the requesting agency or of any agency but
    this department, and provisioners of the requester's account or agency (ADR-0025); Conflict
    if the request awaits no decision.
    """
    if reviewer_ori != department or reviewer_ori == request.agency_ori:
        raise NotAuthorised(Code.REVIEWER_OF_ANOTHER_AGENCY)
    if reviewer == request.filed_by:
        raise NotAuthorised(Code.REVIEWER_IS_REQUESTER)
    if reviewer in request.account_by:
        raise NotAuthorised(Code.REVIEWER_PROVISIONED_ACCOUNT)
    if reviewer in request.agency_by:
        raise NotAuthorised(Code.REVIEWER_PROVISIONED_AGENCY)
    if request.status not in OPEN:
        raise Conflict(Code.REQUEST_DECIDED, status=request.status)


def after_approval(request: RequestFacts, reviewer: str, citation: str) -> RequestStatus:
    """Return the status of the request after `reviewer` approves it.

    A first approval does not count if its approver has since become a provisioner of the requester's account or of
    the agency, or if their account has ended since: then one person would decide alone.

    Raises: NotAuthorised if a restricted request lacks its document, or the second of two approvers
    is the first; Conflict if the agency is barred.
    """
    if request.barred:
        raise Conflict(Code.AGENCY_BARRED_SINCE)
    if request.restricted and not request.has_authority:
        raise NotAuthorised(Code.AUTHORITY_NOT_ON_RECORD, citation=citation)
    if reviewer in request.approved_by:
        why = citation if request.restricted else UNKNOWN_PROVISIONERS
        raise NotAuthorised(Code.SECOND_APPROVER_NEEDED, why=why, citation=citation)
    if request.approvals_needed < 2:
        return RequestStatus.APPROVED
    return RequestStatus.APPROVED if request.counting else RequestStatus.FIRST_APPROVED


def check_named(
    originals: Collection[UUID], list_sources: Collection[str], *, approves: bool, pictures: bool
) -> None:
    """Raise InvalidInput if the decision names whole frames or lists that it cannot release."""
    if list_sources and not approves:
        raise InvalidInput(Code.DENIAL_NAMES_LISTS, field="list_sources")
    if originals and not approves:
        raise InvalidInput(Code.DENIAL_NAMES_ORIGINALS, field="originals")
    if originals and not pictures:
        raise InvalidInput(Code.NO_PICTURES_ASKED, field="originals")


def agreed(named: Sequence[Iterable[Named]]) -> list[Named]:
    """Return the items that every approver named; items that only one of two named are not released."""
    return sorted(set.intersection(*map(set, named))) if named else []


def check_download(status: RequestStatus, expires_at: datetime | None, now: datetime) -> None:
    """Raise Conflict unless the package can be downloaded now."""
    if status is RequestStatus.EXPIRED or (expires_at is not None and now >= expires_at):
        raise Conflict(Code.PACKAGE_EXPIRED)
    if status is RequestStatus.APPROVED:
        raise Conflict(Code.PACKAGE_NOT_READY)
    if status is RequestStatus.FAILED:
        raise Conflict(Code.PACKAGE_FAILED)
    if status is not RequestStatus.PACKAGED:
        raise Conflict(Code.PACKAGE_NEVER_MADE, status=status)


def check_treatment(request: RequestFacts, how: Treatment, citation: str) -> None:
    """Raise NotAuthorised if the agency, as it is registered now, may not receive what was approved.

    The approval of an ordinary request covers no agency that has since become one whose requests are restricted.
    """
    if how is Treatment.RECORDS_RELEASE:
        raise NotAuthorised(Code.AGENCY_RESTRICTED_SINCE, citation=RECORDS_CITATION)
    is_covered = request.has_authority and len(request.approved_by) > 1
    if how is Treatment.RESTRICTED and not is_covered:
        raise NotAuthorised(Code.AGENCY_RESTRICTED_SINCE, citation=citation)


def check_recipient(request: RequestFacts, *, filed_it: bool) -> None:
    """Raise NotAuthorised if an approver is, or might be, a provisioner of the downloader's account.

    `request` has the provisioners of the downloader's account; `filed_it` means that the downloader filed it.
    """
    may_be_one = not request.provisioners_known and not filed_it and len(request.approved_by) < 2
    if request.account_by & request.approved_by or may_be_one:
        raise NotAuthorised(Code.RECIPIENT_PROVISIONED_BY_APPROVER)
