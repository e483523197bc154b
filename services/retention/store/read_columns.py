"""The reads that the vote on passes looks at, as columns (ADR-0129).

A turn looks at thousands of reads, and of many only at the time and the plate. Postgres sends what has one length as
bytes, which numpy takes for arrays; a read becomes an object only where a pass may have it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import isnan
from typing import Any, Final
from uuid import UUID

import msgspec
import numpy as np
from asyncpg import Record
from asyncpg.pgproto import pgproto
from numpy.typing import NDArray

from services.retention.domain.details import NO_DETAILS, Details
from services.retention.domain.plates import class_numbers, plate_number, plate_of
from services.retention.domain.sightings import Box, Sighting, class_of, sureness_of
from shared.core.types import Ori, PlateText
from shared.events import Place

READ: Final = (
    "r.captured_at, r.plate_id, r.confidence, r.latitude, r.longitude, r.heading_deg, r.read_id, r.agency_ori,"
    " r.region, r.crop_key, r.details"
)
"""The columns of `reads` that a read is made of."""

_OF_ONE_LENGTH: Final = {
    "later": ("r.later", "?"),
    "captured_at": ("r.captured_at", ">i8"),
    "plate_id": ("r.plate_id", ">i8"),
    "confidence": ("r.confidence", ">f8"),
    "latitude": ("coalesce(r.latitude, 'NaN')", ">f8"),
    "longitude": ("coalesce(r.longitude, 'NaN')", ">f8"),
    "heading_deg": ("coalesce(r.heading_deg, 'NaN')", ">f4"),
    "read_id": ("r.read_id", "V16"),
    "pass_id": (f"coalesce(r.pass_id, '{UUID(int=0)}')", "V16"),
}
"""By name: an SQL expression that is never NULL, and the type of its bytes."""

ROW: Final = f"record_send(ROW({', '.join(sql for sql, _ in _OF_ONE_LENGTH.values())}))"
"""What has one length of a row `r` of `READ` with `later` and `pass_id`."""

COLUMNS: Final = (
    f"string_agg({ROW}, '') AS rows, array_agg(r.agency_ori) AS agencies, array_agg(r.region) AS regions,"
    " array_agg(r.crop_key) AS crop_keys, array_agg(CAST(r.details AS text)) AS details"
)
"""All of such rows as one row."""

_NAMES = ("rows", "agencies", "regions", "crop_keys", "details")

# `record_send` begins with the number of columns; each has its type and its length before it.
_ROW = np.dtype(
    [
        ("columns", ">i4"),
        *(
            part
            for name, (_, kind) in _OF_ONE_LENGTH.items()
            for part in ((f"type of {name}", ">i4"), (f"length of {name}", ">i4"), (name, kind))
        ),
    ]
)
_SEEN = ("read_id", "captured_at", "plate_id", "confidence")
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""From which Postgres counts."""
MICROSECOND: Final = timedelta(microseconds=1)
Positions = NDArray[np.intp]
"""Positions of reads among others."""
_details = msgspec.json.Decoder(Details)


