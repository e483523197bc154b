"""The rule of passes in plain Python: one device and one span at a time, each from all reads in memory (ADR-0011)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from services.retention.domain.passes import (
    Follower,
    OpenPass,
    Rules,
    Span,
    Track,
    clusters,
    pass_id_of,
    still_open,
)
from services.retention.domain.sightings import Box, Sighting, sureness_of
from services.retention.domain.voting import vote
from shared.events import Read


@dataclass
class PlainPasses:
    """What retention's tables should have."""

    rules: Rules
    most: int
    """The most reads of one span."""
    plates: dict[UUID, str] = field(default_factory=dict)
    """The plate that each pass voted for."""
    members: dict[UUID, tuple[UUID, bool]] = field(default_factory=dict)
    """By read: its pass, and whether it was late."""
    open: dict[UUID, tuple[UUID, OpenPass]] = field(default_factory=dict)
    """Passes that are not voted on yet: device, and what is known."""
    due: list[tuple[UUID, Span, datetime]] = field(default_factory=list)
    """Device, span, when it was stored."""
    _reads: dict[UUID, dict[UUID, Sighting]] = field(default_factory=dict)

    def store(self, reads: Iterable[Read], now: datetime) -> None:
        """Store one batch."""
        of_device: dict[UUID, list[Sighting]] = {}
        for read in reads:
            of_device.setdefault(read.device_id, []).append(_sighting(read))
        for device_id, sightings in of_device.items():
            times = [sighting.captured_at for sighting in sightings]
            self.due.append((device_id, Span(min(times), max(times)), now))
            known = self._reads.setdefault(device_id, {})
            for sighting in sightings:
                known.setdefault(sighting.read_id, sighting)

    def work(self, settled: datetime) -> None:
        """Decide all that was stored by `settled`."""
        before = None
        while self.due != before:
            before = list(self.due)
            for device_id in sorted(self._reads):
                mine = [one for one in self.due if one[0] == device_id]
                ready = [span for _, span, at in mine if at <= settled]
                for span in clusters(ready, self.rules.gap):
                    self._decide(device_id, span, self._others(device_id, span, settled), settled)

    def _decide(
        self, device_id: UUID, span: Span, expected: Sequence[Span], settled: datetime
    ) -> None:
        gap = self.rules.gap
        ordered = sorted(self._reads[device_id].values(), key=lambda s: (s.captured_at, s.read_id))
        before = [s for s in ordered if span.first_at - gap <= s.captured_at < span.first_at]
        later = [
            s
            for s in ordered
            if span.first_at <= s.captured_at <= span.last_at
            or (
                (span.last_at < s.captured_at <= span.last_at + gap)
                and not any(
                    e.first_at <= s.captured_at and e.last_at > span.last_at for e in expected
                )
            )
        ]
        later = later[: self.most]
        seen_to = later[-1].captured_at if len(later) == self.most else None
        near = [*before, *later]
        free = [s for s in near if s.read_id not in self.members]
        tracks = Follower(self.rules).follow(free, self._stored(device_id, near, ordered, span))
        waiting = still_open(tracks, expected, self.rules, seen_to)
        for track in tracks:
            self._store(track, device_id, is_open=any(track is one for one in waiting))
        rest_from = seen_to
        if rest_from == span.first_at:
            rest_from += timedelta(microseconds=1)
        self.due = [
            left
            for one in self.due
            if (left := self._left(one, device_id, span, rest_from, settled)) is not None
        ]

    def _stored(
        self, device: UUID, near: Sequence[Sighting], ordered: Sequence[Sighting], span: Span
    ) -> list[Track]:
        """Return the passes of reads near a span: closed ones with all their reads, open ones with those near it."""
        passes = {self.members[s.read_id][0] for s in near if s.read_id in self.members}
        tracks = [
            Track([s for s in ordered if self._is_in(s, one)], one)
            for one in sorted(passes)
            if one not in self.open
        ]
        gap = self.rules.gap
        return tracks + [
            Track([s for s in near if self._is_in(s, pass_id)], pass_id, one)
            for pass_id, (device_id, one) in self.open.items()
            if device_id == device
            and one.first_at <= span.last_at + gap
            and one.last_at >= span.first_at - gap
        ]

    def _is_in(self, sighting: Sighting, pass_id: UUID) -> bool:
        return self.members.get(sighting.read_id, (None,))[0] == pass_id

    def _store(self, track: Track, device_id: UUID, *, is_open: bool) -> None:
        if track.pass_id is None and len(track.sightings) < 2:
            return
        pass_id = track.pass_id or pass_id_of(track.sightings[0])
        joining = track.sightings if track.pass_id is None else track.added
        self.members.update({s.read_id: (pass_id, not track.is_unvoted) for s in joining})
        if not track.is_unvoted:
            return
        self.open.pop(pass_id, None)
        if is_open:
            self.open[pass_id] = (
                device_id,
                OpenPass(
                    pass_id,
                    track.first_at,
                    track.last_at,
                    track.reads,
                    frozenset(track.plates),
                    track.surest,
                ),
            )
        else:
            whole = [s for s in self._reads[device_id].values() if self._is_in(s, pass_id)]
            self.plates[pass_id] = vote(Track(whole).sightings).plate

    def _others(self, device_id: UUID, span: Span, settled: datetime) -> list[Span]:
        """Return the due spans of a device that are not part of `span`."""
        return [
            other
            for device, other, at in self.due
            if device == device_id
            and (at > settled or not span.first_at <= other.first_at <= span.last_at)
        ]

    @staticmethod
    def _left(
        one: tuple[UUID, Span, datetime],
        device_id: UUID,
        span: Span,
        rest_from: datetime | None,
        settled: datetime,
    ) -> tuple[UUID, Span, datetime] | None:
        device, due, stored_at = one
        within = span.first_at <= due.first_at <= span.last_at
        if device != device_id or stored_at > settled or not within:
            return one
        if rest_from is None or due.last_at < rest_from:
            return None
        return device, Span(max(due.first_at, rest_from), due.last_at), stored_at


def _sighting(read: Read) -> Sighting:
    characters = [(one.text, one.confidence) for one in read.characters]
    box = read.box
    return Sighting(
        read_id=read.read_id,
        captured_at=read.captured_at,
        plate=read.plate,
        agency_ori=read.agency_ori,
        sureness=sureness_of(read.plate, characters, read.confidence),
        confidence=read.confidence,
        box=Box(box.x_px, box.y_px, box.width_px, box.height_px) if box else None,
    )
