"""Request models; yields the body of an upload as it arrives."""

from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Request
from pydantic import ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict
from starlette.requests import ClientDisconnect

from services.hotlist.actions.layouts import MAX_SAMPLE_BYTES
from services.hotlist.domain.csv_import import MAX_LINE_BYTES
from services.hotlist.domain.entries import EARLIEST_YEAR, LIMITS
from services.hotlist.domain.layouts import DateForm, Delimiter, Encoding, Layout
from services.hotlist.domain.problem_codes import Code
from services.hotlist.domain.rating import Outcome, Result
from shared.core.errors import Malformed, UnsupportedMedia
from shared.core.fields import MAX_INT, Moment
from shared.core.policy import LONGEST_STALENESS_H
from shared.events import Source
from shared.http.models import After, Reason, RequestBody
from shared.http.openapi import OCTETS

SHEET_MEDIA = ("text/csv", OCTETS)

FieldName = Literal[
    "plate",
    "state",
    "record_kind",
    "reason",
    "entering_ori",
    "entering_reference",
    "make",
    "model",
    "colour",
    "year",
    "caution",
    "valid_from",
    "expires_at",
]

SAMPLE_EXAMPLE = b"7ABC123   CASV20260601TOYT\r\n8XYZ999   NVLP20260415FORD\r\n"
LAYOUT_EXAMPLE: JsonDict = {
    "encoding": "latin-1",
    "header": False,
    "columns": [
        {"field": "plate", "first": 1, "last": 10},
        {"field": "state", "first": 11, "last": 12},
        {"field": "record_kind", "first": 13, "last": 14},
        {"field": "valid_from", "first": 15, "last": 22},
        {"field": "make", "first": 23, "last": 26},
        {"field": "reason", "constant": "SVS"},
    ],
    "kinds": [
        {"code": "SV", "record_kind": "stolen_vehicle", "on": True},
        {"code": "LP", "record_kind": "lost_plate", "on": False},
    ],
    "dates": "YYYYMMDD",
    "zone": "America/Los_Angeles",
}

# No control characters: Postgres cannot store NUL, and others hide text.
_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"


def line(most: int, least: int = 1) -> Any:
    """Return the constraints of one line of `least` to `most` characters, without spaces at its ends."""
    return StringConstraints(
        strip_whitespace=True, min_length=least, max_length=most, pattern=_PRINTABLE
    )


class ListIn(RequestBody):
    """A new hot list."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "SVS stolen vehicles", "source": "state"}]}
    )

    name: Annotated[str, line(80)]
    source: Source
    staleness_hours: Annotated[int, Field(ge=1, le=LONGEST_STALENESS_H)] | None = None
    """Narrower than the policy's limit for the source, or null for the policy's."""

    record_kinds_off: Annotated[list[str], Field(default_factory=list, max_length=50)]


class ListChangesIn(RequestBody):
    """Changes of a hot list; fields left out stay unchanged."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"enabled": False}]})

    enabled: bool | None = None
    staleness_hours: Annotated[int, Field(ge=1, le=LONGEST_STALENESS_H)] | None = None
    """Null: the policy's limit for the source."""

    record_kinds_off: Annotated[list[str], Field(max_length=50)] | None = None


class RollbackIn(RequestBody):
    """The version to roll back to; null for the one in force before the present one."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"version": 3, "reason": "incomplete extract"}]}
    )

    version: Annotated[int, Field(ge=1, le=MAX_INT)] | None = None
    reason: Reason | None = None


class ActivationIn(RequestBody):
    """Why an extract older than the one in force is to replace it; null for a newer one."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "the newer extract is of another county"}]}
    )

    reason: Reason | None = None


class WithdrawalIn(RequestBody):
    """The reason to withdraw a list."""

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
    "year": 2019,
    "caution": "Driver said to be armed",
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
    year: Annotated[int, Field(ge=EARLIEST_YEAR, le=9999)] | None = None
    """The year of the vehicle: at most next year."""

    caution: Annotated[str, line(LIMITS["caution"])] | None = None
    """What the entering agency tells officers to be careful of, in its words; every alert shows it first."""

    valid_from: Moment | None = None
    expires_at: Moment | None = None

    @property
    def as_text(self) -> dict[str, str]:
        """The fields as text, stripped; leaves out empty ones."""
        given = self.model_dump(exclude_none=True)
        return {
            name: text
            for name, value in given.items()
            if (text := value.isoformat() if isinstance(value, datetime) else str(value).strip())
        }


class EntriesIn(RequestBody):
    """Entries to add to the version in force."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"entries": [ENTRY_EXAMPLE]}]})

    entries: Annotated[list[EntryIn], Field(min_length=1, max_length=1000)]


class RemovalIn(RequestBody):
    """The reason to remove an entry."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "vehicle recovered"}]})

    reason: Annotated[str, line(200)] | None = None


