"""The rows of the vote on passes: reads as the domain's sightings, and passes as rows (ADR-0062, ADR-0092)."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

import msgspec
from asyncpg import Record

from services.retention.domain.details import NO_DETAILS, Details
from services.retention.domain.due import ANY_CLASS, Around, accompanied
from services.retention.domain.passes import OpenPass, Track
from services.retention.domain.plates import plate_number, plate_of
from services.retention.domain.sightings import Box, Sighting, class_of, sureness_of
from shared.core.ids import akin
from shared.core.types import Ori, PlateText
from shared.events import PassesRecorded, Place, RecordedPass

_details = msgspec.json.Decoder(Details)


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


class WindowRows:
    """The reads of a window as rows, by what may become of them."""

    def __init__(self, rows: Sequence[Record], most: int) -> None:
        """`most` later ones may have been fetched; if so many were, there may be more."""
        self.free: list[Record] = []
        self.joined = defaultdict[UUID, list[Record]](list)
        """Rows of reads in stored passes."""
        later = []
        for row in rows:
            if row["pass_id"] is None:
                self.free.append(row)
            else:
                self.joined[row["pass_id"]].append(row)
            if row["later"]:
                later.append(row["captured_at"])
        self.seen_to = max(later) if len(later) == most else None
        self.doubles = _doubles(rows)

    def joinable(self) -> set[UUID]:
        """Return the stored passes that a free read may join, or may contradict.

        A read without a place in its frame joins a read of its own class of look-alikes only.
        """
        if self.doubles or any(row["details"] for row in self.free):
            return set(self.joined)
        classes = {plate_and_class(row["plate_id"])[1] for row in self.free}
        return {
            pass_id
            for pass_id, rows in self.joined.items()
            if not classes.isdisjoint(plate_and_class(row["plate_id"])[1] for row in rows)
        }

    def around(
        self, closed: Sequence[Track], is_open: Mapping[UUID, OpenPass], gap: timedelta
    ) -> Around:
        """Return the reads. Most join no pass: only the others become sightings, which cost most time."""
        opened = (
            Track([sighting_of(row) for row in self.joined.get(pass_id, ())], pass_id, one)
            for pass_id, one in is_open.items()
        )
        tracks = (*closed, *opened)
        seen = [(plate_and_class(row["plate_id"])[1], row["captured_at"]) for row in self.free]
        every = seen + [
            (class_of(one.plate), one.captured_at) for track in tracks for one in track.sightings
        ]
        if any(row["details"] for row in self.free):
            every += [(ANY_CLASS, at) for _, at in every]
        near = accompanied(every, gap)
        may_join, doubled = [], []
        for row, moment in zip(self.free, seen, strict=True):
            if moment in near or (row["details"] and (ANY_CLASS, moment[1]) in near):
                may_join.append(sighting_of(row))
            elif self.doubles and akin(row["read_id"]) in self.doubles:
                doubled.append(sighting_of(row))
        return Around(tuple(may_join), tuple(doubled), tracks, self.seen_to)


def _doubles(rows: Sequence[Record]) -> set[int]:
    """Return what the ids of several reads of one sighting have in common; mostly there is none."""
    sightings = [akin(row["read_id"]) for row in rows]
    if len(set(sightings)) == len(sightings):
        return set()
    return {one for one, times in Counter(sightings).items() if times > 1}


@lru_cache(maxsize=65_536)
def plate_and_class(number: int) -> tuple[PlateText, str]:
    """Return the plate of a number, and its class of look-alikes."""
    plate = plate_of(number)
    return plate, class_of(plate)


def sighting_of(row: Record) -> Sighting:
    """Return the read of a row."""
    (plate, _), text, confidence = (
        plate_and_class(row["plate_id"]),
        row["details"],
        row["confidence"],
    )
    details = NO_DETAILS if text is None else _details.decode(text)
    latitude, longitude = row["latitude"], row["longitude"]
    return Sighting(
        read_id=row["read_id"],
        captured_at=row["captured_at"],
        plate=plate,
        agency_ori=row["agency_ori"],
        sureness=sureness_of(plate, details.characters, confidence),
        confidence=confidence,
        region=row["region"],
        box=Box(*details.box_px) if details.box_px else None,
        crop_key=row["crop_key"],
        misread_risk=details.misread_risk,
        place=None
        if latitude is None or longitude is None
        else Place(latitude, longitude, row["heading_deg"]),
    )
