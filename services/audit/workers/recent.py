"""Finds unusual acts of people: repeated refusals, many searches, one plate searched often or for many cases.

It keeps the acts that the rules still need in memory, up to the rules' position in the log. It reads from the log only
what it lacks: after a start, for a person who was not active lately, or before an event that came late. The findings
are those of a run that processes each entry by itself, with the entries before it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.audit.domain.entries import kind_of
from services.audit.domain.findings import a_finding, hour_of
from services.audit.domain.rules import SEARCHES, Act, Searches, Timeline, before
from services.audit.settings import Settings
from services.audit.store.said import is_disclosed_search
from services.audit.store.stream import Seen, Stream
from shared.events import AccessAttempted, FindingRaised

HOUR = timedelta(hours=1)
SLACK = timedelta(hours=1)
"""An event this much older than others of its person needs no query."""

TRIMMED_EVERY = timedelta(days=1)
"""A person's acts are dropped once a day, not after each run, which would compare each of them."""

PEOPLE_AT_ONCE = 500
"""The most people in one query."""

MOST_ACTS = 300_000
"""The acts that stay in memory between two runs, about 150 bytes each."""

MOST_FOLLOWED = 50_000
"""After more entries that another process handled, it reads what it needs anew."""

MOST_RAISED = 10_000
_SEARCHED = kind_of(AccessAttempted)

Raised = tuple[int, FindingRaised]
"""A finding and the number of the entry that raised it."""


@dataclass
class _Person:
    since: datetime
    """The acts suffice for searches from this time on."""
    searches: Searches = field(default_factory=Searches)
    held: int = 0
    """The number of acts at the last trim."""


