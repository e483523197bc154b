"""Response models."""

from base64 import b64encode
from collections import Counter
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from services.audit.actions.audits import EndedPeriod
from services.audit.actions.breach import Reach
from services.audit.actions.proofs import Consistency, Inclusion, LogKey
from services.audit.api.fields import BreachQuery
from services.audit.domain.audits import Audit, ItemOutcome
from services.audit.domain.findings import Finding, FindingChange, FindingStatus
from services.audit.domain.policies import Role
from services.audit.domain.sealing import value_of
from services.audit.store.log import Row
from services.audit.store.policies import LoadedPolicy
from shared.http.models import PersonOut

EXAMPLE_DIGEST = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"

EXAMPLE_ENTRY: dict[str, JsonValue] = {
    "seq": 4711,
    "event_id": "0f4a1e0e-7a53-4d4f-9f0c-0a3d5a6b7c8d",
    "kind": "access.attempted",
    "occurred_at": "2026-05-01T08:15:30.120Z",
    "appended_at": "2026-05-01T08:15:30.160Z",
    "service": "retention",
    "person_id": "7b0e6a52-9c5d-4c0b-8d6e-0f6f3c1c9a11",
    "person_name": "Officer Seven",
    "permission": "record:search",
    "allowed": True,
    "purpose_kind": "criminal_investigation",
    "case_number": "26-001234",
    "plates": ["7ABC123"],
    "request_id": "d0a9a0a4-4b55-4a51-8f57-1a2b3c4d5e6f",
    "leaf_hash": "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "entry_hash": "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    "event": {"specversion": "1.0", "type": "alpr.access.attempted.v1", "data": {"allowed": True}},
    "entry": None,
}


class PeriodOut(BaseModel):
    """A period of the audit plan that has ended. Entry `seq` of the log fixes it."""

    model_config = ConfigDict(from_attributes=True)

    seq: int
    occurred_from: datetime
    occurred_to: datetime = Field(description="Not included")
    fixed_at: datetime
    drawable: bool = Field(description="Whether the checkpoint that gives the seed is signed")
    audit_id: UUID | None = Field(description="The period's audit; null before its draw")

    @classmethod
    def of(cls, period: EndedPeriod) -> "PeriodOut":
        """Return the view of a period."""
        return cls(**vars(period.fixed), drawable=period.drawable)


class ItemOut(BaseModel):
    """One access of the sample."""

    model_config = ConfigDict(from_attributes=True)

    number: int
    seq: int
    outcome: ItemOutcome | None
    note: str | None
    reviewed_by: PersonOut | None
    reviewed_at: datetime | None


class AuditOut(BaseModel):
    """An audit. Anyone with an export of the log can redraw the sample.

    The seed (base64) comes from the checkpoint of size `log_size`.
    """

    audit_id: UUID
    period_seq: int | None = Field(
        default=None,
        description="Entry that fixed the period; null if the audit is older than the plan's periods",
    )
    occurred_from: datetime
    occurred_to: datetime
    log_size: int
    old_log: bool = Field(
        default=False, description="Whether the sample is from the log before this one"
    )
    root_hash: str
    seed: str
    population: int
    drawn_by: PersonOut
    drawn_at: datetime
    signed_off_by: PersonOut | None
    signed_off_at: datetime | None
    statement: str | None
    reviewed: int
    items: list[ItemOut]

    @classmethod
    def of(cls, audit: Audit) -> "AuditOut":
        """Return the view of an audit."""
        fields = vars(audit) | {
            "root_hash": _base64(audit.root_hash),
            "seed": _base64(audit.seed),
            "reviewed": audit.reviewed,
        }
        return cls.model_validate(fields, from_attributes=True)


class StepOut(BaseModel):
    """One step of the work on a finding."""

    change: FindingChange
    by: PersonOut
    at: datetime
    note: str
    assigned_to: str | None
    outcome: str | None


