"""Request models; yields the body of an upload as it arrives."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Request
from pydantic import ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict
from starlette.requests import ClientDisconnect

from services.hotlist.domain.entries import EARLIEST_YEAR, LIMITS
from services.hotlist.domain.problem_codes import Code
from services.hotlist.domain.rating import Outcome, Result
from shared.core.errors import Malformed
from shared.core.fields import MAX_INT, Moment
from shared.core.policy import LONGEST_STALENESS_H
from shared.events import Source
from shared.http.models import After, Reason, RequestBody

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


async def body_of(request: Request) -> AsyncIterator[bytes]:
    """Yield a request's body as it arrives. Raises: Malformed if the caller disconnects before its end."""
    try:
        async for piece in request.stream():
            yield piece
    except ClientDisconnect:
        raise Malformed(Code.SHEET_CUT_OFF) from None