class Recent:
    """The recent acts of people, and the findings that a further act raises."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._refused_within = timedelta(minutes=settings.audit_refusals_minutes)
        self._plates_within = timedelta(days=settings.audit_plate_days)
        self._forget(-1)

    def _forget(self, start: int) -> None:
        self._next = start
        self._refused: dict[str, Timeline] = {}
        self._refused_since: datetime | None = None
        self._people: dict[str, _Person] = {}
        """By person id; those active last come last."""
        self._held = 0
        self._raised: dict[tuple[object, ...], None] = {}
        """Marks of the newest findings, so that an act that raises one again costs no query."""

    async def findings(self, stream: Stream, start: int, seen: Sequence[Seen]) -> list[Raised]:
        """Return the findings of the entries `seen`, which begin at the rules' position `start`.

        After a failure it knows no acts, since it may have got part of them: the next run reads them anew.
        """
        try:
            return await self._findings(stream, start, seen)
        except BaseException:
            self._forget(start)
            raise

    async def _findings(self, stream: Stream, start: int, seen: Sequence[Seen]) -> list[Raised]:
        await self._follow(stream, start)
        refused = [s for s in seen if _is_refusal(s)]
        searched = [s for s in seen if _is_search(s)]
        earliest = _earliest_of_each(searched)
        await self._load_refusals(stream, refused)
        await self._load_people(stream, earliest)
        refusals = [(s, self._refusal) for s in refused]
        searches = [(s, self._search) for s in searched]
        acts = sorted([*refusals, *searches], key=lambda act: act[0].seq)
        found = [(s.seq, finding) for s, findings_of in acts for finding in findings_of(s)]
        self._next = seen[-1].seq + 1
        self._trim(refused, earliest)
        return found

    async def _follow(self, stream: Stream, start: int) -> None:
        """Add the entries up to `start`, which another process handled; forget all acts if that is no use.

        A transaction that was rolled back leaves acts after `start`, so these are forgotten, too.
        """
        if not 0 <= start - self._next <= MOST_FOLLOWED:
            self._forget(start)
        if self._next == start:
            return
        for s in await stream.since(self._next, start - self._next):
            if s.seq >= start:
                break
            if _is_refusal(s) and self._refused_since is not None:
                self._refused_of(s).add(Act(s.occurred_at))
            elif _is_search(s) and (person := self._people.get(s.person_id or "")) is not None:
                person.searches.add(Act(s.occurred_at, s.case_number), s.plates)
        self._next = start

    async def _load_refusals(self, stream: Stream, refused: Sequence[Seen]) -> None:
        earliest = min((s.occurred_at for s in refused), default=None)
        if earliest is None or (self._refused_since and earliest >= self._refused_since):
            return
        self._refused_since = before(earliest, SLACK)
        self._refused = {}
        since = before(self._refused_since, self._refused_within)
        for subject, at in await stream.refusals(since, self._next):
            self._refused.setdefault(subject, Timeline()).add(Act(at))

    async def _load_people(self, stream: Stream, earliest: dict[str, datetime]) -> None:
        lacking = []
        for person_id, at in earliest.items():
            person = self._people.pop(person_id, None)
            if person is not None and at >= person.since:
                self._people[person_id] = person
                continue
            self._held -= person.held if person else 0
            lacking.append(person_id)
        for start in range(0, len(lacking), PEOPLE_AT_ONCE):
            some = lacking[start : start + PEOPLE_AT_ONCE]
            since = before(min(earliest[person_id] for person_id in some), SLACK)
            self._people |= {person_id: _Person(since) for person_id in some}
            found = await stream.searches(
                some,
                SEARCHES,
                since=before(since, HOUR),
                of_plates_since=before(since, self._plates_within),
                end=self._next,
            )
            for person_id, act, plates in found:
                self._people[person_id].searches.add(act, plates)

    def _refused_of(self, s: Seen) -> Timeline:
        return self._refused.setdefault(s.subject, Timeline())

    def _refusal(self, s: Seen) -> Iterator[FindingRaised]:
        """Add a refused access: a failed sign-in, a refused purpose, a missing right; yield a finding of too many."""
        refused, within = self._refused_of(s), self._refused_within
        refused.add(Act(s.occurred_at))
        places = refused.near(s.occurred_at, within)
        at = refused.crowded(places, within, self._settings.audit_refusals)
        if at is not None and self._is_new("refused_access", s.subject, hour_of(at)):
            yield a_finding(
                "refused_access",
                s.subject,
                at,
                hour_of(at),
                count=refused.up_to(at, within, places),
                minutes=self._settings.audit_refusals_minutes,
            )

    def _search(self, s: Seen) -> Iterator[FindingRaised]:
        """Add a search; yield findings of too many in an hour, and of one plate too often or for many cases."""
        person_id, at = str(s.person_id), s.occurred_at
        searches = self._people[person_id].searches
        searches.add(Act(at, s.case_number), s.plates)
        yield from self._many(person_id, at, searches.recent)
        if not s.plates:
            return
        for one in searches.repeated(
            at,
            s.plates,
            self._plates_within,
            acts_limit=self._settings.audit_plate_searches,
            cases_limit=self._settings.audit_plate_cases,
        ):
            day = one.at.date()
            if self._is_new("repeated_plate_search", person_id, one.plate, day):
                yield a_finding(
                    "repeated_plate_search",
                    person_id,
                    one.at,
                    one.plate,
                    day,
                    plate=one.plate,
                    count=len(one.places),
                    cases=one.searches.cases(one.places)[:20],
                    days=self._plates_within.days,
                )

    def _many(self, person_id: str, near: datetime, searches: Timeline) -> Iterator[FindingRaised]:
        limit = self._settings.audit_searches_per_hour
        places = searches.near(near, HOUR)
        at = searches.crowded(places, HOUR, limit + 1)
        if at is not None and self._is_new("many_searches", person_id, hour_of(at)):
            count = searches.up_to(at, HOUR, places)
            yield a_finding("many_searches", person_id, at, hour_of(at), count=count, limit=limit)

    def _is_new(self, *mark: object) -> bool:
        """Return False if a finding with this mark was raised before, as far as it is remembered."""
        if mark in self._raised:
            return False
        self._raised[mark] = None
        return True

    def _trim(self, refused: Sequence[Seen], earliest: dict[str, datetime]) -> None:
        """Drop the acts that the next entries do not need, unless these come late."""
        if refused and self._refused_since is not None:
            since = before(min(s.occurred_at for s in refused), SLACK)
            if since - self._refused_since > SLACK:
                self._refused_since = since
                for timeline in self._refused.values():
                    timeline.drop_before(before(since, self._refused_within))
                self._refused = {name: acts for name, acts in self._refused.items() if acts}
        for person_id, at in earliest.items():
            person, since = self._people[person_id], before(at, SLACK)
            if since - person.since > TRIMMED_EVERY:
                person.since = since
                person.searches.drop_before(before(since, HOUR), before(since, self._plates_within))
            held = len(person.searches)
            self._held += held - person.held
            person.held = held
        for person_id in list(self._people):
            if self._held <= MOST_ACTS:
                break
            self._held -= self._people.pop(person_id).held
        for mark in list(self._raised)[: max(0, len(self._raised) - MOST_RAISED)]:
            del self._raised[mark]


def _is_refusal(s: Seen) -> bool:
    return s.allowed is False and (s.person_id is not None or s.client_address is not None)


def _is_search(s: Seen) -> bool:
    """Return whether an entry is a search, by its attempt or by what it discloses."""
    if is_disclosed_search(s.content):
        return bool(s.person_id)
    if s.kind != _SEARCHED or not s.allowed or s.permission not in SEARCHES:
        return False
    return bool(s.person_id)


def _earliest_of_each(searched: Iterable[Seen]) -> dict[str, datetime]:
    """Return the time of each person's earliest search among `searched`."""
    earliest: dict[str, datetime] = {}
    for s in searched:
        at = earliest.get(str(s.person_id))
        earliest[str(s.person_id)] = s.occurred_at if at is None else min(at, s.occurred_at)
    return earliest