class FindingOut(BaseModel):
    """A finding with its current status. `subject` is a person, a service or an address."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "finding_id": "3a8f5f0e-0c1d-8a2b-9c3d-4e5f60718293",
                    "kind": "refused_access",
                    "subject": "7b0e6a52-9c5d-4c0b-8d6e-0f6f3c1c9a11",
                    "details": {"count": 5, "minutes": 15},
                    "raised_at": "2026-05-01T08:20:00Z",
                    "status": "open",
                    "assigned_to": None,
                    "outcome": None,
                    "steps": [],
                }
            ]
        },
    )

    finding_id: UUID
    kind: str
    subject: str
    details: dict[str, Any]
    raised_at: datetime
    status: FindingStatus
    assigned_to: str | None
    outcome: str | None
    steps: list[StepOut]

    @classmethod
    def of(cls, finding: Finding) -> "FindingOut":
        """Return the view of a finding."""
        return cls.model_validate(finding, from_attributes=True)


class AcknowledgementOut(BaseModel):
    """A person's statement that they have read the policy and answer for it."""

    role: Role
    by: PersonOut
    at: datetime


class PolicyOut(BaseModel):
    """A policy that a service has loaded. `services` are those that use it now."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "digest": EXAMPLE_DIGEST,
                    "version": "2026-11",
                    "first_loaded_at": "2026-11-26T08:00:00Z",
                    "services": ["audit", "identity"],
                    "acknowledgements": [],
                }
            ]
        },
    )

    digest: str
    version: str
    first_loaded_at: datetime
    services: list[str]
    acknowledgements: list[AcknowledgementOut]

    @classmethod
    def of(cls, policy: LoadedPolicy) -> "PolicyOut":
        """Return the view of a policy."""
        return cls.model_validate(policy, from_attributes=True)


class ReachedOut(BaseModel):
    """A record that a service showed to the account."""

    model_config = ConfigDict(from_attributes=True)

    record_kind: str
    record_id: str
    first_at: datetime
    last_at: datetime
    times: int


class BreachReportOut(BaseModel):
    """The records that an account reached. `records` has at most `limit` of them; the figures cover all."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "person_id": "7b0e6a52-9c5d-4c0b-8d6e-0f6f3c1c9a11",
                    "occurred_from": "2026-05-01T00:00:00Z",
                    "occurred_to": "2026-05-08T00:00:00Z",
                    "accesses_allowed": 3,
                    "accesses_refused": 1,
                    "records_by_kind": {"read": 1},
                    "plates": {"7ABC123": 1},
                    "client_addresses": {"192.0.2.7": 4},
                    "records": [
                        {
                            "record_kind": "read",
                            "record_id": "5b2f8c1e-1111-8a2b-9c3d-4e5f60718293",
                            "first_at": "2026-05-01T08:15:30Z",
                            "last_at": "2026-05-01T08:15:30Z",
                            "times": 1,
                        }
                    ],
                    "truncated": False,
                }
            ]
        }
    )

    person_id: str
    occurred_from: datetime
    occurred_to: datetime
    accesses_allowed: int
    accesses_refused: int
    records_by_kind: dict[str, int] = Field(description="Number of distinct records of each kind")
    plates: dict[str, int] = Field(description="Number of times that each plate was shown")
    client_addresses: dict[str, int]
    records: list[ReachedOut]
    erased: int = Field(
        default=0,
        description="Records whose ids and plates a purge has erased; the figures leave them out",
    )
    truncated: bool

    @classmethod
    def of(cls, query: BreachQuery, reach: Reach) -> "BreachReportOut":
        """Return the report, with at most `query.limit` records."""
        records = reach.ordered
        return cls(
            person_id=query.person_id,
            occurred_from=query.occurred_from,
            occurred_to=query.occurred_to,
            accesses_allowed=reach.allowed,
            accesses_refused=reach.refused,
            records_by_kind=Counter(r.record_kind for r in records),
            plates=dict(sorted(reach.plates.items())),
            client_addresses=dict(sorted(reach.addresses.items())),
            records=[ReachedOut.model_validate(r) for r in records[: query.limit]],
            erased=reach.erased,
            truncated=len(records) > query.limit,
        )


class ErasedOut(BaseModel):
    """The portion of a group that a purge run erased."""

    group: str
    places: list[int] | None = Field(
        description="Positions of the erased records in the group, from 0; null for the whole group"
    )
    run_id: UUID
    certificate_sha256: str = Field(
        description="SHA-256 of the run's certificate of destruction, hexadecimal"
    )


