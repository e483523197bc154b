"""What events in the log say to the rules, by the shape of their bodies."""

import logging
from datetime import date, datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

import msgspec

from services.audit.domain.sealing import DIGESTS, RECORDS, UNDECODABLE
from shared.events import Actor, Counted
from shared.postgres.disclosed_records import AS_SEARCHES

log = logging.getLogger(__name__)

Text = Annotated[str, msgspec.Meta(pattern="^[^\\x00]*$")]
"""A text that Postgres can store."""

Name = Annotated[str, msgspec.Meta(pattern="^[^\\x00]*$", max_length=200)]
"""A text that Postgres can index."""


MARKS = tuple(f'"{kind}"' for kind in sorted(AS_SEARCHES))
"""One of them is in the text of each entry that `is_disclosed_search` accepts."""


class AttemptSaid(msgspec.Struct, frozen=True):
    """How an access was made."""

    method: Any = None


class DisclosedSaid(msgspec.Struct, frozen=True):
    """What kind of records an access showed."""

    record_kind: str


class PolicySaid(msgspec.Struct, frozen=True):
    """A service's start with a policy."""

    digest: Name
    version: Name
    service: Name


class _ActorSaid(msgspec.Struct, frozen=True):
    person_id: Text


class ChangedSaid(msgspec.Struct, frozen=True):
    """A change, by its name, with its details."""

    change: Text
    details: dict[str, Any] = {}


class AccountSaid(ChangedSaid, frozen=True, kw_only=True):
    """A change of an account."""

    account_id: Text
    actor: _ActorSaid
    account_number: int | None = None


class SilenceSaid(msgspec.Struct, frozen=True):
    """A camera that sends nothing, or late data only."""

    device_id: Text
    device_name: Text
    last_heard_at: Text
    late_since: Text | None = None


class MissedSaid(msgspec.Struct, frozen=True):
    """Records that are long past the schedule while no purge reaches them."""

    oldest_on: date
    schedule_days: int
    overdue_days: int


class CheckedSaid(msgspec.Struct, frozen=True):
    """Whether the department's own systems have the numbers of a purpose."""

    account_id: Text
    declared_at: datetime
    numbers: list[Text]
    found: bool
    list_as_of: datetime


class ImportedSaid(msgspec.Struct, frozen=True):
    """Of when the department's own case and call numbers are."""

    list_as_of: datetime


class HoldSaid(msgspec.Struct, frozen=True):
    """A step of a hold, or what was not done about it."""

    hold_id: Text
    change: Text
    review_by: Text | None = None
    owner: _ActorSaid | None = None


class CustodySaid(msgspec.Struct, frozen=True):
    """What was done with a booked copy of evidence; `matches` is of a check alone."""

    export_id: Text
    booking_id: Text
    act_id: Text
    matches: bool | None = None
    corrects: Text | None = None


class CorrectedSaid(msgspec.Struct, frozen=True):
    """The day of the sighting that a person corrected."""

    captured_on: date


class SealedCorrection(msgspec.Struct, frozen=True):
    """Which read a person corrected, the plate before, and that in the picture; None: no legible one."""

    read_id: Text | None = None
    plate_before: Text | None = None
    plate: Text | None = None


class DisposedSaid(msgspec.Struct, frozen=True):
    """What a person says that came of a hit."""

    hit_id: UUID
    disposed_by: _ActorSaid
    enforcement: bool
    unverified_reason: str | None = None


class VerifiedSaid(msgspec.Struct, frozen=True):
    """What a check of a hit with the entering agency found."""

    hit_id: UUID
    outcome: Text


class ReleaseSaid(msgspec.Struct, frozen=True):
    """What kind of agency asked for records."""

    agency_kind: Name | None = None


class PurgedSaid(msgspec.Struct, frozen=True):
    """How much a purge destroyed."""

    reads: int
    captures: int


class AuditSaid(ChangedSaid, frozen=True, kw_only=True):
    """A step of an audit, with its person."""

    audit_id: Text
    actor: Actor
    details: dict[str, str] = {}


class RaisedSaid(msgspec.Struct, frozen=True):
    """A finding, with its details that are not sealed."""

    finding_id: Text
    kind: Name
    details: dict[str, Any] = {}


class FindingStepSaid(ChangedSaid, frozen=True, kw_only=True):
    """A step of the work on a finding."""

    finding_id: Text


class DisclosedBySaid(msgspec.Struct, frozen=True):
    """How many records of which kind an access showed, and of which capture days."""

    record_kind: str
    count: int
    by_day: dict[date, int] = {}
    digests: dict[str, Any] = msgspec.field(name=DIGESTS, default_factory=dict)

    @property
    def only_day(self) -> date | None:
        """The capture day of all its records; None if they are of several, or have none."""
        names = [name for name in self.digests if name.partition("/")[0] == RECORDS]
        try:
            [day] = names
            return date.fromisoformat(day.partition("/")[2])
        except ValueError:
            return None


class MonthSaid(msgspec.Struct, frozen=True):
    """What a service counted of a month."""

    month: date
    counts: list[Counted]


class ContradictionSaid(msgspec.Struct, frozen=True):
    """How many reads contradict others."""

    count: int


class FloodSaid(msgspec.Struct, frozen=True):
    """Refusals that were counted together."""

    service: Text
    client_address: Text
    count: int
    route: Text = ""
    route_of_version_1: Text = msgspec.field(name="door", default="")


Said = TypeVar("Said")


def said_in(seq: int, entry: bytes, kind: type[Said]) -> Said | None:
    """Return what an entry's event says, as `kind`; None, after a log line, if its body has another shape.

    The service that made the event may have been taken over; the rules go on without it.
    """
    try:
        return msgspec.convert(msgspec.json.decode(entry)["data"], kind)
    except (*UNDECODABLE, LookupError, TypeError) as exc:
        log.error("the rules pass over entry %d, whose body is odd: %s", seq, type(exc).__name__)
        return None


class Disclosure(msgspec.Struct, frozen=True, gc=False):
    """The number and kind of the records that an entry discloses."""

    count: int = 0
    record_kind: str = ""


class _Disclosure(msgspec.Struct, frozen=True, gc=False):
    data: Disclosure


_disclosure = msgspec.json.Decoder(_Disclosure).decode


def disclosure_in(content: bytes | None) -> Disclosure:
    """Return what an entry discloses: nothing if it is no valid disclosure."""
    try:
        return _disclosure(content or b"{}").data
    except UNDECODABLE:
        return Disclosure()


def is_disclosed_search(content: bytes | None) -> bool:
    """Return whether an entry discloses what is a search: a look at what a hold keeps (ADR-0100), or listed plates
    (ADR-0115)."""
    if content is None or not any(mark.encode() in content for mark in MARKS):
        return False
    return disclosure_in(content).record_kind in AS_SEARCHES
