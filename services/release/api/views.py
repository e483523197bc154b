"""Response models."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Literal
from uuid import UUID

from fastapi import Request as HttpRequest
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from services.release.domain.problem_codes import Code
from services.release.domain.requests import (
    OPEN,
    Agency,
    RequestFacts,
    RequestStatus,
    treatment,
)
from services.release.store import Request
from shared.core.errors import NotFound
from shared.core.policy import Sharing
from shared.core.types import AgencyKind
from shared.events import Source
from shared.http.models import Page, PersonOut
from shared.service.api_runtime import runtime_of


class AgencyOut(BaseModel):
    """An agency as registered. `treatment`: how the policy treats its requests."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "ori": "CA0500000",
                    "name": "Tehama County Sheriff",
                    "kind": "law_enforcement",
                    "state": "US-CA",
                    "contact": "records@tehama.example",
                    "active": True,
                    "treatment": "ordinary",
                }
            ]
        }
    )

    ori: str
    name: str
    kind: AgencyKind
    state: str
    contact: str
    active: bool
    treatment: Literal["ordinary", "restricted", "records_release"]

    @classmethod
    def of(cls, agency: Agency, sharing: Sharing) -> "AgencyOut":
        """Return the view of an agency under the policy's sharing rules."""
        how = treatment(agency, sharing.recipients, sharing.states)
        return cls(**asdict(agency), treatment=how.value)


