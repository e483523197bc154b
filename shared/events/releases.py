"""Written requests of other agencies, from filing to receipt."""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

import msgspec

from shared.core.types import AgencyKind, Ori, Source
from shared.events.base import Actor, AdministrativeEvent, Event


class ReleaseCriteria(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The criteria of a request; the package holds exactly the records that match."""

    captured_from: datetime
    captured_to: datetime
    plate: str | None = None  # exact, or with * and ?
    device_ids: list[UUID] = []
    include_images: bool = True


class ReleaseRequested(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """Another agency filed a written request (policy 468.7(a))."""

    TOPIC: ClassVar[str] = "alpr.release.requested"
    VERSION: ClassVar[int] = 2
    KEYED_BY: ClassVar[str] = "request_id"

    request_id: UUID
    agency_ori: Ori
    agency_name: str
    requester_name: str
    requester_title: str
    purpose: str
    purpose_kind: str | None = None
    case_number: str | None = None
    offence_type: str | None = None
    criteria: ReleaseCriteria | None = None
    agency_kind: AgencyKind | None = None  # when it filed; None in older events


class ReleaseChanged(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A step of a request that has no event of its own."""

    TOPIC: ClassVar[str] = "alpr.release.changed"
    KEYED_BY: ClassVar[str] = "request_id"

    request_id: UUID
    change: Literal["authority_recorded", "first_approved", "withdrawn", "expired"]
    details: dict[str, str] = {}


class ReleaseApproved(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A request was reviewed and approved; `retention` builds the package (policy 468.7(b))."""

    TOPIC: ClassVar[str] = "alpr.release.approved"
    KEYED_BY: ClassVar[str] = "request_id"

    request_id: UUID
    agency_ori: Ori
    agency_name: str
    requester: Actor
    purpose: str
    criteria: ReleaseCriteria
    expires_at: datetime  # of the package's download
    case_number: str | None = None
    offence_type: str | None = None
    originals: list[UUID] = []  # captures that every approver named, released as whole frames
    list_sources: list[Source] = []  # the package has hits of lists of these sources only
    agency_kind: AgencyKind | None = None  # as of `ReleaseRequested`
    # As `ReleaseRequested` has them, and why it was approved; None in older events.
    requester_name: str | None = None
    requester_title: str | None = None
    reason: str | None = None


class ReleaseDenied(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A request was denied by a reviewer or refused by rule, with the reason."""

    TOPIC: ClassVar[str] = "alpr.release.denied"
    KEYED_BY: ClassVar[str] = "request_id"

    request_id: UUID
    reason: str
    citation: str | None = None
    agency_kind: AgencyKind | None = None  # as of `ReleaseRequested`


class ReleasePackaged(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The package of an approved request is in the object store."""

    TOPIC: ClassVar[str] = "alpr.release.packaged"
    KEYED_BY: ClassVar[str] = "request_id"

    request_id: UUID
    package_key: str
    sha256: str
    size_bytes: int
    reads: int
    images: int
    manifest_signed_by: str  # key id
    omitted: int = 0  # pictures left out; the package names each with the reason


class ReleaseFailed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Retention could make no package of an approved request, and does not retry. The agency may file anew."""

    TOPIC: ClassVar[str] = "alpr.release.failed"
    KEYED_BY: ClassVar[str] = "request_id"

    request_id: UUID
    reason: str  # for the requester and the reviewer; never a plate


class ReleaseReceived(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The requester downloaded the package (policy 468.7: receipt recorded)."""

    TOPIC: ClassVar[str] = "alpr.release.received"
    KEYED_BY: ClassVar[str] = "request_id"

    request_id: UUID
    sha256: str


class ReleaseLapsed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The file of a request has been kept for its time; `retention` answers unless a hold may concern it (ADR-0120)."""

    TOPIC: ClassVar[str] = "alpr.release.lapsed"
    KEYED_BY: ClassVar[str] = "request_id"

    request_id: UUID
    case_number: str
    criteria: ReleaseCriteria


class ReleaseFreed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """No hold in force concerns the file of a lapsed request: `release` destroys it."""

    TOPIC: ClassVar[str] = "alpr.release.freed"
    KEYED_BY: ClassVar[str] = "request_id"

    request_id: UUID


class ReleaseDestroyed(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The file of a request was destroyed at the end of its time (policy 468.7(c), Government Code 34090(d))."""

    TOPIC: ClassVar[str] = "alpr.release.destroyed"
    KEYED_BY: ClassVar[str] = "request_id"

    request_id: UUID
    agency_ori: Ori
    status: str  # at the end
    decisions: int
    receipts: int
    document_id: UUID | None = None  # destroyed once no request names it
    package_sha256: str | None = None
    last_act_at: datetime
    kept_years: int  # from then on, by the policy
    schedule_id: str
    resolution_id: str
    attorney_consent_id: str


class DocumentDestroyed(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A document that no request on file names was destroyed at the end of its time."""

    TOPIC: ClassVar[str] = "alpr.document.destroyed"
    KEYED_BY: ClassVar[str] = "document_id"

    document_id: UUID
    agency_ori: Ori
    sha256: str
    uploaded_at: datetime
    kept_years: int  # from then on, by the policy
    schedule_id: str
    resolution_id: str
    attorney_consent_id: str


class AgencyChanged(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A recipient agency was registered or changed."""

    TOPIC: ClassVar[str] = "alpr.agency.changed"
    KEYED_BY: ClassVar[str] = "agency_ori"

    agency_ori: Ori
    change: str
    details: dict[str, str] = {}