class Reads:
    """Reads, each with the pass that it is in."""

    def __init__(
        self,
        rows: bytes,
        agencies: Sequence[Ori],
        regions: Sequence[str | None],
        crop_keys: Sequence[str | None],
        details: Sequence[str | None],
    ) -> None:
        """Each has as many as there are reads; `rows` has those of `ROW`, one after the other."""
        self._rows = np.frombuffer(rows, _ROW)
        self._agencies, self._regions = agencies, regions
        self._crop_keys, self._details = crop_keys, details
        self.later: NDArray[np.bool_] = self._rows["later"]
        self.captured = self._rows["captured_at"].astype(np.int64)
        """Times in microseconds, as `microseconds` returns them."""
        self.classes = class_numbers(self._rows["plate_id"].astype(np.int64))
        """Their classes of look-alikes, as `class_number` returns them."""
        self.detailed = np.array([text is not None for text in details], np.bool_)
        """Which have details, and perhaps a place in their frame."""
        self.is_free = ~_words(self._rows["pass_id"], ">u8").any(axis=1)
        """Which are in no pass."""

    @classmethod
    def of(cls, row: Record | None) -> "Reads":
        """Return those of a row of `COLUMNS`; none if there is none, or it is of no rows."""
        if row is None or row["rows"] is None:
            return cls(b"", (), (), (), ())
        return cls(*(row[name] for name in _NAMES))

    @classmethod
    def each(cls, rows: Sequence[Record]) -> "Reads":
        """Return those of rows that have `ROW` and the other columns of one read each."""
        of_one_length, *texts = ([row[name] for row in rows] for name in _NAMES)
        return cls(b"".join(of_one_length), *texts)

    def __len__(self) -> int:
        return len(self._rows)

    def by_pass(self) -> dict[UUID, list[int]]:
        """Return the positions of the reads of each pass."""
        positions = np.flatnonzero(~self.is_free)
        found: dict[bytes, list[int]] = {}
        for position, pass_id in zip(
            positions.tolist(), self._rows["pass_id"][positions].tolist(), strict=True
        ):
            found.setdefault(pass_id, []).append(position)
        return {pgproto.UUID(pass_id): rows for pass_id, rows in found.items()}

    def doubled(self) -> NDArray[np.bool_]:
        """Return which share their sighting with another one of these reads, by their ids (`shared.core.ids.akin`)."""
        words = _words(self._rows["read_id"], ">u4")
        moment, sighting = _words(self._rows["read_id"], ">u8")[:, 0], words[:, 2]
        order = np.lexsort((sighting, moment))
        same = (np.diff(moment[order]) == 0) & (np.diff(sighting[order]) == 0)
        doubled = np.zeros(len(self), np.bool_)
        doubled[order[1:]] |= same
        doubled[order[:-1]] |= same
        return doubled

    def sightings(self, positions: Positions) -> list[Sighting]:
        """Return some of the reads."""
        rows, chosen = self._rows.take(positions), positions.tolist()
        texts = (self._details[position] for position in chosen)
        details = (NO_DETAILS if text is None else _details.decode(text) for text in texts)
        seen = (rows[name].tolist() for name in _SEEN)
        return [
            Sighting(
                read_id=pgproto.UUID(read_id),
                captured_at=moment_of(captured_at),
                plate=(plate := plate_with(plate_id)),
                agency_ori=self._agencies[position],
                sureness=sureness_of(plate, known.characters, confidence),
                confidence=confidence,
                region=self._regions[position],
                box=Box(*known.box_px) if known.box_px else None,
                crop_key=self._crop_keys[position],
                misread_risk=known.misread_risk,
                place=at,
            )
            for position, known, at, read_id, captured_at, plate_id, confidence in zip(
                chosen, details, _places_of(rows), *seen, strict=True
            )
        ]


@lru_cache(maxsize=65_536)
def plate_with(number: int) -> PlateText:
    """Return the plate with a number, as `plate_of`; many are asked for again and again."""
    return plate_of(number)


@lru_cache(maxsize=65_536)
def class_number(plate: PlateText) -> int:
    """Return the number of a plate's class of look-alikes, as `class_numbers` does."""
    return plate_number(class_of(plate))


def microseconds(at: datetime) -> int:
    """Return a moment as Postgres counts it."""
    return (at - _EPOCH) // MICROSECOND


def moment_of(count: int) -> datetime:
    """Return a moment that Postgres counts so."""
    return _EPOCH + timedelta(0, 0, count)


@lru_cache(maxsize=1024)
def _place_at(latitude: float, longitude: float, heading_deg: float | None) -> Place:
    """Return a place; most cameras stay where they are."""
    return Place(latitude, longitude, heading_deg)


def _places_of(rows: NDArray[np.void]) -> list[Place | None]:
    numbers = (rows[name].tolist() for name in ("latitude", "longitude", "heading_deg"))
    return [
        None
        if isnan(latitude) or isnan(longitude)
        else _place_at(latitude, longitude, None if isnan(heading_deg) else heading_deg)
        for latitude, longitude, heading_deg in zip(*numbers, strict=True)
    ]


def _words(ids: NDArray[np.void], kind: str) -> NDArray[Any]:
    """Return ids as a row of unsigned numbers each."""
    return np.ascontiguousarray(ids).view(kind).reshape(len(ids), 16 // np.dtype(kind).itemsize)
