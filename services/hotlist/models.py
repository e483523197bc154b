"""What hotlist's API takes and gives."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict

from services.hotlist.domain import Outcome
from services.hotlist.listing import LIMITS
from shared.events import Source, Tier

UNVERIFIED_NOTICE = (
    "Unverified. A machine match alone: verify through CLETS with the entering agency before"
    " enforcement action (policy 468.4(f))."
)

# No control characters: they cannot be stored (NUL) or hide what is written.
_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"


def _line(most: int, least: int = 1) -> Any:
    """One line of text of so many characters, spaces at its ends dropped."""
    return StringConstraints(
        strip_whitespace=True, min_length=least, max_length=most, pattern=_PRINTABLE
    )


class Taken(BaseModel):
    """A body that is taken; what it does not name is refused."""

    model_config = ConfigDict(extra="forbid")


class ListIn(Taken):
    """A new hot list."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "SVS stolen vehicles", "source": "state"}]}
    )

    name: Annotated[str, _line(80)]
    source: Source
    staleness_hours: Annotated[int, Field(ge=1, le=8760)] | None = None
    """Narrower than the policy's limit for the source, or null for the policy's."""

    record_kinds_off: Annotated[list[str], Field(max_length=50)] = []


class ListChange(Taken):
    """What to change of a hot list; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"enabled": False}]})

    enabled: bool | None = None
    staleness_hours: Annotated[int, Field(ge=1, le=8760)] | None = None
    """Null: the policy's limit for the source."""

    record_kinds_off: Annotated[list[str], Field(max_length=50)] | None = None


class ListOut(BaseModel):
    """A hot list, and which version of it is in force."""

    list_id: UUID
    name: str
    agency_ori: str
    source: Source
    enabled: bool
    staleness_hours: int
    record_kinds_off: list[str]
    active_version: int | None
    entries: int
    as_of: datetime | None
    activated_at: datetime | None
    stale: bool
    created_at: datetime
    created_by: str


class ListsOut(BaseModel):
    """All hot lists that the caller may see."""

    lists: list[ListOut]


class VersionOut(BaseModel):
    """One version of a hot list."""

    list_id: UUID
    version: int
    state: Literal["draft", "active", "retired", "dropped"]
    """`dropped`: its entries are no longer kept, so it cannot be rolled back to."""

    entries: int
    as_of: datetime
    skipped: dict[str, int]
    """Rows left out because the import of their record kind is switched off."""

    skipped_because: list[str] = []
    sha256: str | None
    created_at: datetime
    created_by: str


class VersionsOut(BaseModel):
    """The latest versions of a hot list, newest first."""

    versions: list[VersionOut]


class RollbackIn(Taken):
    """Which version to go back to; the one in force before the present one when null."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"version": 3, "reason": "incomplete extract"}]}
    )

    version: Annotated[int, Field(ge=1)] | None = None
    reason: Annotated[str, _line(200)] | None = None


class WithdrawalIn(Taken):
    """Why a list goes out of force."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "source no longer maintained"}]}
    )

    reason: Annotated[str, _line(200)]


ENTRY_EXAMPLE: JsonDict = {
    "plate": "7ABC123",
    "state": "CA",
    "record_kind": "stolen_vehicle",
    "reason": "Reported stolen 3 June",
    "entering_reference": "26-001234",
}


class EntryIn(Taken):
    """An entry to list. `?` in the plate is one unknown character, `*` any number (468.4(c))."""

    model_config = ConfigDict(json_schema_extra={"examples": [ENTRY_EXAMPLE]})

    plate: Annotated[str, StringConstraints(max_length=LIMITS["plate"])]
    record_kind: Annotated[str, StringConstraints(max_length=LIMITS["record_kind"])]
    reason: Annotated[str, _line(LIMITS["reason"])]
    state: Annotated[str, StringConstraints(max_length=LIMITS["state"])] | None = None
    entering_ori: Annotated[str, StringConstraints(max_length=LIMITS["entering_ori"])] | None = None
    entering_reference: Annotated[str, _line(LIMITS["entering_reference"])] | None = None
    make: Annotated[str, _line(LIMITS["make"])] | None = None
    model: Annotated[str, _line(LIMITS["model"])] | None = None
    colour: Annotated[str, _line(LIMITS["colour"])] | None = None
    valid_from: AwareDatetime | None = None
    expires_at: AwareDatetime | None = None


class EntriesIn(Taken):
    """Entries to add to the version in force."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"entries": [ENTRY_EXAMPLE]}]})

    entries: Annotated[list[EntryIn], Field(min_length=1, max_length=1000)]


class EntriesAdded(BaseModel):
    """The version that has the entries, in force."""

    list_id: UUID
    version: int
    entry_ids: list[UUID]


class EntryRemoved(BaseModel):
    """The version that no longer has the entry, in force."""

    list_id: UUID
    version: int


class EntrySearch(Taken):
    """Which entries of the version in force to show; a plate matches as it is listed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"plate": "7ABC123"}]})

    plate: Annotated[str, _line(LIMITS["plate"])] | None = None
    record_kind: Annotated[str, _line(LIMITS["record_kind"])] | None = None
    after: UUID | None = None
    """The last entry of the page before."""

    limit: Annotated[int, Field(ge=1, le=500)] = 100


