"""Groups the reads of one device by passing vehicle (ADR-0011).

The device's own time orders the reads, whatever order they arrived in. Two reads of one moment are two vehicles.
A read with a different plate joins a vehicle only for a reason: an unsure character, or a place in the frame that
no other vehicle could have reached in that time.
"""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from math import hypot
from typing import Final, NamedTuple
from uuid import UUID

from services.retention.domain.sightings import Sighting, class_of, order_of, within
from shared.core.ids import derive_with_time_of
from shared.core.types import PlateText

SAME_PLATE: Final = 0.7
"""Reads with a lower distance are of one plate unless the frame contradicts: less than one character
that both are sure of (0.96), more than a sure pair of look-alikes (0.48)."""
SAME_PLACE: Final = 2.0
"""Reads with a lower distance are of one plate if it hardly moved: a vehicle does not change its plate
within `INSTANT`."""
INSTANT: Final = timedelta(seconds=0.5)
OVERLAP: Final = 0.3
"""Two boxes that share this fraction of their union show the plate in the same place."""
WIDTHS_AT_ONCE: Final = 4.0
WIDTHS_A_SECOND: Final = 60.0
"""The most a plate may move, in its own widths (0.3 m): 18 m/s across the picture, and an allowance for the
camera's shaking."""
GROWTH: Final = 3.0
"""A plate's width does not change by more than this factor between two reads of a pass."""
FOLLOWED_AT_MOST: Final = 24
"""The most vehicles that a read is compared with: a read without a box with the latest of its class of look-alikes,
one with a box also with the latest of all."""
READS_AT_MOST: Final = 2000
"""The most reads of one pass, which bounds its event: 30 frames a second for over a minute."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The limits of a pass."""

    gap: timedelta
    """A pass ends this long after the vehicle's last read, in the device's time."""
    longest: timedelta
    """The longest time from first read to last; a vehicle that stays starts another pass after that."""


@dataclass(frozen=True, slots=True)
class OpenPass:
    """What is stored of a pass that further reads may join: it is not voted on yet (ADR-0092)."""

    pass_id: UUID
    first_at: datetime
    last_at: datetime
    reads: int
    plates: frozenset[PlateText]
    """The different plates read."""
    surest: Sighting


@dataclass(slots=True, eq=False)
class Track:
    """The reads of one vehicle, in the order of the device's time."""

    sightings: list[Sighting]
    """Of an open pass only those near the reads that are being decided on, perhaps none."""
    pass_id: UUID | None = None
    """The pass that is stored; None for a new vehicle."""
    stored: OpenPass | None = None
    """What is stored of an open pass."""
    added: list[Sighting] = field(default_factory=list)
    """The reads that join the stored pass now. They are late if it is closed."""
    classes: set[str] = field(init=False)
    """The skeletons of the plates read."""
    _surest: Sighting = field(init=False)
    _named: tuple[Sighting, UUID] | None = field(init=False, default=None)
    """The first read, and the id that a new pass has from it."""

    def __post_init__(self) -> None:
        if len(self.sightings) > 1:
            self.sightings.sort(key=order_of)
        self.classes = {class_of(sighting.plate) for sighting in self.sightings}
        if self.stored is not None:
            self.classes |= {class_of(plate) for plate in self.stored.plates}
            self._surest = self.stored.surest
        elif len(self.sightings) > 1:
            self._surest = max(self.sightings, key=lambda s: s.confidence)
        else:
            self._surest = self.sightings[0]

    @property
    def id(self) -> UUID:
        """The id of its pass: the stored one's, or a new one's from its first read."""
        if self.pass_id is not None:
            return self.pass_id
        first = self.sightings[0]
        if self._named is None or self._named[0] is not first:
            self._named = first, pass_id_of(first)
        return self._named[1]

    @property
    def is_unvoted(self) -> bool:
        """Whether it is not published: a new vehicle, or an open pass."""
        return self.pass_id is None or self.stored is not None

    @property
    def first_at(self) -> datetime:
        """Time of the first read."""
        if self.stored is None:
            return self.sightings[0].captured_at
        return min([self.stored.first_at, *(s.captured_at for s in self.sightings[:1])])

    @property
    def last_at(self) -> datetime:
        """Time of the last read."""
        if self.stored is None:
            return self.sightings[-1].captured_at
        return max([self.stored.last_at, *(s.captured_at for s in self.sightings[-1:])])

    @property
    def begins(self) -> tuple[datetime, UUID]:
        """Sort key of tracks: of equally good ones, the first that began is chosen."""
        return self.first_at, self.pass_id or self.sightings[0].read_id

    @property
    def reads(self) -> int:
        """The number of reads."""
        return len(self.sightings) if self.stored is None else self.stored.reads + len(self.added)

    @property
    def is_whole(self) -> bool:
        """Whether `sightings` are all its reads."""
        return len(self.sightings) == self.reads

    @property
    def plates(self) -> set[PlateText]:
        """The different plates read."""
        stored = self.stored.plates if self.stored else ()
        return {sighting.plate for sighting in self.sightings}.union(stored)

    @property
    def surest(self) -> Sighting:
        """The read with the highest confidence."""
        return self._surest

    def add(self, sighting: Sighting) -> None:
        """Add a read."""
        if sighting.confidence > self._surest.confidence:
            self._surest = sighting
        self.classes.add(class_of(sighting.plate))
        insort(self.sightings, sighting, key=order_of)
        if self.pass_id is not None:
            self.added.append(sighting)

    def near(self, at: datetime) -> list[Sighting]:
        """Return the reads just before and just after a moment, at most two."""
        place = bisect_left(self.sightings, at, key=lambda s: s.captured_at)
        return self.sightings[max(0, place - 1) : place + 1]

    def cost(self, sighting: Sighting, rules: Rules) -> float | None:
        """Return how badly a read fits this vehicle, 0 and up; None if it is of another vehicle."""
        at = sighting.captured_at
        span = max(self.last_at, at) - min(self.first_at, at)
        if span > rules.longest or self.reads >= READS_AT_MOST:
            return None
        near = self.near(at)
        if any(known.captured_at == at for known in near):
            return None  # the track has a read of this moment: this is another vehicle
        costs = [_cost(known, sighting, rules) for known in near]
        least = min((cost for cost in costs if cost is not None), default=None)
        if least is None or within(self.surest, sighting, SAME_PLACE) is None:
            return None  # unsure reads must not lead step by step to a different plate
        return least


