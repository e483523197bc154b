"""What entries of the log add to the figures of their month (policy 468.2).

An entry counts in the month in which the log got it: times of appends follow the numbers, so the counts of a month that
has ended never change, whatever comes late.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date

from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.domain.entries import kind_of
from services.audit.domain.figures import ENTRIES, REPORTED, UNKNOWN, Key, age_of
from services.audit.domain.rules import SEARCHES
from services.audit.store.figures import Count, Figures, Logged
from services.audit.store.log import Log
from services.audit.store.said import (
    ChangedSaid,
    DisclosedBySaid,
    MonthSaid,
    PurgedSaid,
    ReleaseSaid,
    VerifiedSaid,
    said_in,
)
from shared.core.months import month_of
from shared.core.permissions import Permission
from shared.events import (
    AccessAttempted,
    AuditChanged,
    Event,
    FindingChanged,
    FindingRaised,
    HitRaised,
    HitVerified,
    MonthCounted,
    PurposeDeclared,
    RecordsDisclosed,
    RecordsPurged,
    ReleaseApproved,
    ReleaseDenied,
    ReleaseRequested,
)
from shared.postgres.disclosed_records import PICTURES, SEARCHED_HOLD

LIMIT = 5000
MOST = 10**9
"""The most that one entry adds, so that no entry makes a sum too large to store."""

LONGEST_KIND = 200

_SEARCHED = frozenset({"read", "exported_read"})

Counts = Iterator[tuple[Key, int]]


@dataclass
class Sums:
    """What entries add to the sums of their months, and what services report in them; the first report counts."""

    added: Counter[Count] = field(default_factory=Counter)
    reported: dict[Count, int] = field(default_factory=dict)

    def count(self, logged: Sequence[Logged], zone: str) -> None:
        """Count entries, which follow those counted before."""
        month = month_of(logged[0].appended_at, zone)
        for entry in logged:
            if entry.appended_at >= month.end:
                month = month_of(entry.appended_at, zone)
            self.added[month.first_day, Key(ENTRIES)] += 1
            for key, count in _counts_of(entry):
                if count > 0:
                    self.added[month.first_day, _storable(key)] += min(count, MOST)
            for one, count in _reported(entry, month.first_day):
                self.reported.setdefault(one, count)


async def next_entries(figures: Figures, start: int) -> list[Logged]:
    """Return the next entries from `start` on, with what their counts need."""
    return await figures.logged(start, LIMIT, _WITH_CONTENT)


@dataclass(frozen=True)
class Recount:
    """The stored sums that differ from those of the log's entries, each with both numbers."""

    entries: int
    differing: Mapping[Count, tuple[int, int]]


async def recounted(connection: AsyncConnection, zone: str) -> Recount:
    """Count anew all entries that were counted, and compare the sums; reads from one snapshot."""
    await Log(connection).snapshot()
    figures, sums = Figures(connection), Sums()
    end, at = await figures.position(), 0
    while at < end:
        logged = [one for one in await next_entries(figures, at) if one.seq < end]
        if not logged:
            break
        sums.count(logged, zone)
        at = logged[-1].seq + 1
    right: Mapping[Count, int] = {**sums.reported, **sums.added}
    stored = await figures.stored()
    numbers = {one: (stored.get(one, 0), right.get(one, 0)) for one in {*stored, *right}}
    return Recount(at, {one: both for one, both in numbers.items() if both[0] != both[1]})


def _storable(key: Key) -> Key:
    """Return a key that Postgres can store and index, whatever the event of a service that was taken over says."""
    return key._replace(kind=key.kind[:LONGEST_KIND].replace("\x00", "\ufffd"))


def _counts_of(entry: Logged) -> Counts:
    counts = _COUNTS.get(entry.kind)
    if counts is not None:
        yield from counts(entry)


def _hit(entry: Logged) -> Counts:
    yield Key("hits_raised"), 1


def _verification(entry: Logged) -> Counts:
    said = said_in(entry.seq, entry.content or b"", VerifiedSaid)
    if said is not None:
        yield Key("verifications", said.outcome), 1


