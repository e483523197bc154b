"""The rows of the vote on passes: reads by what may become of them, and passes as rows (ADR-0062, ADR-0092)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import NamedTuple
from uuid import UUID

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.retention.domain.due import Around, accompanied
from services.retention.domain.passes import OpenPass, Track
from services.retention.domain.plates import plate_number
from services.retention.store.read_columns import (
    MICROSECOND,
    Positions,
    Reads,
    class_number,
    microseconds,
    moment_of,
)
from shared.core.types import Ori
from shared.events import PassesRecorded, RecordedPass


class PassDetails(msgspec.Struct, frozen=True, omit_defaults=True):
    """The details of a pass that answers show and searches do not use."""

    characters: list[tuple[str, float]] = []
    alternatives: list[tuple[str, int, float]] = []  # plate, reads, share of all votes
    dissent: list[tuple[int, dict[str, float]]] = []  # place, character: share of all votes


class OpenPassRow(NamedTuple):
    """A row of `open_passes`."""

    device_id: UUID
    pass_id: UUID
    first_at: datetime
    last_at: datetime
    reads: int
    plates: list[int]
    surest_id: UUID
    surest_at: datetime

    @classmethod
    def of(cls, device_id: UUID, track: Track) -> "OpenPassRow":
        """Return the row of a track that further reads may join."""
        return cls(
            device_id,
            track.id,
            track.first_at,
            track.last_at,
            track.reads,
            [plate_number(plate) for plate in sorted(track.plates)],
            track.surest.read_id,
            track.surest.captured_at,
        )


class PassRow(NamedTuple):
    """A row of `passes`."""

    pass_id: UUID
    first_at: datetime
    last_at: datetime
    plate_id: int
    confidence: float
    misread_risk: float | None
    device_id: UUID
    best_read_id: UUID
    agency_ori: Ori
    region: str | None
    details: str

    @classmethod
    def of(cls, event: PassesRecorded, voted: RecordedPass) -> "PassRow":
        """Return the row of a pass that was voted on."""
        details = PassDetails(
            characters=[(c.text, c.confidence or 0.0) for c in voted.characters],
            alternatives=[(other.plate, other.reads, other.share) for other in voted.alternatives],
            dissent=[(one.place, one.others) for one in voted.dissent],
        )
        return cls(
            voted.pass_id,
            voted.first_seen_at,
            voted.last_seen_at,
            plate_number(voted.plate),
            voted.confidence,
            voted.misread_risk,
            event.device_id,
            voted.best_read_id,
            event.agency_ori,
            voted.region,
            msgspec.json.encode(details).decode(),
        )


class WindowReads:
    """The reads of a window, by what may become of them."""

    def __init__(self, reads: Reads, most: int) -> None:
        """`most` later ones may have been fetched; if so many were, there may be more."""
        self._reads = reads
        self.joined = reads.by_pass()
        """By stored pass: the positions of its reads."""
        later = reads.captured[reads.later]
        self.seen_to = moment_of(later.max().item()) if len(later) == most else None
        self._doubled = reads.doubled()
        self._has_doubles = bool(self._doubled.any())

    def joinable(self) -> set[UUID]:
        """Return the stored passes that a free read may join, or may contradict.

        A read without a place in its frame joins a read of its own class of look-alikes only.
        """
        reads = self._reads
        if self._has_doubles or (reads.detailed & reads.is_free).any():
            return set(self.joined)
        alike = np.isin(reads.classes, reads.classes[reads.is_free])
        return {pass_id for pass_id, positions in self.joined.items() if alike[positions].any()}

    def around(
        self, closed: Sequence[Track], is_open: Mapping[UUID, OpenPass], gap: timedelta
    ) -> Around:
        """Return the reads. Most join no pass: only the others become sightings, which cost most time."""
        reads, free = self._reads, np.flatnonzero(self._reads.is_free)
        in_open = self._positions_in(is_open)
        near = self._accompanied(np.concatenate((free, in_open)), closed, gap)[: len(free)]
        of_open = dict(zip(in_open.tolist(), reads.sightings(in_open), strict=True))
        opened = (
            Track([of_open[position] for position in self.joined.get(pass_id, ())], pass_id, one)
            for pass_id, one in is_open.items()
        )
        doubled = self._doubled[free] & ~near
        return Around(
            tuple(reads.sightings(free[near])),
            tuple(reads.sightings(free[doubled])),
            (*closed, *opened),
            self._has_doubles,
            self.seen_to,
        )

    def _positions_in(self, passes: Iterable[UUID]) -> Positions:
        found = chain.from_iterable(self.joined.get(pass_id, ()) for pass_id in passes)
        return np.fromiter(found, np.intp)

    def _accompanied(
        self, positions: Positions, closed: Sequence[Track], gap: timedelta
    ) -> NDArray[np.bool_]:
        """Return which reads at these positions may join a pass, with each other or with those of closed ones."""
        reads, within = self._reads, gap // MICROSECOND
        theirs = [
            (class_number(one.plate), microseconds(one.captured_at))
            for track in closed
            for one in track.sightings
        ]
        elsewhere = np.array(theirs, np.int64).reshape(-1, 2)
        classes = np.concatenate((reads.classes[positions], elsewhere[:, 0]))
        moments = np.concatenate((reads.captured[positions], elsewhere[:, 1]))
        near = accompanied(classes, moments, within)[: len(positions)]
        detailed = reads.detailed[positions]
        if detailed.any():  # a read with a box may be of a vehicle of any plate
            of_any = accompanied(np.zeros_like(classes), moments, within)[: len(positions)]
            near |= detailed & of_any
        return near
