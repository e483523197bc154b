"""Writes the records of a package to files, and lists the images that belong to them.

Evidence contains images as captured. A release contains them cut to the released plates (ADR-0029).

Rows are written from the database's cursor to files: a package may be larger than memory.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from services.retention.actions.package_lines import (
    CUT_TYPE,
    cell,
    columns_of,
    corrections_of,
    doubts,
    image_path,
    plain_capture,
    plain_hit,
    plain_read,
)
from services.retention.domain.frame_cuts import FrameCuts, PlaceUnknown, frame_cuts
from services.retention.domain.hit_history import HITS
from services.retention.store.packages import Released
from services.retention.store.records import Capture, Read

NO_RECORD = "the record of this frame has not arrived"
"""Why a package lacks a frame that a read names."""
CORRECTED = "corrected to another plate, which the request does not name"
"""Why a release lacks a read of the plate that it names."""


@dataclass(frozen=True)
class Cutting:
    """The rules for cutting the pictures of a release."""

    margin_widths: float
    """Margin of the frame shown around a plate, each way, in widths of the plate."""
    originals: frozenset[UUID] = frozenset()
    """Captures that the approver named; the release contains their frames as captured."""


class WantedObject(NamedTuple):
    """An object to include in the package."""

    path: str
    object_key: str
    sha256: str | None
    cut: bool = False
    """Whether to encode it again from its pixels, with a flat colour outside `cuts`."""
    cuts: FrameCuts | None = None
    """The parts to keep; None for the whole picture."""


@dataclass
class Contents:
    """The files of a package so far, in their own folder, with their counts."""

    folder: Path
    reads: int = 0
    hits: int = 0
    captures: int = 0
    images: int = 0
    late: int = 0
    """Reads that arrived later than their device may keep them back."""
    omitted: list[tuple[str, str]] = field(default_factory=list)
    originals: dict[UUID, str] = field(default_factory=dict)
    """Paths of the frames that a release contains as captured, by the ids of their captures."""
    is_cut: bool = False
    """Whether pictures are cut to the released parts."""

    @property
    def records_jsonl(self) -> Path:
        """One complete read per line."""
        return self.folder / "records.jsonl"

    @property
    def records_csv(self) -> Path:
        """The reads as a table."""
        return self.folder / "records.csv"

    @property
    def hits_jsonl(self) -> Path:
        """One hit per line: its events as published."""
        return self.folder / HITS

    @property
    def captures_jsonl(self) -> Path:
        """One capture per line: the digest of its image and its outcome, with or without a plate."""
        return self.folder / "captures.jsonl"

    @property
    def wanted(self) -> Path:
        """One object to fetch per line."""
        return self.folder / "wanted.jsonl"


async def gather_records(
    released: Released, folder: Path, *, images: bool, cutting: Cutting | None = None
) -> Contents:
    """Write the records to files in `folder`, and list the images that belong to them.

    With `cutting`, images are cut to the released parts; without it they are as captured.
    """
    is_cut = cutting is not None
    contents = Contents(folder, is_cut=is_cut)
    with (
        contents.records_jsonl.open("wb") as lines,
        contents.records_csv.open("w", newline="") as table,
        contents.hits_jsonl.open("wb") as matches,
        contents.captures_jsonl.open("wb") as frames,
        contents.wanted.open("wb") as wanted,
    ):
        columns = columns_of(whole=released.whole)
        rows = csv.writer(table, lineterminator="\r\n")
        rows.writerow(columns)
        missing: set[UUID] = set()
        async for chunk in released.reads():
            captured = [r.capture_id for r in chunk if images and r.capture_id is not None]
            kinds = await released.media_types(captured)
            if images:
                missing.update(_without_record(chunk, kinds))
            hits = await released.hits(chunk)
            for hit in hits:
                matches.write(msgspec.json.encode(plain_hit(hit)) + b"\n")
            contents.hits += len(hits)
            for read in chunk:
                plain = plain_read(read, kinds, images=images, cut=is_cut)
                plain["corrections"] = corrections_of(read, whole=released.whole)
                if released.whole:
                    plain |= doubts(read)
                if released.has_hits:
                    plain["hits"] = [str(h.hit_id) for h in hits if h.read_id == read.read_id]
                lines.write(msgspec.json.encode(plain) + b"\n")
                rows.writerow(cell(plain[name]) for name in columns)
                if images and read.crop_key is not None:
                    _want(wanted, WantedObject(plain["crop"], read.crop_key, None, cut=is_cut))
            contents.reads += len(chunk)
            contents.late += sum(read.late is True for read in chunk)
        if images:
            async for captures in released.captures():
                if cutting is not None:
                    await _want_cuts(wanted, released, captures, cutting, contents)
                else:
                    _want_frames(wanted, frames, captures)
                contents.captures += len(captures)
    contents.omitted += [(f"images/{capture_id}", NO_RECORD) for capture_id in sorted(missing)]
    contents.omitted += [(f"reads/{read_id}", CORRECTED) for read_id in await released.left_out()]
    return contents


def _without_record(reads: Sequence[Read], kinds: Mapping[UUID, str]) -> Iterator[UUID]:
    """Yield the captures of reads with a frame whose record is not stored, so that nothing says what its bytes are."""
    for read in reads:
        capture_id = read.capture_id
        if capture_id is not None and read.image_key is not None and capture_id not in kinds:
            yield capture_id


def _want_frames(wanted: Any, frames: Any, captures: Sequence[Capture]) -> None:
    """List frames to include as captured."""
    for capture in captures:
        path = image_path(capture.capture_id, capture.media_type)
        frames.write(msgspec.json.encode(plain_capture(capture, path)) + b"\n")
        _want(wanted, WantedObject(path, capture.object_key, capture.sha256))


async def _want_cuts(
    wanted: Any,
    released: Released,
    captures: Sequence[Capture],
    cutting: Cutting,
    contents: Contents,
) -> None:
    """List the released parts of frames, and the originals that the approver named."""
    places = await released.places(captures)
    for capture in captures:
        key, sha256 = capture.object_key, capture.sha256
        if capture.capture_id in cutting.originals:
            path = image_path(capture.capture_id, capture.media_type, folder="originals")
            _want(wanted, WantedObject(path, key, sha256))
            contents.originals[capture.capture_id] = path
        path = image_path(capture.capture_id, CUT_TYPE)
        place = places[capture.capture_id]
        try:
            cuts = frame_cuts(place.released, place.others, margin_widths=cutting.margin_widths)
        except PlaceUnknown as exc:
            contents.omitted.append((path, str(exc)))
            continue
        _want(wanted, WantedObject(path, key, sha256, cut=True, cuts=cuts))


def _want(file: Any, wanted: WantedObject) -> None:
    file.write(msgspec.json.encode(wanted) + b"\n")


def wanted_in(path: Path) -> Iterator[WantedObject]:
    """Yield the objects that a file of `Contents.wanted` lists."""
    with path.open("rb") as lines:
        for line in lines:
            yield msgspec.json.decode(line, type=WantedObject)