def pass_id_of(first: Sighting) -> UUID:
    """Return the id of the pass that starts with this read, and begins with its moment (ADR-0088).

    A read is in one pass at most.
    """
    return derive_with_time_of(first.read_id, "pass", first.read_id)


def _cost(known: Sighting, sighting: Sighting, rules: Rules) -> float | None:
    """Return how badly two reads fit as one vehicle's; None if they are of two."""
    away = abs(sighting.captured_at - known.captured_at)
    if away > rules.gap or known.agency_ori != sighting.agency_ori:
        return None
    seconds = away / timedelta(seconds=1)
    if known.plate == sighting.plate:
        return 0.01 * seconds
    apart = within(known, sighting, _limit(known, sighting, away))
    return None if apart is None else apart + 0.01 * seconds


def _limit(known: Sighting, sighting: Sighting, away: timedelta) -> float:
    """Return the distance below which two reads may be of one plate; 0 if they cannot be."""
    if known.box is None or sighting.box is None:
        return SAME_PLATE if class_of(known.plate) == class_of(sighting.plate) else 0.0
    one, other = known.box, sighting.box
    widths = max(1, one.width_px, other.width_px), max(1, min(one.width_px, other.width_px))
    moved_px = hypot(
        (one.x_px + one.width_px / 2) - (other.x_px + other.width_px / 2),
        (one.y_px + one.height_px / 2) - (other.y_px + other.height_px / 2),
    )
    reach = WIDTHS_AT_ONCE + WIDTHS_A_SECOND * (away / timedelta(seconds=1))
    if moved_px > reach * widths[0] or widths[0] > GROWTH * widths[1]:
        return 0.0
    in_place = away <= INSTANT and _shared(known, sighting) >= OVERLAP
    return SAME_PLACE if in_place else SAME_PLATE


def _shared(known: Sighting, sighting: Sighting) -> float:
    """Return the fraction of their union that two boxes share, 0 to 1."""
    one, other = known.box, sighting.box
    if one is None or other is None:
        return 0.0
    across = min(one.x_px + one.width_px, other.x_px + other.width_px) - max(one.x_px, other.x_px)
    down = min(one.y_px + one.height_px, other.y_px + other.height_px) - max(one.y_px, other.y_px)
    both = max(0, across) * max(0, down)
    union = one.width_px * one.height_px + other.width_px * other.height_px - both
    return both / union if union > 0 else 0.0


