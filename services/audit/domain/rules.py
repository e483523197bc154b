"""The rules by which acts of people raise findings (policy 468.3.1(c)), without their queries.

Acts are added in the log's order, one by one. An answer covers the acts so far, so it depends on the log alone, and not
on how many entries are processed at once.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from services.audit.domain.named_plates import known_of, of_one_plate
from shared.core.permissions import Permission
from shared.core.plates import WILDCARDS

SEARCHES = frozenset({Permission.RECORD_SEARCH.value, Permission.RECORD_EXPORT.value})
"""Permissions under which an attempt is a search: an export is one whose reads go into a file."""

FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def before(at: datetime, by: timedelta) -> datetime:
    """Return the time `by` before `at`, or the first one of the calendar."""
    return at - by if at - FIRST > by else FIRST


class Act(NamedTuple):
    """One refused access or search: its time, and the case that it names."""

    at: datetime
    case_number: str | None = None


class Timeline:
    """Acts of one kind, in order of time."""

    __slots__ = ("acts", "times")

    def __init__(self) -> None:
        self.times: list[datetime] = []
        self.acts: list[Act] = []

    def __len__(self) -> int:
        return len(self.times)

    def add(self, act: Act) -> None:
        """Add an act, after those of the same time."""
        place = len(self.times)
        if place and act.at < self.times[-1]:
            place = bisect_right(self.times, act.at)
        self.times.insert(place, act.at)
        self.acts.insert(place, act)

    def drop_before(self, at: datetime) -> int:
        """Drop the acts before a time; return their number."""
        end = bisect_left(self.times, at)
        del self.times[:end], self.acts[:end]
        return end

    def near(self, at: datetime, within: timedelta) -> range:
        """Return the places of the acts up to `within` before or after a time."""
        until = at + within if LAST - at > within else LAST
        return range(bisect_left(self.times, before(at, within)), bisect_right(self.times, until))

    def up_to(self, at: datetime, within: timedelta, places: range) -> int:
        """Return the number of acts of `places` up to `at`, and at most `within` before it."""
        first = bisect_left(self.times, before(at, within), places.start, places.stop)
        return bisect_right(self.times, at, first, places.stop) - first

    def crowded(self, places: range, within: timedelta, limit: int) -> datetime | None:
        """Return the time at which `limit` acts of `places` first lay within `within` of each other; None if never."""
        for first in places[: max(0, len(places) - limit + 1)]:
            last = self.times[first + limit - 1]
            if last - self.times[first] <= within:
                return last
        return None

    def repeated(
        self, places: range, within: timedelta, *, acts_limit: int, cases_limit: int
    ) -> datetime | None:
        """Return the time at which the acts of `places` reached a limit; None if they did not.

        The limits within `within`: `acts_limit` acts, or `cases_limit` different cases.
        """
        often = self.crowded(places, within, acts_limit)
        latest: dict[str, datetime] = {}
        for place in places:
            at, case = self.acts[place]
            if often is not None and at >= often:
                break
            if case is None:
                continue
            latest[case] = at
            recent = len(latest) >= cases_limit and sum(at - a <= within for a in latest.values())
            if recent >= cases_limit:
                return at
        return often

    def cases(self, places: range) -> list[str]:
        """Return the different cases of the acts of `places`, sorted."""
        named = {self.acts[place].case_number for place in places}
        return sorted(case for case in named if case is not None)


class Repeated(NamedTuple):
    """One plate's searches by one person reached a limit."""

    plate: str
    """The text that names most of the plate's characters."""
    at: datetime
    searches: Timeline
    places: range
    """The searches that count, among `searches`."""


class Searches:
    """One person's searches: all of the last while, and by plate or pattern over a longer time."""

    __slots__ = ("_alike", "_of_text", "_patterns", "recent")

    def __init__(self) -> None:
        self.recent = Timeline()
        self._of_text: dict[str, Timeline] = {}
        self._alike: dict[str, set[str]] = {}
        """The texts that can mean the same plate as a text, itself among them."""
        self._patterns: set[str] = set()

    def __len__(self) -> int:
        return len(self.recent) + sum(map(len, self._of_text.values()))

    def add(self, act: Act, plates: Collection[str]) -> None:
        """Add a search that names these plates or patterns."""
        self.recent.add(act)
        for text in set(plates):
            if text not in self._of_text:
                self._of_text[text] = Timeline()
                self._compare(text)
            self._of_text[text].add(act)

    def drop_before(self, recent: datetime, of_plates: datetime) -> None:
        """Drop acts of `recent` before one time, and those by plate before another."""
        self.recent.drop_before(recent)
        for text, timeline in list(self._of_text.items()):
            if timeline.drop_before(of_plates) and not timeline:
                del self._of_text[text]
                self._patterns.discard(text)
                for other in self._alike.pop(text) - {text}:
                    self._alike[other].discard(text)

    def repeated(
        self,
        at: datetime,
        plates: Collection[str],
        within: timedelta,
        *,
        acts_limit: int,
        cases_limit: int,
    ) -> Iterator[Repeated]:
        """Yield the plates of a search at `at` whose searches reached a limit, as `Timeline.repeated` has it."""
        for plate in sorted({self._best_known(text, at, within) for text in plates}):
            searches = self._of_plate(plate)
            places = searches.near(at, within)
            if len(places) < min(acts_limit, cases_limit):
                continue
            limits = {"acts_limit": acts_limit, "cases_limit": cases_limit}
            reached = searches.repeated(places, within, **limits)
            if reached is not None:
                yield Repeated(plate, reached, searches, places)

    def _compare(self, text: str) -> None:
        """Find the texts that can mean the same plate as a new one."""
        whole = WILDCARDS.isdisjoint(text)
        compared = (
            self._patterns if whole else self._alike
        )  # two whole plates are alike only if equal
        alike = {other for other in compared if of_one_plate(text, other)}
        for other in alike:
            self._alike[other].add(text)
        self._alike[text] = alike | {text}
        if not whole:
            self._patterns.add(text)

    def _best_known(self, text: str, at: datetime, within: timedelta) -> str:
        """Return the text for the same plate, of those searched near `at`, that has the most known characters."""
        alike = self._alike[text]
        if len(alike) == 1:
            return text
        near = {other for other in alike if self._of_text[other].near(at, within)}
        return min(near | {text}, key=lambda other: (-known_of(other), other))

    def _of_plate(self, plate: str) -> Timeline:
        """Return the searches of all texts for a plate, each search once."""
        alike = self._alike[plate]
        if len(alike) == 1:
            return self._of_text[plate]
        acts = {id(act): act for text in alike for act in self._of_text[text].acts}
        merged = Timeline()
        for act in sorted(acts.values(), key=lambda act: act.at):
            merged.add(act)
        return merged