class EntryOut(BaseModel):
    """One entry. `event` is the logged event; `leaf_hash` is SHA-256 over 0x00 and `entry`."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_ENTRY]})

    seq: int
    event_id: UUID
    kind: str
    occurred_at: datetime
    appended_at: datetime
    service: str
    person_id: str | None
    person_name: str | None
    permission: str | None
    allowed: bool | None
    purpose_kind: str | None
    case_number: str | None
    plates: list[str]
    request_id: str | None
    """The service's own id of the request; the caller's id is `caller_request_id` in `event`."""
    leaf_hash: str = Field(description="Hexadecimal")
    entry_hash: str = Field(description="Hexadecimal; chains the entry to the previous one")
    event: dict[str, Any] = Field(description="CloudEvents 1.0, JSON format")
    values: dict[str, Any] = Field(
        default={},
        description="The remaining values of which the entry has digests, by group",
    )
    disclosures: dict[str, list[str | None]] = Field(
        default={},
        description="Each group's disclosure, then those of its records; null for an erased one",
    )
    erased: list[ErasedOut] = Field(
        default=[], description="The groups and records that purges have erased"
    )
    entry: str | None = Field(
        default=None, description="The exact hashed text; null unless the request asks for it"
    )

    @classmethod
    def of(cls, row: Row, *, exact: bool) -> "EntryOut":
        """Return the view of an entry; `exact` adds its hashed text and the disclosures of its groups."""
        found = msgspec.structs.asdict(row.found)
        return cls(
            **{name: value for name, value in found.items() if name in cls.model_fields}
            | {"plates": row.plates},
            seq=row.seq,
            appended_at=row.appended_at,
            leaf_hash=row.leaf.hex(),
            entry_hash=row.entry_hash.hex(),
            event=msgspec.json.decode(row.content),
            values={value.name: value_of(value) for value in row.values},
            disclosures={v.name: [v.disclosure, *(v.records or ())] for v in row.values if exact},
            erased=[
                ErasedOut(
                    group=one.name,
                    places=None if one.places is None else sorted(one.places),
                    run_id=one.run_id,
                    certificate_sha256=one.certificate_sha256.hex(),
                )
                for one in row.erased
            ],
            entry=row.content.decode() if exact else None,
        )


class InclusionProofOut(BaseModel):
    """Proof that an entry is in the log (RFC 6962, 2.1.1). Hashes are base64."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "seq": 0,
                    "size": 2,
                    "leaf_hash": "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=",
                    "root_hash": "+sVCA+fMaWzw38tCySodnbr3CtnmIfS9jZhmLwDjwSU=",
                    "path": ["lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c="],
                }
            ]
        }
    )

    seq: int
    size: int
    leaf_hash: str
    root_hash: str
    path: list[str]

    @classmethod
    def of(cls, proof: Inclusion) -> "InclusionProofOut":
        """Return the view of a proof."""
        return cls(
            seq=proof.seq,
            size=proof.size,
            leaf_hash=_base64(proof.leaf_hash),
            root_hash=_base64(proof.root_hash),
            path=[_base64(value) for value in proof.path],
        )


class ConsistencyProofOut(BaseModel):
    """Proof that a log extends an older one (RFC 6962, 2.1.2). Hashes are base64."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "old_size": 1,
                    "new_size": 2,
                    "old_root": "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=",
                    "new_root": "+sVCA+fMaWzw38tCySodnbr3CtnmIfS9jZhmLwDjwSU=",
                    "path": ["lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c="],
                }
            ]
        }
    )

    old_size: int
    new_size: int
    old_root: str
    new_root: str
    path: list[str]

    @classmethod
    def of(cls, proof: Consistency) -> "ConsistencyProofOut":
        """Return the view of a proof."""
        return cls(
            old_size=proof.old_size,
            new_size=proof.new_size,
            old_root=_base64(proof.old_root),
            new_root=_base64(proof.new_root),
            path=[_base64(value) for value in proof.path],
        )


class KeyOut(BaseModel):
    """A key of the log and the range of checkpoint sizes that it signs."""

    verifier_key: str = Field(description="C2SP signed-note: name+hash+key")
    first_size: int
    last_size: int | None = Field(description="Null for the current key")

    @classmethod
    def of(cls, key: LogKey) -> "KeyOut":
        """Return the view of a key."""
        return cls(verifier_key=key.key.vkey, first_size=key.first_size, last_size=key.last_size)


class KeysOut(BaseModel):
    """The log's name and its keys, oldest first. An entry of the log changes each key to the next."""

    origin: str
    keys: list[KeyOut]


def _base64(value: bytes) -> str:
    return b64encode(value).decode()
