"""Selects the due reads that are voted on together, and decides which of their passes are closed (ADR-0062)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, pairwise
from typing import Final
from uuid import UUID

from services.retention.domain.passes import Rules, Span, Track, clusters, still_open, tracks_of
from services.retention.domain.sightings import Sighting

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
    """The device's spans stored so recently that other reads of their time may still arrive."""

    @property
    def reads(self) -> int:
        """About how many reads are due."""
        return sum(one.reads for one in self.due)


@dataclass(frozen=True, slots=True)
class Around:
    """The reads of a device in and around a window."""

    free: tuple[Sighting, ...]
    """Reads without a pass that may join one, with others or alone."""
    doubled: tuple[Sighting, ...]
    """Other reads without a pass that may contradict one: several of one sighting."""
    closed: tuple[Track, ...]
    """Passes near the window, each with all its reads."""
    seen_to: datetime | None
    """The time of the last fetched read if the query reached its limit; None if it fetched all."""

    @property
    def sightings(self) -> Iterator[Sighting]:
        """All these reads, with and without a pass."""
        return chain(self.free, self.doubled, *(track.sightings for track in self.closed))


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision on one window."""

    window: Window
    tracks: tuple[Track, ...]
    """New passes, and closed ones that late reads joined."""
    open_from: datetime | None
    """The time from which reads remain due; None if none do."""
    is_cut: bool
    """Whether the window has more reads than the query fetched."""

    @property
    def done(self) -> list[int]:
        """The ids of due spans to remove."""
        until = self.open_from
        return [d.due_id for d in self.window.due if until is None or d.span.last_at < until]

    @property
    def shortened(self) -> list[tuple[int, datetime]]:
        """The ids of due spans that remain in part, each with its new first moment."""
        start = self.open_from
        if start is None:
            return []
        partly = (d for d in self.window.due if d.span.first_at < start <= d.span.last_at)
        return [(one.due_id, start) for one in partly]


def windows(due: Iterable[Due], settled: datetime, gap: timedelta) -> list[Window]:
    """Return the windows of spans that were stored by `settled`: each device's in order of time."""
    of_device = defaultdict[UUID, list[Due]](list)
    for one in due:
        of_device[one.device_id].append(one)
    return [window for spans in of_device.values() for window in _windows(spans, settled, gap)]


def _windows(due: Sequence[Due], settled: datetime, gap: timedelta) -> Iterator[Window]:
    ready = sorted((one for one in due if one.stored_at <= settled), key=lambda one: one.span)
    expected = tuple(one.span for one in due if one.stored_at > settled)
    start = 0
    for span in clusters((one.span for one in ready), gap):
        end = start
        while end < len(ready) and ready[end].span.first_at <= span.last_at:
            end += 1
        within = tuple(ready[start:end])
        yield Window(within[0].device_id, within[0].device_name, span, within, expected)
        start = end


ANY_CLASS: Final = ""
"""Stands in `accompanied` for the plates of all reads, of which one with a box may be."""


def accompanied(seen: Iterable[tuple[str, datetime]], gap: timedelta) -> set[tuple[str, datetime]]:
    """Return the moments that have another one of their class of plates within `gap`; other reads join no pass.

    Args:
        seen: class and moment of each read, and for reads with a box among them `ANY_CLASS` and the moment of each.
        gap: the longest time between two reads of a pass.
    """
    moments = defaultdict[str, set[datetime]](set)
    for plate_class, at in seen:
        moments[plate_class].add(at)
    near: set[tuple[str, datetime]] = set()
    for plate_class, times in moments.items():
        for one, other in pairwise(sorted(times)):
            if other - one <= gap:
                near |= {(plate_class, one), (plate_class, other)}
    return near


def decide(window: Window, around: Around, rules: Rules) -> Decision:
    """Assign the reads of a window to vehicles, and close the passes that no further read may join."""
    tracks = tracks_of(around.free, around.closed, rules)
    waiting = still_open(tracks, window.expected, rules, around.seen_to)
    open_from = min((track.first_at for track in waiting), default=around.seen_to)
    first_at = window.span.first_at
    if around.seen_to is not None and open_from is not None and open_from <= first_at:
        # More vehicles at once than any camera sees: decide the fetched reads without waiting for others.
        waiting = []
        open_from = max(around.seen_to, first_at + JUST_AFTER)
    open_tracks = set(map(id, waiting))
    closed = (track for track in tracks if id(track) not in open_tracks)
    # A single read makes no pass.
    tracks_to_store = tuple(
        t for t in closed if t.late or (t.pass_id is None and len(t.sightings) > 1)
    )
    return Decision(window, tracks_to_store, open_from, around.seen_to is not None)
