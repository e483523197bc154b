"""The audit log's own events: checkpoints, erased values, findings and audits; and changes of signing keys."""

from datetime import date, datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

from shared.events.access import PurposeRecord
from shared.events.base import Actor, AdministrativeEvent, Event, Sealing


class CheckpointSigned(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The signed audit log at one size; once published, it exposes any later change of the entries before it."""

    TOPIC: ClassVar[str] = "alpr.checkpoint.signed"

    origin: str
    size: int
    root_hash: str  # base64
    note: str  # the signed note, whole


class ValuesErased(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The audit log erased the sealed values of the records that a purge run destroyed (docs/audit-log.md)."""

    TOPIC: ClassVar[str] = "alpr.values.erased"
    KEYED_BY: ClassVar[str] = "run_id"

    run_id: UUID
    purged_event_id: UUID  # of the `records.purged` entry that this follows
    before: datetime  # the run destroyed records captured before this
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


class ValuesExported(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """An export of the audit log includes its sealed values; in the log before the first byte is sent."""

    TOPIC: ClassVar[str] = "alpr.values.exported"
    KEYED_BY: ClassVar[str] = "attempt_id"  # so that it stays in order with its access record

    attempt_id: UUID  # of the access attempt
    purpose: PurposeRecord
    request_id: str
    origin: str  # of the log
    first: int  # entries first to end - 1
    end: int
    values: int  # groups of values exported; of the log before this one, entries
    old_log: bool = False  # the log before this one, whose entries have them in plaintext


class LogClosed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Entry 0 of a log that continues another; commits to the end of that one."""

    TOPIC: ClassVar[str] = "alpr.log.closed"

    origin: str  # of the log that ended
    size: int
    root_hash: str  # base64
    note: str  # its last checkpoint, signed, whole
    export_sha256: str | None = None  # of its export to that checkpoint, lower-case hex


class LogDestroyed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The whole previous log was destroyed, by the schedule of access records."""

    TOPIC: ClassVar[str] = "alpr.log.destroyed"

    actor: Actor  # the software
    origin: str  # of the destroyed log
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
        "verified_seq",
        "why",
    ]
)
"""Details that stay in the log: figures, and numbers of entries. The log seals all others, among them plates,
cameras, times and object keys."""


class FindingRaised(Event, frozen=True, kw_only=True, omit_defaults=True):
    """An observation that an auditor is asked to review (policy 468.3.1(c))."""

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
    captured_on: date | None = None  # UTC; of the sighting that it concerns, if any


class FindingChanged(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A finding was worked: assigned, commented on or closed, and by whom."""

    TOPIC: ClassVar[str] = "alpr.finding.changed"
    KEYED_BY: ClassVar[str] = "finding_id"

    finding_id: UUID
    change: Literal["assigned", "commented", "closed"]
    details: dict[str, str] = {}


class AuditChanged(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A step of a periodic audit of accesses (policy 468.6(c)): drawn, reviewed, signed off."""

    TOPIC: ClassVar[str] = "alpr.audit.changed"
    KEYED_BY: ClassVar[str] = "audit_id"

    audit_id: UUID
    change: Literal["drawn", "item_reviewed", "signed_off"]
    details: dict[str, str] = {}


class PeriodFixed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A period of the audit plan has ended; its accesses are those that the log held until this entry."""

    TOPIC: ClassVar[str] = "alpr.period.fixed"

    occurred_from: datetime
    occurred_to: datetime  # not included


class SigningKeyChanged(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A service signs with a new key from now on; the old key vouches for it.

    Of checkpoints: the entry of this event is the last that the old key's checkpoints cover. Of packages
    and certificates: `statement` is signed by the old key.
    """

    TOPIC: ClassVar[str] = "alpr.signing_key.changed"
    KEYED_BY: ClassVar[str] = "signs"

    signs: Literal["checkpoints", "packages"]
    old_key: str  # public: name+hash+key of checkpoints, PEM of packages
    new_key: str
    reason: str
    statement: dict[str, Any] | None = None
