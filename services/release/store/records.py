"""The records of the file of requests, as Python objects."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from services.release.domain.requests import RequestFacts, RequestStatus
from shared.core.types import AgencyKind, Ori
from shared.events import Actor, ReleaseCriteria, Source


class Authority(msgspec.Struct, frozen=True):
    """Legal authority on record: its reference, and the document that proves it."""

    reference: str
    document_id: UUID
    sha256: str


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """One decision. `refuse` is by rule, at filing."""

    decision_id: UUID
    decision: Literal["approve", "deny", "refuse"]
    reason: str
    decided_by: Actor
    decided_at: datetime
    citation: str | None = None
    expires_at: datetime | None = None
    originals: list[UUID] = []
    """Captures whose whole frames this approver releases."""
    list_sources: list[Source] = []
    """Sources of hot lists whose hits this approver releases."""


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """The package that retention built."""

    package_key: str
    sha256: str
    size_bytes: int
    reads: int
    images: int
    manifest_signed_by: str
    packaged_at: datetime
    omitted: int = 0


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """The reason why retention could make no package."""

    reason: str
    failed_at: datetime


class Withdrawal(msgspec.Struct, frozen=True, kw_only=True):
    """A withdrawal by a person of the requesting agency."""

    reason: str
    withdrawn_by: Actor
    withdrawn_at: datetime


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """Proof that a person downloaded the whole package."""

    receipt_id: UUID
    received_by: Actor
    received_at: datetime
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Filed:
    """A written request as filed (policy 468.7(a)); immutable."""

    request_id: UUID
    agency_ori: Ori
    agency_name: str
    agency_kind: AgencyKind
    agency_state: str
    filed_by: Actor
    filed_at: datetime
    requester_name: str
    requester_title: str
    purpose: str
    purpose_kind: str
    case_number: str
    offence_type: str
    criteria: ReleaseCriteria
    restricted: bool
    legal_authority: Authority | None


@dataclass(frozen=True, kw_only=True)
class Request(Filed):
    """A request with its status, decisions, package, withdrawal and receipts."""

    status: RequestStatus
    decisions: list[Decision]
    package: Package | None
    failure: Failure | None
    withdrawal: Withdrawal | None
    """None also for a request that was withdrawn before this was stored."""
    receipts: list[Receipt]

    @property
    def expires_at(self) -> datetime | None:
        """The end of the download; None before approval."""
        return next((d.expires_at for d in self.decisions if d.expires_at is not None), None)

    @property
    def facts(self) -> RequestFacts:
        """The facts for a review that the file contains."""
        return RequestFacts(
            status=self.status,
            restricted=self.restricted,
            filed_by=self.filed_by.person_id,
            agency_ori=self.agency_ori,
            has_authority=self.legal_authority is not None,
            approved_by=frozenset(
                d.decided_by.person_id for d in self.decisions if d.decision == "approve"
            ),
        )