def _attempt(entry: Logged) -> Counts:
    if entry.permission not in SEARCHES or not _is_by_person(entry):
        return
    if entry.allowed:
        yield Key("searches", entry.purpose_kind or ""), 1
    else:
        yield Key("searches_refused"), 1


def _purpose(entry: Logged) -> Counts:
    if entry.allowed is False:
        yield Key("purposes_refused", entry.purpose_kind or ""), 1


def _release(figure: str) -> Callable[[Logged], Counts]:
    def counts(entry: Logged) -> Counts:
        said = said_in(entry.seq, entry.content or b"", ReleaseSaid)
        if said is not None:
            yield Key(figure, said.agency_kind or UNKNOWN), 1

    return counts


def _purge(entry: Logged) -> Counts:
    said = said_in(entry.seq, entry.content or b"", PurgedSaid)
    if said is not None:
        yield Key("records_purged"), said.reads + said.captures


def _finding(entry: Logged) -> Counts:
    yield Key("findings_raised"), 1


def _finding_work(entry: Logged) -> Counts:
    said = said_in(entry.seq, entry.content or b"", ChangedSaid)
    if said is not None and said.change == "closed":
        yield Key("findings_closed_as", str(said.details.get("outcome", UNKNOWN))), 1


def _audit(entry: Logged) -> Counts:
    said = said_in(entry.seq, entry.content or b"", ChangedSaid)
    if said is not None and said.change == "signed_off":
        yield Key("audits_signed"), 1


def _disclosure(entry: Logged) -> Counts:
    """Yield a look at what a hold keeps, which is a search (ADR-0100), and the ages of the records that were shown."""
    if not _is_by_person(entry):
        return
    said = said_in(entry.seq, entry.content or b"", DisclosedBySaid)
    if said is None:
        return
    if said.record_kind == SEARCHED_HOLD:
        yield Key("searches", entry.purpose_kind or ""), 1
    elif entry.permission in SEARCHES and said.record_kind in _SEARCHED:
        yield from _ages("records_searched", entry, said)
    elif entry.permission == Permission.IMAGE_READ and said.record_kind in PICTURES:
        yield from _ages("records_opened", entry, said)


def _ages(figure: str, entry: Logged, said: DisclosedBySaid) -> Counts:
    on = entry.occurred_at.astimezone(UTC).date()
    by_day: Mapping[date, int] = said.by_day
    if not by_day and (only := said.only_day) is not None:
        by_day = {only: said.count}
    if not by_day:
        yield Key(figure, UNKNOWN), said.count
    for day, count in by_day.items():
        yield Key(figure, age_of((on - day).days)), count


def _is_by_person(entry: Logged) -> bool:
    return bool(entry.person_id) and not str(entry.person_id).startswith("system:")


def _reported(entry: Logged, month: date) -> Iterator[tuple[Count, int]]:
    """Yield what a service has counted of a month that had ended, of the figures that are its own."""
    if entry.kind != kind_of(MonthCounted):
        return
    said = said_in(entry.seq, entry.content or b"", MonthSaid)
    if said is None or said.month >= month or said.month.day != 1:
        return
    own = REPORTED.get(entry.service, ())
    for one in said.counts:
        if one.figure in own:
            yield (said.month, Key(one.figure, one.kind or "")), one.count


_COUNTS: Mapping[str, Callable[[Logged], Counts]] = {
    kind_of(event): counts
    for event, counts in dict[type[Event], Callable[[Logged], Counts]](
        {
            HitRaised: _hit,
            HitVerified: _verification,
            AccessAttempted: _attempt,
            RecordsDisclosed: _disclosure,
            PurposeDeclared: _purpose,
            ReleaseRequested: _release("releases_asked"),
            ReleaseApproved: _release("releases_approved"),
            ReleaseDenied: _release("releases_refused"),
            RecordsPurged: _purge,
            FindingRaised: _finding,
            FindingChanged: _finding_work,
            AuditChanged: _audit,
        }
    ).items()
}
_BY_COLUMNS = (HitRaised, AccessAttempted, PurposeDeclared, FindingRaised)
_WITH_CONTENT = {*_COUNTS, kind_of(MonthCounted)} - {kind_of(event) for event in _BY_COLUMNS}
