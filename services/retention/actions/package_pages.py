"""Writes the pages of a package for a browser, from the files that the package has (ADR-0126).

A thread renders a page at a time: memory has the records of two pages, never all.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from heapq import merge
from itertools import groupby, islice
from typing import IO, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from services.retention.actions.gathering import Contents
from services.retention.domain.bag import BagWriter
from services.retention.domain.package_pages import (
    INDEX,
    RECORDS_ON_A_PAGE,
    PackedRecord,
    PageEntry,
    PageMaker,
    Picture,
)
from shared.core.markup import Html

Line = Mapping[str, Any]


async def write_pages(
    bag: BagWriter,
    contents: Contents,
    *,
    title: str,
    zone: ZoneInfo,
    cover: Line,
    package: Mapping[str, str],
) -> None:
    """Write the pages of the records and their index; a package of one page has the records in the index.

    The pictures have to be in the bag, since the pages have their digests.
    """
    pictures = _Pictures(bag, contents)
    pages = PageMaker(title, zone, pictures.of)
    records = _records(contents)
    batch = await asyncio.to_thread(_next, records)
    following = await asyncio.to_thread(_next, records)
    if not following:
        index = await asyncio.to_thread(pages.index, cover, package, records=batch)
        await _write(bag, INDEX, index)
        return
    listed: list[PageEntry] = []
    first = 1
    while batch:
        page = await asyncio.to_thread(
            pages.page, len(listed) + 1, first, batch, is_last=not following
        )
        since, until = batch[0].captured_at, batch[-1].captured_at
        entry = PageEntry(len(listed) + 1, first, first + len(batch) - 1, since, until)
        await _write(bag, entry.file, page)
        listed.append(entry)
        first += len(batch)
        batch, following = following, await asyncio.to_thread(_next, records)
    await _write(bag, INDEX, await asyncio.to_thread(pages.index, cover, package, pages=listed))


async def _write(bag: BagWriter, path: str, page: Html) -> None:
    with bag.file(path, compress=True) as file:
        await asyncio.to_thread(file.write, page.encode())


def _next(records: Iterator[PackedRecord]) -> Sequence[PackedRecord]:
    """Return the records of the next page."""
    return list(islice(records, RECORDS_ON_A_PAGE))


def _records(contents: Contents) -> Iterator[PackedRecord]:
    """Yield the records of a package in order of time: reads with their hits, and frames without a read in it."""
    with ExitStack() as opened:
        reads, captures, hits = (
            opened.enter_context(path.open("rb"))
            for path in (contents.records_jsonl, contents.captures_jsonl, contents.hits_jsonl)
        )
        hits_of = _HitsInOrder(hits)
        lines = merge(_timed(reads), _timed(captures), key=lambda timed: timed[0])
        for captured_at, moment in groupby(lines, key=lambda timed: timed[0]):
            with_reads = set()
            for _, line in moment:  # reads before captures: `merge` is stable
                if "read_id" in line:
                    with_reads.add(line["capture_id"])
                    yield PackedRecord(captured_at, line, None, hits_of.ids(line.get("hits", [])))
                elif line["capture_id"] not in with_reads:
                    yield PackedRecord(captured_at, None, line, [])


def _timed(file: IO[bytes]) -> Iterator[tuple[datetime, Line]]:
    for text in file:
        line = msgspec.json.decode(text)
        yield datetime.fromisoformat(line["captured_at"]), line


class _HitsInOrder:
    """The hits of reads: their lines have the order of the chunks of reads, so few wait for their read."""

    def __init__(self, lines: IO[bytes]) -> None:
        self._lines = lines
        self._waiting: dict[str, Line] = {}

    def ids(self, hit_ids: Sequence[str]) -> list[Line]:
        """Return the lines of these hits."""
        while not self._waiting.keys() >= set(hit_ids):
            hit = msgspec.json.decode(next(self._lines))
            self._waiting[hit["hit_id"]] = hit
        return [self._waiting.pop(hit_id) for hit_id in hit_ids]


class _Pictures:
    """The pictures of records, in the package or omitted from it."""

    def __init__(self, bag: BagWriter, contents: Contents) -> None:
        self._bag = bag
        self._omitted = dict(contents.omitted)
        self._originals = contents.originals
        self._frame = "Frame, cut to the released part" if contents.is_cut else "Frame as captured"

    def of(self, line: Line) -> list[tuple[str, Picture]]:
        """Return the pictures that the line of a read or a capture names."""
        capture_id = line["capture_id"]
        without_record = f"images/{capture_id}"
        named = [
            ("Plate", line.get("crop")),
            (self._frame, line["image"] or (without_record in self._omitted and without_record)),
            ("Frame as captured, named in the decision", self._original(capture_id)),
        ]
        return [(what, self._picture(path)) for what, path in named if path]

    def _original(self, capture_id: str | None) -> str | None:
        return self._originals.get(UUID(capture_id)) if capture_id else None

    def _picture(self, path: str) -> Picture:
        return Picture(path, self._bag.digest(path), self._omitted.get(path))