class Follower:
    """Assigns the reads of one device to vehicles."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._tracks: list[Track] = []
        self._ended: list[Track] = []
        self._leave_at = datetime.min.replace(tzinfo=UTC)
        self._by_class: dict[str, list[Track]] = defaultdict(list)

    def follow(self, free: Iterable[Sighting], known: Sequence[Track]) -> list[Track]:
        """Return the tracks of all new vehicles, of all open passes, and of the closed ones that late reads joined.

        Args:
            free: reads in no pass yet.
            known: stored passes near them: closed ones with all their reads, open ones with those nearby.
        """
        for track in known:
            self._add(track)
        ordered = sorted(free, key=order_of)
        for at, frame in groupby(ordered, key=lambda s: s.captured_at):
            self._leave(at)
            self._assign(list(frame))
        mine = [track for track in [*self._ended, *self._tracks] if track.pass_id is None]
        return [*mine, *(track for track in known if track.is_unvoted or track.added)]

    def _add(self, track: Track) -> None:
        self._tracks.append(track)
        for plate_class in track.classes:
            self._by_class[plate_class].append(track)

    def _leave(self, at: datetime) -> None:
        """Drop vehicles whose last read is too long before a moment; runs every quarter of a gap."""
        if at < self._leave_at:
            return
        self._leave_at = at + self._rules.gap / 4
        gone = [track for track in self._tracks if track.last_at + self._rules.gap < at]
        for track in gone:
            for plate_class in track.classes:
                self._by_class[plate_class].remove(track)
                if not self._by_class[plate_class]:
                    del self._by_class[plate_class]
        if gone:
            self._ended += gone
            self._tracks = [t for t in self._tracks if t.last_at + self._rules.gap >= at]

    def _assign(self, frame: Sequence[Sighting]) -> None:
        """Assign each read of one moment to a different vehicle, best fitting pairs first."""
        pairs = []
        for number, sighting in enumerate(frame):
            for track in self._candidates(sighting):
                cost = track.cost(sighting, self._rules)
                if cost is not None:
                    pairs.append((cost, track.begins, number, track))
        assigned: set[int] = set()
        busy: set[int] = set()
        for *_, number, track in sorted(pairs, key=lambda pair: pair[:3]):
            if number in assigned or id(track) in busy:
                continue
            assigned.add(number)
            busy.add(id(track))
            self._add_to(track, frame[number])
        for number, sighting in enumerate(frame):
            if number not in assigned:
                self._add(Track([sighting]))

    def _candidates(self, sighting: Sighting) -> list[Track]:
        """Return the vehicles that a read may be of: those with a plate like its own, and with a box the latest."""
        alike = self._by_class.get(class_of(sighting.plate), [])[-FOLLOWED_AT_MOST:]
        if sighting.box is None:
            return alike  # without a place in the frame only look-alikes are one vehicle
        latest = self._tracks[-FOLLOWED_AT_MOST:]
        return [*latest, *(track for track in alike if track not in latest)]

    def _add_to(self, track: Track, sighting: Sighting) -> None:
        track.add(sighting)
        alike = self._by_class[class_of(sighting.plate)]
        if track not in alike:
            alike.append(track)


_END = datetime.max.replace(tzinfo=UTC)


class Span(NamedTuple):
    """Reads of a device captured from `first_at` to `last_at`, both included."""

    first_at: datetime
    last_at: datetime


def still_open(
    tracks: Sequence[Track], expected: Sequence[Span], rules: Rules, seen_to: datetime | None
) -> list[Track]:
    """Return the unpublished tracks of several reads that further reads may still join.

    Args:
        tracks: from `Follower.follow`.
        expected: spans with reads that are still to be examined.
        rules: the limits of a pass.
        seen_to: time of the last read fetched; None if all were.

    Omits single reads: a read in no pass is compared again with each later one.
    """
    gap = rules.gap
    awaited = [(span.first_at - gap, span.last_at + gap) for span in clusters(expected, gap)]
    if seen_to is not None:
        awaited.append((seen_to - gap, _END))
    if not awaited:
        return []
    earliest = min(since for since, _ in awaited)
    return [
        track
        for track in tracks
        if track.is_unvoted
        and (last_at := track.last_at) >= earliest
        and track.reads > 1
        and any(since <= last_at and track.first_at <= until for since, until in awaited)
    ]


def clusters(spans: Iterable[Span], gap: timedelta) -> list[Span]:
    """Return the spans, joining those whose reads may share a pass."""
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and span.first_at <= joined[-1].last_at + 2 * gap:
            joined[-1] = Span(joined[-1].first_at, max(joined[-1].last_at, span.last_at))
        else:
            joined.append(span)
    return joined
