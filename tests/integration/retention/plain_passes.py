"""The rule of passes in plain Python: one device and one span at a time, each from all reads in memory (ADR-0011)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from services.retention.domain.passes import (
    Follower,
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
                expected = [span for _, span, at in mine if at > settled]
                for span in clusters(ready, self.rules.gap):
                    self._decide(device_id, span, expected, settled)

    def _decide(
        self, device_id: UUID, span: Span, expected: Sequence[Span], settled: datetime
    ) -> None:
        gap = self.rules.gap
        ordered = sorted(self._reads[device_id].values(), key=lambda s: (s.captured_at, s.read_id))
        before = [s for s in ordered if span.first_at - gap <= s.captured_at < span.first_at]
        later = [s for s in ordered if span.first_at <= s.captured_at <= span.last_at + gap]
        later = later[: self.most]
        seen_to = later[-1].captured_at if len(later) == self.most else None
        near = [*before, *later]
        passes = sorted({self.members[s.read_id][0] for s in near if s.read_id in self.members})
        closed = [
            Track([s for s in ordered if self.members.get(s.read_id, (None,))[0] == one], one)
            for one in passes
        ]
        free = [s for s in near if s.read_id not in self.members]
        tracks = Follower(self.rules).follow(free, closed)
        waiting = still_open(tracks, expected, self.rules, seen_to)
        open_from = min((track.first_at for track in waiting), default=seen_to)
        if seen_to is not None and open_from is not None and open_from <= span.first_at:
            waiting = []
            open_from = max(seen_to, span.first_at + timedelta(microseconds=1))
        for track in tracks:
            if not any(track is one for one in waiting):
                self._close(track)
        self.due = [
            left
            for one in self.due
            if (left := self._left(one, device_id, span, open_from, settled)) is not None
        ]

    def _close(self, track: Track) -> None:
        if track.pass_id is not None:
            self.members.update({s.read_id: (track.pass_id, True) for s in track.late})
        elif len(track.sightings) > 1:
            pass_id = pass_id_of(track.sightings[0])
            self.plates[pass_id] = vote(track.sightings).plate
            self.members.update({s.read_id: (pass_id, False) for s in track.sightings})

    @staticmethod
    def _left(
        one: tuple[UUID, Span, datetime],
        device_id: UUID,
        span: Span,
        open_from: datetime | None,
        settled: datetime,
    ) -> tuple[UUID, Span, datetime] | None:
        device, due, stored_at = one
        within = span.first_at <= due.first_at <= span.last_at
        if device != device_id or stored_at > settled or not within:
            return one
        if open_from is None or due.last_at < open_from:
            return None
        return device, Span(max(due.first_at, open_from), due.last_at), stored_at


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