class EntryOut(BaseModel):
    """An entry of a hot list."""

    entry_id: UUID
    plate: str
    plate_listed: str
    partial: bool
    state: str | None
    record_kind: str
    reason: str | None
    entering_ori: str
    entering_reference: str | None
    make: str | None
    model: str | None
    colour: str | None
    valid_from: datetime | None
    expires_at: datetime | None
    entered_at: datetime
    entered_by: str


class EntriesOut(BaseModel):
    """A page of entries; `next` is the `after` of the next one."""

    version: int | None
    entries: list[EntryOut]
    next: UUID | None


class YieldOut(BaseModel):
    """What a list brought: a list whose hits are mostly misreads costs more than it gives."""

    list_id: UUID
    since: datetime | None
    hits: int
    unverified: int
    verified: int
    outcomes: dict[str, int]
    by_tier: dict[str, int]
    enforcement: int
    correct_share: float | None
    """Correct reads among verified hits; null while none is verified."""


class DifferenceOut(BaseModel):
    """A position, from 0, where what was read differs from what is listed."""

    position: int
    read: str
    listed: str


class CautionOut(BaseModel):
    """Something to know before acting on a hit."""

    code: str
    text: str


class ListedOut(BaseModel):
    """What the list says of the vehicle, and who entered it."""

    plate_listed_as: str
    reason: str | None
    entering_ori: str
    entering_reference: str | None
    make: str | None
    model: str | None
    colour: str | None
    valid_from: datetime | None
    expires_at: datetime | None


class PersonOut(BaseModel):
    """Who did it."""

    person_id: str
    name: str
    title: str
    agency_ori: str


class VerificationIn(Taken):
    """What checking a hit with the entering agency gave."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"method": "CLETS", "reference": "T26-88123", "outcome": "correct_read"}]
        }
    )

    method: Literal["CLETS"]
    reference: Annotated[str, _line(100)]
    outcome: Outcome
    note: Annotated[str, _line(1000)] | None = None


class VerificationOut(BaseModel):
    """A verification as recorded."""

    method: str
    reference: str
    outcome: Outcome
    note: str | None
    at: datetime
    by: PersonOut


class DispositionIn(Taken):
    """What came of a hit. Enforcement on a hit not verified as correct needs a stated reason."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"disposition": "vehicle recovered", "enforcement": True}]}
    )

    disposition: Annotated[str, _line(200)]
    enforcement: bool
    unverified_reason: Annotated[str, _line(500)] | None = None


class DispositionOut(BaseModel):
    """A disposition as recorded."""

    disposition: str
    enforcement: bool
    unverified_reason: str | None
    at: datetime
    by: PersonOut


class SightingOut(BaseModel):
    """A read of the pass that a hit stands for."""

    read_id: UUID
    captured_at: datetime
    confidence: float
    plate_read: str
    tier: Tier


class HitOut(BaseModel):
    """A hit, as in `GET /v1/hits` and on the alert stream."""

    hit_id: UUID
    seq: int
    """Rises in the order in which hits were raised; the `id` on the alert stream."""

    status: Literal["unverified", "verified"]
    notice: str | None
    """Said wherever an unverified hit is shown (468.4(f))."""

    outcome: Outcome | None
    tier: Tier
    record_kind: str
    agency_ori: str
    list_id: UUID
    list_name: str
    list_version: int
    list_age_s: int
    """How old the listing was when the hit was raised."""

    list_stale: bool
    source: Source
    entry_id: UUID
    entry: ListedOut | None
    plate_listed: str | None
    region_listed: str | None
    plate_read: str | None
    plate_as_read: str | None
    region_read: str | None
    confidence: float
    differences: list[DifferenceOut]
    warnings: list[CautionOut]
    read_id: UUID
    capture_id: UUID | None
    device_id: UUID | None
    device_name: str | None
    place: dict[str, float] | None
    captured_at: datetime
    received_at: datetime
    raised_at: datetime
    age_s: int
    """How long ago the vehicle was there, as this is sent."""

    late: bool
    """The capture was old when the hit was raised, e.g. uploaded after an outage."""

    first_at: datetime
    last_at: datetime
    sightings: int
    crop_url: str | None
    """Below this service's address, as is the next; null where there is no such picture."""

    image_url: str | None
    purged_at: datetime | None
    """When the read's data were destroyed under the retention schedule."""


class HitWhole(HitOut):
    """A hit with all that happened to it."""

    verification: VerificationOut | None
    dispositions: list[DispositionOut]
    sightings_seen: list[SightingOut]


class HitsOut(BaseModel):
    """A page of hits, newest first; `next` is the `before` of the next one."""

    hits: list[HitOut]
    next: int | None
