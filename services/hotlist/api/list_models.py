"""Lists, versions and entries as the API takes and gives them."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict

from services.hotlist.api.fields import line
from services.hotlist.domain.csv_import import SetAside
from services.hotlist.domain.entries import LIMITS, ListedEntry
from shared.core.fields import MAX_INT, Moment
from shared.events import Source
from shared.http.models import After, Page, Reason, RegionTaken, RequestBody


class ListIn(RequestBody):
    """A new hot list."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "SVS stolen vehicles", "source": "state"}]}
    )

    name: Annotated[str, line(80)]
    source: Source
    staleness_hours: Annotated[int, Field(ge=1, le=8760)] | None = None
    """Narrower than the policy's limit for the source, or null for the policy's."""

    record_kinds_off: Annotated[list[str], Field(default_factory=list, max_length=50)]


class ListChange(RequestBody):
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
    set_aside: int
    """Lines of its upload that were bad; `GET …/versions/{version}/set-aside` gives them with their faults."""

    needs_second_word: bool
    """It loses so much of the list that another person than uploaded it must put it in force."""

    regions: list[RegionTaken] = []
    """Of an upload: what each short form of a state was taken for."""

    sha256: str | None
    created_at: datetime
    created_by: str


class SetAsideOut(BaseModel):
    """A line of an upload that did not become an entry; lines and columns count from 1."""

    line: int
    column: int | None
    field: str | None
    fault: str
    content: str
    """As it came, cut after 2,000 characters; of an entry that was there twice, as it was taken."""

    @classmethod
    def of(cls, one: SetAside) -> Self:
        """Return a line as the API shows it."""
        return cls(**one.fault.shown, content=one.content)


class RollbackIn(RequestBody):
    """Which version to go back to; the one in force before the present one when null."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"version": 3, "reason": "incomplete extract"}]}
    )

    version: Annotated[int, Field(ge=1, le=MAX_INT)] | None = None
    reason: Reason | None = None


class WithdrawalIn(RequestBody):
    """Why a list goes out of force."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "source no longer maintained"}]}
    )

    reason: Reason


ENTRY_EXAMPLE: JsonDict = {
    "plate": "7ABC123",
    "state": "CA",
    "record_kind": "stolen_vehicle",
    "reason": "Reported stolen 3 June",
    "entering_reference": "26-001234",
}


class EntryIn(RequestBody):
    """An entry to list. `?` in the plate is one unknown character, `*` any number (468.4(c))."""

    model_config = ConfigDict(json_schema_extra={"examples": [ENTRY_EXAMPLE]})

    plate: Annotated[str, StringConstraints(max_length=LIMITS["plate"])]
    record_kind: Annotated[str, StringConstraints(max_length=LIMITS["record_kind"])]
    reason: Annotated[str, line(LIMITS["reason"])]
    state: Annotated[str, StringConstraints(max_length=LIMITS["state"])] | None = None
    entering_ori: Annotated[str, StringConstraints(max_length=LIMITS["entering_ori"])] | None = None
    entering_reference: Annotated[str, line(LIMITS["entering_reference"])] | None = None
    make: Annotated[str, line(LIMITS["make"])] | None = None
    model: Annotated[str, line(LIMITS["model"])] | None = None
    colour: Annotated[str, line(LIMITS["colour"])] | None = None
    valid_from: Moment | None = None
    expires_at: Moment | None = None


class EntriesIn(RequestBody):
    """Entries to add to the version in force."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"entries": [ENTRY_EXAMPLE]}]})

    entries: Annotated[list[EntryIn], Field(min_length=1, max_length=1000)]


class EntriesAdded(BaseModel):
    """The version that has the entries, in force."""

    list_id: UUID
    version: int
    entry_ids: list[UUID]
    regions: list[RegionTaken] = []
    """What each short form of a state was taken for."""


class EntryRemoved(BaseModel):
    """The version that no longer has the entry, in force."""

    list_id: UUID
    version: int


class EntrySearch(RequestBody):
    """Which entries of the version in force to show; a plate matches as it is listed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"plate": "7ABC123"}]})

    plate: Annotated[str, line(LIMITS["plate"])] | None = None
    record_kind: Annotated[str, line(LIMITS["record_kind"])] | None = None
    after: After | None = None
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

    @classmethod
    def of(cls, entry: ListedEntry) -> Self:
        """Return an entry as the API shows it."""
        return cls(**asdict(entry), state=entry.region)


class EntriesOut(Page[EntryOut]):
    """A page of the entries of a version."""

    version: int | None


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