class EntryQuery(RequestBody):
    """A search in the version in force; a plate matches as it is listed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"plate": "7ABC123"}]})

    plate: Annotated[str, line(LIMITS["plate"])] | None = None
    record_kind: Annotated[str, line(LIMITS["record_kind"])] | None = None
    after: After | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class AcknowledgementIn(RequestBody):
    """Whether the caller takes an alert, or gives it back."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"acknowledged": True}]})

    acknowledged: bool


class VerificationIn(RequestBody):
    """The result of checking a hit with the entering agency."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"method": "CLETS", "reference": "T26-88123", "outcome": "correct_read"}]
        }
    )

    method: Literal["CLETS"]
    reference: Annotated[str, line(100)]
    outcome: Outcome
    note: Annotated[str, line(1000)] | None = None


class DispositionIn(RequestBody):
    """The outcome of a hit. Enforcement on a hit not verified as correct needs a stated reason."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"result": "vehicle_recovered", "enforcement": True}]}
    )

    result: Result = "other"
    """What came of it; `arrest` and `stopped_released` are enforcement, `no_contact` and `surveillance_only` none."""

    disposition: Annotated[str, line(200)] | None = None
    """The same in the person's words; required with `other`."""

    enforcement: bool
    unverified_reason: Reason | None = None


class FeedIn(RequestBody):
    """A feed to issue."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "SVS by SFTP", "expires_at": "2027-06-01T00:00:00-07:00"}]
        }
    )

    name: Annotated[str, line(80)]
    expires_at: Moment
    """When its credential ends: within 366 days."""


class RevocationIn(RequestBody):
    """The reason to revoke a feed."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "the server is replaced"}]}
    )

    reason: Reason


class ColumnIn(RequestBody):
    """Where one field stands: give `name`, `number`, or `first` and `last`, as the file has it, or `constant`."""

    field: FieldName
    name: Annotated[str, line(100)] | None = None
    """The column's name in the header of a file with a delimiter."""

    number: Annotated[int, Field(ge=1, le=1000)] | None = None
    """The column's place, from 1, in a file with a delimiter and without a header."""

    first: Annotated[int, Field(ge=1, le=MAX_LINE_BYTES)] | None = None
    """The first character, from 1, in a file of fixed columns."""

    last: Annotated[int, Field(ge=1, le=MAX_LINE_BYTES)] | None = None
    constant: Annotated[str, line(500)] | None = None
    """The same text on each line; of `record_kind`, one of the codes in `kinds`."""

    texts: Annotated[
        dict[Annotated[str, line(100)], Annotated[str, line(500, least=0)]],
        Field(default_factory=dict, max_length=500),
    ]
    """Our text for a text of the source, such as `Armed and dangerous` for `00`; empty leaves the field out."""


class CodeIn(RequestBody):
    """A code of the source, and the record kind that it means."""

    code: Annotated[str, line(100)]
    record_kind: Annotated[str, line(LIMITS["record_kind"])]
    on: bool
    """Whether lines with this code are imported. Lines with a code that is not named are set aside."""


class LayoutIn(RequestBody):
    """How the source of a list writes its extracts. Each upload and each delivery to the list is read by it."""

    model_config = ConfigDict(json_schema_extra={"examples": [LAYOUT_EXAMPLE]})

    encoding: Encoding = "utf-8"
    delimiter: Delimiter | None = None
    """Null: the columns have fixed places."""

    header: bool
    line_characters: Annotated[int, Field(ge=1, le=MAX_LINE_BYTES)] | None = None
    """The length of each line of fixed columns; lines of another length are set aside. Null: any length."""

    columns: Annotated[list[ColumnIn], Field(min_length=2, max_length=20)]
    kinds: Annotated[list[CodeIn], Field(min_length=1, max_length=500)]
    dates: DateForm = "iso"
    """How `valid_from` and `expires_at` are written; without a time, an entry is valid through the day it expires."""

    zone: Annotated[str, line(60)] | None = None
    """The IANA name of the zone of these dates, such as `America/Los_Angeles`."""

    def layout(self) -> Layout:
        """Return the layout that the rules check and the list stores."""
        return msgspec.convert(self.model_dump(), Layout)


class PreviewIn(RequestBody):
    """A layout and a sample of a file."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"layout": LAYOUT_EXAMPLE, "sample": b64encode(SAMPLE_EXAMPLE).decode()}]
        }
    )

    layout: LayoutIn
    sample: Annotated[str, Field(max_length=4 * (MAX_SAMPLE_BYTES // 3 + 1))]
    """The first lines of a file, whole, in base64: at most 64 KiB and 1,000 lines."""


def check_media(request: Request) -> None:
    """Check that a request has a file as its body. Raises: UnsupportedMedia."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() not in SHEET_MEDIA:
        raise UnsupportedMedia(Code.SHEET_MEDIA_UNKNOWN)


async def body_of(request: Request) -> AsyncIterator[bytes]:
    """Yield a request's body as it arrives. Raises: Malformed if the caller disconnects before its end."""
    try:
        async for piece in request.stream():
            yield piece
    except ClientDisconnect:
        raise Malformed(Code.SHEET_CUT_OFF) from None
