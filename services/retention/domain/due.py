"""Selects the due reads that are voted on together, and decides which of their passes are closed (ADR-0062)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, takewhile
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.retention.domain.passes import Rules, Span, Track, clusters, still_open
from services.retention.domain.sightings import Sighting
from services.retention.domain.tracks import tracks_of

JUST_AFTER: Final = timedelta(microseconds=1)
"""The resolution of times in Postgres."""


@dataclass(frozen=True, slots=True)
class Due:
    """A span of a device's stored reads that await a decision on their passes."""

    due_id: int
    device_id: UUID
    device_name: str
    span: Span
    stored_at: datetime
    reads: int
    """Reads of the span when it was stored."""


@dataclass(frozen=True, slots=True)
class Window:
    """Settled due spans of one device whose reads may share passes."""

    device_id: UUID
    device_name: str
    span: Span
    due: tuple[Due, ...]
    expected: tuple[Span, ...]
    """The device's other due spans: those of other windows, and those stored so recently that other reads of their time
    may still arrive."""

    @property
    def reads(self) -> int:
        """About how many reads are due."""
        return sum(one.reads for one in self.due)

    def until(self, gap: timedelta) -> datetime:
        """Return the time up to which reads are examined: a gap after the span, but not into reads still to settle.

        Those are due by themselves, and a pass that they may join stays open for them.
        """
        end = self.span.last_at
        after = [one.first_at - JUST_AFTER for one in self.expected if one.last_at > end]
        return max(end, min([end + gap, *after]))


@dataclass(frozen=True, slots=True)
class Around:
    """The reads of a device in and around a window."""

    free: tuple[Sighting, ...]
    """Reads without a pass that may join one, with others or alone."""
    doubled: tuple[Sighting, ...]
    """Other reads without a pass that may contradict one: several of one sighting."""
    known: tuple[Track, ...]
    """Stored passes near the window: closed ones with all their reads, open ones with those near it."""
    has_doubles: bool
    """Whether several of these reads are of one sighting, by their ids."""
    seen_to: datetime | None
    """The time of the last fetched read if the query reached its limit; None if it fetched all."""

    @property
    def sightings(self) -> Iterator[Sighting]:
        """All these reads, with and without a pass."""
        return chain(self.free, self.doubled, *(track.sightings for track in self.known))


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision on one window."""

    window: Window
    opened: tuple[Track, ...]
    """New vehicles, and open passes with further reads, which later reads may still join."""
    ended: tuple[Track, ...]
    """New vehicles and open passes that no read can join any more: they are to be voted on."""
    late: tuple[Track, ...]
    """Closed passes that late reads joined."""
    rest_from: datetime | None
    """The time from which reads are still to be examined, if the query reached its limit; else None."""

    @property
    def is_cut(self) -> bool:
        """Whether the window has more reads than the query fetched."""
        return self.rest_from is not None

    @property
    def tracks(self) -> Iterator[Track]:
        """All of them."""
        return chain(self.opened, self.ended, self.late)

    @property
    def done(self) -> list[int]:
        """The ids of due spans to remove."""
        until = self.rest_from
        return [d.due_id for d in self.window.due if until is None or d.span.last_at < until]

    @property
    def shortened(self) -> list[tuple[int, datetime]]:
        """The ids of due spans that remain in part, each with its new first moment."""
        start = self.rest_from
        if start is None:
            return []
        partly = (d for d in self.window.due if d.span.first_at < start <= d.span.last_at)
        return [(one.due_id, start) for one in partly]


def windows(due: Iterable[Due], settled: datetime, rules: Rules) -> list[Window]:
    """Return the windows of spans that were stored by `settled`: each device's in order of time."""
    of_device = defaultdict[UUID, list[Due]](list)
    for one in due:
        of_device[one.device_id].append(one)
    return [window for spans in of_device.values() for window in _windows(spans, settled, rules)]


def _windows(due: Sequence[Due], settled: datetime, rules: Rules) -> Iterator[Window]:
    ready = sorted((one for one in due if one.stored_at <= settled), key=lambda one: one.span)
    unsettled = [one.span for one in due if one.stored_at > settled]
    spans = clusters((one.span for one in ready), rules.gap)
    start = 0
    for place, span in enumerate(spans):
        end = start
        while end < len(ready) and ready[end].span.first_at <= span.last_at:
            end += 1
        within = tuple(ready[start:end])
        expected = (*unsettled, *_beside(spans, place, rules))
        yield Window(within[0].device_id, within[0].device_name, span, within, expected)
        start = end


def _beside(spans: Sequence[Span], place: int, rules: Rules) -> Iterator[Span]:
    """Yield the other spans that may share an open pass with the one at `place`."""
    reach = rules.longest + 2 * rules.gap
    span = spans[place]
    before = (spans[at] for at in range(place - 1, -1, -1))
    after = (spans[at] for at in range(place + 1, len(spans)))
    yield from takewhile(lambda other: other.last_at >= span.first_at - reach, before)
    yield from takewhile(lambda other: other.first_at <= span.last_at + reach, after)


def accompanied(
    classes: NDArray[np.int64], moments: NDArray[np.int64], gap: int
) -> NDArray[np.bool_]:
    """Return which reads have another moment of their class of plates within `gap`; the others join no pass.

    Args:
        classes: of look-alikes, as numbers.
        moments: times, in the unit of `gap`.
        gap: the longest time between two reads of a pass.
    """
    order = np.lexsort((moments, classes))
    same = np.diff(classes[order]) == 0
    steps = np.diff(moments[order])
    # Reads of one class and moment stand for one: what is near to one of them is near to each.
    begins = np.append(True, ~(same & (steps == 0)))[: len(order)]
    first = order[begins]
    close = (np.diff(classes[first]) == 0) & (np.diff(moments[first]) <= gap)
    near = np.append(close, False)[: len(first)] | np.append(False, close)[: len(first)]
    found = np.empty(len(order), np.bool_)
    found[order] = near[np.cumsum(begins) - 1]
    return found


def decide(window: Window, around: Around, rules: Rules) -> Decision:
    """Assign the reads of a window to vehicles, and end the passes that no further read may join."""
    tracks = tracks_of(around.free, around.known, rules)
    waiting = set(map(id, still_open(tracks, window.expected, rules, around.seen_to)))
    # A single read makes no pass.
    unvoted = [track for track in tracks if track.is_unvoted and track.reads > 1]
    rest_from = around.seen_to
    if rest_from is not None and rest_from <= window.span.first_at:
        # More vehicles at one moment than any camera sees: the reads that were not fetched stay without a pass.
        rest_from = window.span.first_at + JUST_AFTER
    return Decision(
        window,
        opened=tuple(t for t in unvoted if id(t) in waiting and (t.pass_id is None or t.added)),
        ended=tuple(t for t in unvoted if id(t) not in waiting),
        late=tuple(t for t in tracks if not t.is_unvoted),
        rest_from=rest_from,
    )
