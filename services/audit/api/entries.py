"""Search of the log's entries by person, plate, purpose, time, kind and outcome."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from services.audit.api.guard import AuditRead
from services.audit.domain.problem_codes import Code
from services.audit.domain.sealing import value_of
from services.audit.store.log import Row
from services.audit.store.search import Entries, Query
from shared.core.errors import InvalidInput, NotFound
from shared.core.fields import Moment
from shared.core.problem_codes import Common
from shared.http.app import Work
from shared.http.models import After, Page, PlatePatternText, RequestBody, ShortText, key_of

router = APIRouter(prefix="/entries", tags=["entries"])


class EntryQuery(RequestBody):
    """The conditions of a search. An entry must meet all that are given."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"plate": "7ABC123", "occurred_from": "2026-05-01T00:00:00Z", "outcome": "allowed"}
            ]
        },
    )

    person_id: ShortText | None = None
    person_name: ShortText | None = None
    plate: PlatePatternText | None = Field(
        default=None,
        description="A plate in a search or a disclosure; a pattern with * or ? only as the person typed it",
    )
    purpose_kind: ShortText | None = None
    case_number: ShortText | None = Field(
        default=None, description="Case or call-for-service number"
    )
    occurred_from: Moment | None = None
    occurred_to: Moment | None = Field(default=None, description="Not included")
    kind: ShortText | None = Field(
        default=None, description="E.g. access.attempted, records.disclosed"
    )
    outcome: Literal["allowed", "refused"] | None = None
    service: ShortText | None = None
    permission: ShortText | None = None
    request_id: ShortText | None = Field(
        default=None,
        description="The `X-Request-ID` of an answer; the id that a caller sent does not match",
    )
    after: After | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100
    old_log: bool = Field(
        default=False,
        description="Search the log before this one, which is closed and read-only",
    )
    exact: bool = Field(
        default=False,
        description="Include each entry's exact hashed text and the disclosures of its groups",
    )


EXAMPLE: dict[str, JsonValue] = {
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

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

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


@router.post("/search")
async def search_entries(body: EntryQuery, grant: AuditRead, work: Work) -> Page[EntryOut]:
    """Entries of the log that match, newest first. The log records the search as an entry."""
    if body.occurred_from and body.occurred_to and body.occurred_from >= body.occurred_to:
        raise InvalidInput(
            Common.WINDOW_BACKWARDS,
            field="body.occurred_from",
            start="occurred_from",
            end="occurred_to",
        )
    asked = body.model_dump(exclude={"outcome", "exact", "after"})
    allowed = None if body.outcome is None else body.outcome == "allowed"
    rows = await Entries(work.connection).search(
        grant, Query(**asked, allowed=allowed, before=key_of(body.after, int))
    )
    following = rows[-1].seq if len(rows) == body.limit else None
    return Page.of([entry_out(row, exact=body.exact) for row in rows], last=following)


@router.get("/{seq}")
async def get_entry(
    seq: Annotated[int, Path(ge=0, lt=1 << 62)],
    grant: AuditRead,
    work: Work,
    old_log: bool = False,
) -> EntryOut:
    """One entry by its number, with its exact hashed text."""
    row = await Entries(work.connection).get(grant, seq, old_log=old_log)
    if row is None:
        raise NotFound(Code.ENTRY_NUMBER_UNKNOWN)
    return entry_out(row, exact=True)


def entry_out(row: Row, *, exact: bool) -> EntryOut:
    """Return an entry for an answer."""
    found = msgspec.structs.asdict(row.found)
    return EntryOut(
        **{name: value for name, value in found.items() if name in EntryOut.model_fields}
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
