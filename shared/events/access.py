"""The access record (Civil Code 1798.90.52; CJIS Security Policy AU-3)."""

from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

import msgspec

from shared.events.base import Actor, AdministrativeEvent, Event, Sealing


class PurposeRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The declared purpose of an access."""

    kind: str
    offence_type: str | None = None
    case_number: str | None = None
    call_number: str | None = None
    purpose_id: UUID | None = None
    justification: str | None = None


class AccessAttempted(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A person or client requested access. Written durably before any data is read, allowed or refused."""

    TOPIC: ClassVar[str] = "alpr.access.attempted"
    KEYED_BY: ClassVar[str] = "attempt_id"  # so that its disclosures follow it

    attempt_id: UUID
    actor: Actor | None  # None: no valid credential
    service: str
    permission: str
    method: str
    route: str  # the template, e.g. /v1/hits/{hit_id}
    elements: dict[str, Any]  # plate or other data elements queried, cameras, area, time window
    allowed: bool
    request_id: str  # the service's own, unique
    client_address: str
    reason: str | None = None  # why refused
    caller_request_id: str | None = (
        None  # the caller's own name for the request: any text, at most 64 characters
    )
    purpose: PurposeRecord | None = None


class RefusalsCounted(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The number of refused unauthenticated requests in one minute that have no entry of their own (ADR-0015)."""

    TOPIC: ClassVar[str] = "alpr.refusals.counted"
    VERSION: ClassVar[int] = 2

    service: str
    client_address: str  # an IPv4 address, or an IPv6 /64; "" for the sum of all not named
    route: str  # the path of an open route, e.g. /v1/sessions; "guard" for all that need a token
    count: int
    since: datetime  # the first of them
    until: datetime  # the last, within the same minute
    allowed: bool  # always false, so that a search for refusals finds them


class DisclosedRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One disclosed record, and the plates that it showed."""

    record_id: str
    plates: list[str] = []
    read_ids: list[str] = []  # the reads that it describes, if it is neither read nor capture


class DisclosedDay(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The disclosed records of one capture day (UTC); None for records without a capture."""

    captured_on: date | None = None
    shown: list[DisclosedRecord]


class RecordsDisclosed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The records that an access released, by id; commits with the transaction that read them."""

    TOPIC: ClassVar[str] = "alpr.records.disclosed"
    KEYED_BY: ClassVar[str] = "attempt_id"
    MAX_DAYS: ClassVar[int] = 6
    """The most days in one event. A disclosure of more days emits several events."""

    SEALED: ClassVar[Sealing | None] = Sealing(
        group="unknown",
        open=frozenset(
            [
                "attempt_id",
                "actor",
                "service",
                "permission",
                "record_kind",
                "count",
                "request_id",
                "purpose",
                "by_day",
            ]
        ),
        records="records",
    )

    attempt_id: UUID
    actor: Actor
    service: str
    permission: str
    record_kind: (
        str  # read, exported_read, capture, image, hit, searched_hold, listed_plates, package, ...
    )
    records: list[DisclosedDay] = []
    count: int
    request_id: str
    purpose: PurposeRecord | None = None
    by_day: dict[
        date, int
    ] = {}  # how many of `count` were captured on each day; left out for one day
    record_ids: list[str] = []  # only in events from before records were grouped by day
    plates: list[str] = []  # likewise

    @property
    def all_records(self) -> list[DisclosedRecord]:
        """The records of all days."""
        return [record for day in self.records for record in day.shown]

    @property
    def all_ids(self) -> list[str]:
        """The ids of all records."""
        return [record.record_id for record in self.all_records]

    @property
    def all_plates(self) -> list[str]:
        """The distinct plates of all records."""
        return sorted({plate for record in self.all_records for plate in record.plates})


class PurposeDeclared(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A person declared a purpose, or tried a kind that the law prohibits."""

    TOPIC: ClassVar[str] = "alpr.purpose.declared"

    purpose: PurposeRecord
    accepted: bool
    expires_at: datetime | None = None
    reason: str | None = None
    scope: dict[str, Any] = {}


class PurposeChecked(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The department's own systems did not have numbers of a purpose in time, or have them after all (ADR-0141)."""

    TOPIC: ClassVar[str] = "alpr.purpose.checked"
    KEYED_BY: ClassVar[str] = "purpose_id"

    purpose_id: UUID
    account_id: UUID
    declared_at: datetime
    numbers: list[str]  # those that were not found in time, as they were declared
    found: bool  # whether the list has all of them by now
    list_as_of: datetime


class CaseNumbersImported(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Identity took over the case and call numbers that the department's own systems have (ADR-0141)."""

    TOPIC: ClassVar[str] = "alpr.case_numbers.imported"

    list_as_of: datetime  # when the oldest of the files was written
    numbers: int
    added: int
    removed: int
    sha256: str  # of the files, one after the other in the order of their names
