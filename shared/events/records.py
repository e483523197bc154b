"""Holds, purges, releases and the audit log's own events."""

from datetime import date, datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

import msgspec

from shared.core.types import Ori, Source
from shared.events.access import PurposeRecord
from shared.events.base import Actor, AdministrativeEvent, Event, Sealing


class HoldChanged(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A hold that keeps matching records, present and future, was placed, confirmed or lifted."""

    TOPIC: ClassVar[str] = "alpr.hold.changed"

    hold_id: UUID
    change: Literal["placed", "confirmed", "released"]
    basis: str  # evidence, civil_action, criminal_action, discovery, lawful_demand, exculpatory
    case_number: str
    criteria: dict[str, Any] = {}

    @property
    def key(self) -> str:
        """The hold."""
        return str(self.hold_id)


class EvidenceChanged(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A step of an export of held records, up to a copy's booking into evidence (policy 468.5)."""

    TOPIC: ClassVar[str] = "alpr.evidence.changed"
    SEALED: ClassVar[Sealing | None] = Sealing(
        group="details",
        open=frozenset(["actor", "export_id", "hold_id", "change", "case_number"]),
        inside={
            "details": frozenset(
                [
                    "attempt_id",
                    "captures",
                    "images",
                    "omitted",
                    "reads",
                    "reason",
                    "sha256",
                    "signed_by",
                    "size_bytes",
                ]
            )
        },
    )

    export_id: UUID
    hold_id: UUID
    change: Literal["requested", "packaged", "failed", "downloaded", "withdrawn"]
    case_number: str
    details: dict[str, Any] = {}

    @property
    def key(self) -> str:
        """The export."""
        return str(self.export_id)


class EvidenceBooked(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A copy of held records on portable media was booked into evidence, or a booking corrected."""

    TOPIC: ClassVar[str] = "alpr.evidence.booked"

    booking_id: UUID
    export_id: UUID
    hold_id: UUID
    case_number: str
    evidence_number: str
    custodian_name: str  # who received the medium
    custodian_title: str
    media_description: str
    media_serial: str
    sha256: str  # of the copy as read back, and of the package
    corrects: UUID | None = None  # the booking that this one takes the place of

    @property
    def key(self) -> str:
        """The export."""
        return str(self.export_id)


class PurgeChanged(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A step of a purge run: proposed, authorised, refused, executed, certified."""

    TOPIC: ClassVar[str] = "alpr.purge.changed"
    SEALED: ClassVar[Sealing | None] = Sealing(
        group="details",
        open=frozenset(["actor", "run_id", "change"]),
        inside={
            "details": frozenset(
                [
                    "basis",
                    "before",
                    "captures",
                    "certificate_sha256",
                    "checkpoint",
                    "key_id",
                    "kept_under_hold",
                    "kind",
                    "months_dropped",
                    "objects",
                    "policy_digest",
                    "route",
                    "purged_root",
                    "reads",
                    "reason",
                    "without_record",
                ]
            )
        },
    )

    run_id: UUID
    change: Literal["proposed", "authorised", "refused", "executed", "certified"]
    details: dict[str, Any] = {}

    @property
    def key(self) -> str:
        """The run."""
        return str(self.run_id)


class PurgeList(msgspec.Struct, frozen=True, kw_only=True):
    """Where the list of a run's records lies, and what proves it (docs/purge-list.md)."""

    key: str  # of the manifest in the object store
    sha256: str  # of the manifest, lower-case hex
    purged: int  # captures and reads that are gone
    purged_root: str  # Merkle tree hash over their lines (RFC 6962), lower-case hex
    held: int  # captures and reads from before that holds keep
    held_root: str


class RecordsPurged(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Records older than `before` are gone, save held ones; others drop what they keep of them."""

    TOPIC: ClassVar[str] = "alpr.records.purged"

    run_id: UUID
    before: datetime
    reads: int
    captures: int
    objects: int
    kept_under_hold: int
    purge_list: PurgeList | None = None  # None from runs of before there were lists


class ReleaseCriteria(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a request may receive: the package is scoped to exactly this."""

    captured_from: datetime
    captured_to: datetime
    plate: str | None = None  # exact, or with * and ?
    device_ids: list[UUID] = []
    include_images: bool = True


class ReleaseRequested(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """Another agency asked in writing (policy 468.7(a))."""

    TOPIC: ClassVar[str] = "alpr.release.requested"
    VERSION: ClassVar[int] = 2

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

    @property
    def key(self) -> str:
        """The request."""
        return str(self.request_id)


class ReleaseChanged(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A step of a request that has no event of its own."""

    TOPIC: ClassVar[str] = "alpr.release.changed"

    request_id: UUID
    change: Literal["authority_recorded", "first_approved", "withdrawn", "expired"]
    details: dict[str, str] = {}

    @property
    def key(self) -> str:
        """The request."""
        return str(self.request_id)


class ReleaseApproved(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A request was reviewed and approved; `retention` builds the package (policy 468.7(b))."""

    TOPIC: ClassVar[str] = "alpr.release.approved"

    request_id: UUID
    agency_ori: Ori
    agency_name: str
    requester: Actor
    purpose: str
    criteria: ReleaseCriteria
    expires_at: datetime  # of the package's download
    case_number: str | None = None
    offence_type: str | None = None
    originals: list[UUID] = []  # captures that every approver named, handed over whole
    list_sources: list[Source] = []  # hits of lists of these go into the package, of others none

    @property
    def key(self) -> str:
        """The request."""
        return str(self.request_id)


class ReleaseDenied(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A request was refused, and why."""

    TOPIC: ClassVar[str] = "alpr.release.denied"

    request_id: UUID
    reason: str
    citation: str | None = None

    @property
    def key(self) -> str:
        """The request."""
        return str(self.request_id)


class ReleasePackaged(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The package of an approved request is in the object store."""

    TOPIC: ClassVar[str] = "alpr.release.packaged"

    request_id: UUID
    package_key: str
    sha256: str
    size_bytes: int
    reads: int
    images: int
    manifest_signed_by: str  # key id
    omitted: int = 0  # pictures that are not in it; the package names each with the reason

    @property
    def key(self) -> str:
        """The request."""
        return str(self.request_id)


class ReleaseFailed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """No package can be made of an approved request; nobody tries again. The agency may file anew."""

    TOPIC: ClassVar[str] = "alpr.release.failed"

    request_id: UUID
    reason: str  # for the requester and the reviewer; never a plate

    @property
    def key(self) -> str:
        """The request."""
        return str(self.request_id)


class ReleaseReceived(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The requester downloaded the package (policy 468.7: receipt recorded)."""

    TOPIC: ClassVar[str] = "alpr.release.received"

    request_id: UUID
    sha256: str

    @property
    def key(self) -> str:
        """The request."""
        return str(self.request_id)


class AgencyChanged(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A recipient agency was registered or changed."""

    TOPIC: ClassVar[str] = "alpr.agency.changed"

    agency_ori: Ori
    change: str
    details: dict[str, str] = {}

    @property
    def key(self) -> str:
        """The agency."""
        return str(self.agency_ori)


class CheckpointSigned(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The audit log at one size: publish it, and nobody can rewrite what came before."""

    TOPIC: ClassVar[str] = "alpr.checkpoint.signed"

    origin: str
    size: int
    root_hash: str  # base64
    note: str  # the signed note, whole


class ValuesErased(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The audit log erased its sealed values of what a purge run destroyed (docs/audit-log.md)."""

    TOPIC: ClassVar[str] = "alpr.values.erased"

    run_id: UUID
    purged_event_id: UUID  # of the `records.purged` entry that this follows
    before: datetime  # the run destroyed what was captured before this
    groups: int  # of which all or some was erased
    records: int  # single disclosed records among that
    list_sha256: str  # lower-case hex, over the lines that name what was erased
    captured_from: date | None = None  # first and last capture day of it
    captured_to: date | None = None
    certificate_sha256: (
        str  # of the run's certificate of destruction, canonical JSON, lower-case hex
    )
    purged_root: str  # of the purge list, as the certificate has it
    held_root: str

    @property
    def key(self) -> str:
        """The run."""
        return str(self.run_id)


class ValuesExported(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """An export of the audit log took its sealed values along; in the log before a byte leaves."""

    TOPIC: ClassVar[str] = "alpr.values.exported"

    attempt_id: UUID  # of the access attempt
    purpose: PurposeRecord
    request_id: str
    origin: str  # of the log
    first: int  # entries first to end - 1
    end: int
    values: int  # groups of values that were there; entries, of the log before this one
    old_log: bool = False  # the log before this one, whose entries have them in plaintext

    @property
    def key(self) -> str:
        """The attempt, so that it stays in order with its access record."""
        return str(self.attempt_id)


class LogClosed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Entry 0 of a log that goes on from another: commits to where that one ended."""

    TOPIC: ClassVar[str] = "alpr.log.closed"

    origin: str  # of the log that ended
    size: int
    root_hash: str  # base64
    note: str  # its last checkpoint, signed, whole
    export_sha256: str | None = None  # of its export to that checkpoint, lower-case hex


class LogDestroyed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The log before this one was destroyed whole, on the schedule of access records."""

    TOPIC: ClassVar[str] = "alpr.log.destroyed"

    actor: Actor  # the software
    origin: str  # of the log that is gone
    size: int
    root_hash: str  # base64, as in `log.closed`
    newest_at: datetime  # when its last entry was appended
    kept_years: int  # from then on, by the policy
    schedule_id: str
    resolution_id: str
    attorney_consent_id: str


OPEN_IN_FINDINGS = frozenset(
    [
        "account_id",
        "attempt_id",
        "audit_id",
        "cases",
        "claimed_source",
        "count",
        "days",
        "delay_s",
        "digests",
        "door",
        "due_after_days",
        "event_id",
        "event_kind",
        "fault",
        "first_seq",
        "kafka_place",
        "key_owner",
        "leaf_hash_kept",
        "leaf_hash_refused",
        "limit",
        "limit_percent",
        "minutes",
        "pairs",
        "policy_digest",
        "route",
        "seq",
        "service",
        "since",
        "topic",
        "used_percent",
        "why",
    ]
)
"""Details that stay in the log: figures, and numbers of entries. Plates, cameras, times and object
keys are sealed, and so is what is not named here."""


class FindingRaised(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Something an auditor should look at (policy 468.3.1(c))."""

    TOPIC: ClassVar[str] = "alpr.finding.raised"
    SEALED: ClassVar[Sealing | None] = Sealing(
        group="details",
        open=frozenset(["finding_id", "kind", "subject", "captured_on"]),
        inside={"details": OPEN_IN_FINDINGS},
        day="captured_on",
    )

    finding_id: UUID
    kind: str
    subject: str
    details: dict[str, Any] = {}
    captured_on: date | None = None  # UTC; of the sighting that it tells of, where it tells of one


class FindingChanged(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A finding was worked: assigned, commented on or closed, and by whom."""

    TOPIC: ClassVar[str] = "alpr.finding.changed"

    finding_id: UUID
    change: Literal["assigned", "commented", "closed"]
    details: dict[str, str] = {}

    @property
    def key(self) -> str:
        """The finding."""
        return str(self.finding_id)


class AuditChanged(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A step of a periodic audit of accesses (policy 468.6(c)): drawn, reviewed, signed off."""

    TOPIC: ClassVar[str] = "alpr.audit.changed"

    audit_id: UUID
    change: Literal["drawn", "item_reviewed", "signed_off"]
    details: dict[str, str] = {}

    @property
    def key(self) -> str:
        """The audit."""
        return str(self.audit_id)


class PeriodFixed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A period of the audit plan has ended; its accesses are those that the log held until this entry."""

    TOPIC: ClassVar[str] = "alpr.period.fixed"

    occurred_from: datetime
    occurred_to: datetime  # not included


class SigningKeyChanged(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A service signs with another key from now on; the key before it vouches for that.

    Of checkpoints: the entry of this event is the last that the old key's checkpoints cover. Of packages
    and certificates: `statement` is signed by the old key.
    """

    TOPIC: ClassVar[str] = "alpr.signing_key.changed"

    signs: Literal["checkpoints", "packages"]
    old_key: str  # public: name+hash+key of checkpoints, PEM of packages
    new_key: str
    reason: str
    statement: dict[str, Any] | None = None

    @property
    def key(self) -> str:
        """What is signed with the key."""
        return self.signs
