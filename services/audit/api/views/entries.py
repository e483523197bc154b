"""Entries of the log in answers."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from services.audit.domain.sealing import value_of
from services.audit.store.log import Row

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