class DocumentOut(BaseModel):
    """An uploaded document, with its digest."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "document_id": "0a6e6cf4-6f43-4b4a-8a43-6a7a35a3f1c2",
                    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                    "size_bytes": 48213,
                    "media_type": "application/pdf",
                }
            ]
        }
    )

    document_id: UUID
    sha256: str
    size_bytes: int
    media_type: str


class AuthorityOut(BaseModel):
    """Legal authority on record."""

    reference: str
    document_id: UUID
    sha256: str


class DecisionOut(BaseModel):
    """A decision on file. `refuse`: by rule, at filing."""

    decision: Literal["approve", "deny", "refuse"]
    reason: str
    citation: str | None
    decided_by: PersonOut
    decided_at: datetime
    originals: list[UUID] = Field(
        default=[], description="Captures that this approver named, whose frames are released whole"
    )
    list_sources: list[Source] = Field(
        default=[], description="Sources of hot lists whose hits this approver named"
    )


class PackageOut(BaseModel):
    """The package of an approved request."""

    sha256: str
    size_bytes: int
    reads: int
    images: int
    omitted: int = Field(
        default=0,
        description="Number of pictures left out (missing, different from the recorded one, or impossible to cut)"
        " and of reads that were corrected to another plate. `omitted.csv` in the package names each with its reason",
    )
    manifest_signed_by: str
    packaged_at: datetime


class FailureOut(BaseModel):
    """The reason why an approved request cannot be packaged."""

    reason: str
    failed_at: datetime


class WithdrawalOut(BaseModel):
    """The withdrawal of a request by a person of its agency."""

    reason: str
    withdrawn_by: PersonOut
    withdrawn_at: datetime


class CriteriaOut(BaseModel):
    """The criteria as filed."""

    captured_from: datetime
    captured_to: datetime
    plate: str | None
    device_ids: list[UUID]
    include_images: bool


class ReceiptOut(BaseModel):
    """Proof that a person downloaded the package."""

    received_by: PersonOut
    received_at: datetime
    sha256: str


APPROVED: dict[str, JsonValue] = {
    "request_id": "7d5f7c1e-2c0c-4b0e-9c39-1c7a6f0f2b11",
    "status": "packaged",
    "agency_ori": "CA0500000",
    "agency_name": "Tehama County Sheriff",
    "agency_kind": "law_enforcement",
    "agency_state": "US-CA",
    "filed_by": {
        "person_id": "3f0c6f5e-9a53-4a53-8f0a-0f4f2d1e7a01",
        "name": "Dana Ruiz",
        "title": "Agency Requester",
        "agency_ori": "CA0500000",
    },
    "filed_at": "2026-05-03T09:00:00Z",
    "requester_name": "Dana Ruiz",
    "requester_title": "Detective",
    "purpose": "Locate the vehicle that left the scene of a robbery",
    "purpose_kind": "criminal_investigation",
    "case_number": "TCS-26-0417",
    "offence_type": "robbery",
    "criteria": {
        "captured_from": "2026-05-01T00:00:00Z",
        "captured_to": "2026-05-02T00:00:00Z",
        "plate": "7ABC123",
        "device_ids": [],
        "include_images": True,
    },
    "restricted": False,
    "legal_authority": None,
    "decisions": [
        {
            "decision": "approve",
            "reason": "Robbery case, scoped to one plate",
            "citation": None,
            "decided_by": {
                "person_id": "b1b7a1de-8d1c-4a57-9d7e-5c0f5b2f4c02",
                "name": "Sgt. Lee",
                "title": "Administration Sergeant",
                "agency_ori": "CA0520100",
            },
            "decided_at": "2026-05-03T10:30:00Z",
        }
    ],
    "expires_at": "2026-05-17T10:30:00Z",
    "package": {
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "size_bytes": 183220,
        "reads": 3,
        "images": 3,
        "manifest_signed_by": "retention-2026-1",
        "packaged_at": "2026-05-03T10:30:02Z",
    },
    "failure": None,
    "receipts": [],
}


class ReviewOut(BaseModel):
    """The requirements for a decision on an open request."""

    approvals_needed: int
    approvals: int = Field(
        description="Approvals so far that count: not those of people who have since created, invited or changed the"
        " requester's account or changed the agency, or whose accounts have ended"
    )
    not_by: list[str] = Field(
        description="Account ids of the people who created, invited or changed the requester's account, or"
        " registered or changed the agency; they may not decide"
    )


class RequestOut(BaseModel):
    """A request with its status, decisions, package and receipts."""

    model_config = ConfigDict(json_schema_extra={"examples": [APPROVED]})

    request_id: UUID
    status: RequestStatus
    agency_ori: str
    agency_name: str
    agency_kind: str
    agency_state: str
    filed_by: PersonOut
    filed_at: datetime
    requester_name: str
    requester_title: str
    purpose: str
    purpose_kind: str
    case_number: str
    offence_type: str
    criteria: CriteriaOut
    restricted: bool = Field(description="Needs a legal-authority document and a second approver")
    legal_authority: AuthorityOut | None
    decisions: list[DecisionOut]
    expires_at: datetime | None = Field(description="The end of the package's download")
    package: PackageOut | None
    failure: FailureOut | None
    withdrawal: WithdrawalOut | None = Field(
        default=None,
        description="Null also for a request that was withdrawn before who withdrew it was stored",
    )
    receipts: list[ReceiptOut]
    review: ReviewOut | None = Field(
        default=None, description="Null in lists, for the requester, and once it is decided"
    )
    checkpoint: str | None = Field(
        default=None,
        description="The newest signed checkpoint of the audit log, a signed note; null in lists, and"
        " before the first one",
    )


class WaitingStateOut(BaseModel):
    """Requests of one status that await a decision."""

    status: RequestStatus
    count: int
    oldest_at: datetime
    """Filing time of the oldest."""


class WaitingRequestsOut(BaseModel):
    """Counts and ages of requests that await a decision; shows no request."""

    count: int
    oldest_at: datetime | None
    states: list[WaitingStateOut]


def request_out(
    found: Request | None, asked: HttpRequest, facts: RequestFacts | None = None
) -> RequestOut:
    """Return the response model of a request, with the newest checkpoint. Raises: NotFound if there is no request.

    `facts` adds the facts that a reviewer needs.
    """
    out = _out(found)
    if facts is not None and out.status in OPEN:
        out.review = ReviewOut(
            approvals_needed=facts.approvals_needed,
            approvals=len(facts.counting),
            not_by=sorted(facts.provisioners),
        )
    out.checkpoint = runtime_of(asked).agreement.checkpoint.note
    return out


def _out(found: Request | None) -> RequestOut:
    if found is None:
        raise NotFound(Code.REQUEST_UNKNOWN)
    return RequestOut.model_validate(found, from_attributes=True)


def page_out(found: Sequence[Request], limit: int) -> Page[RequestOut]:
    """Return one page; a full page names the start of the next."""
    following = found[-1].request_id if len(found) == limit else None
    return Page.of([_out(request) for request in found], last=following)
