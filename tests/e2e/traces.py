"""Searches for a vehicle everywhere in a stack: in rows, statistics, topics, objects, files and logs.

A trace is a plate, a camera, a moment or a picture in any spelling, also within base64, hexadecimal digits and
compressed data. A search without a result is a proof only if the same search has found a planted trace.
"""

import base64
import re
import struct
import zipfile
import zlib
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from uuid import UUID

import asyncpg
import cramjam
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from services.retention.domain.plates import plate_number
from shared.core.matching import skeleton
from shared.kafka.topics import TOPICS

PLATE, DEVICE, TIME, PICTURE = "plate", "device", "time", "picture"
_DEEPEST = 3
_POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}")
_HEX = re.compile(rb"(?:[0-9a-fA-F]{2}){8,}")
_MONTH = re.compile(r"_\d{4}_\d\d$")
_BATCH_HEADER, _BY_ZSTD = 61, 4
_GZIP, _ZSTD, _ZIP = b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"


@dataclass(frozen=True)
class Traces:
    """The values that betray one vehicle."""

    plates: Sequence[str]
    devices: Sequence[UUID]
    moments: Sequence[datetime]
    pictures: Sequence[bytes] = ()
    _lower: dict[bytes, str] = field(default_factory=dict, init=False)
    """Spellings in which case does not count, in lower case, each with the value that it spells."""
    _exact: dict[bytes, str] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        for plate in self.plates:
            self._add(PLATE, texts=_plate_texts(plate), numbers=[plate_number(plate)])
        for device in self.devices:
            self._add(DEVICE, texts=[str(device), device.hex], data=[device.bytes])
        for moment in self.moments:
            micros = (moment - _POSTGRES_EPOCH) // timedelta(microseconds=1)
            unix_ms = int(moment.timestamp() * 1000)
            as_uuid = [f"{unix_ms:012x}", f"{unix_ms:012x}"[:8] + "-" + f"{unix_ms:012x}"[8:]]
            self._add(TIME, texts=[*_moment_texts(moment), *as_uuid], numbers=[micros])
        for picture in self.pictures:
            middle = len(picture) // 2
            self._add(PICTURE, data=[picture[middle : middle + 48]])

    def _add(
        self,
        what: str,
        *,
        texts: Iterable[str] = (),
        numbers: Iterable[int] = (),
        data: Iterable[bytes] = (),
    ) -> None:
        plain = list(data)
        for number in numbers:
            plain += [number.to_bytes(8, "big"), number.to_bytes(8, "little")]
            texts = [*texts, str(number)]
        for text in texts:
            for spelled in {text, text.upper(), text.lower()}:
                plain += [spelled.encode(c) for c in ("ascii", "utf-16-le", "utf-16-be")]
        for one in plain:
            self._lower[one.lower()] = what
            self._lower[one.hex().encode()] = what
            for shift in range(3):
                self._exact[_within_base64(one, shift)] = what
                self._exact[_within_base64(one, shift).translate(_URL_SAFE)] = what

    def within(self, data: bytes, depth: int = 0) -> set[str]:
        """Return the kinds of trace in `data`, also inside encoded or compressed parts."""
        lower = data.lower()
        found = {what for spelled, what in self._lower.items() if spelled in lower}
        found |= {what for spelled, what in self._exact.items() if spelled in data}
        if depth < _DEEPEST:
            for inner in _inside(data):
                found |= self.within(inner, depth + 1)
        return found

    def on_disk(self, data: bytes) -> set[str]:
        """Search large binary files like `within`, but as they are, without decoding them."""
        lower = data.lower()
        return {what for spelled, what in self._lower.items() if spelled in lower}


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def _plate_texts(plate: str) -> list[str]:
    spelled = {plate, skeleton(plate)}
    for cut in range(1, len(plate)):
        spelled |= {f"{plate[:cut]}{between}{plate[cut:]}" for between in (" ", "-", "·", "%20")}
    spelled |= {f"{plate[0]}{b}{plate[1:4]}{b}{plate[4:]}" for b in (" ", "-")}
    spelled |= {" ".join(plate), "-".join(plate), '","'.join(plate), '", "'.join(plate)}
    return sorted(one for one in spelled if one.isascii())


def _moment_texts(moment: datetime) -> list[str]:
    """Return a moment's spellings to the second: finer ones, and zones, begin alike or follow."""
    seconds = str(int(moment.timestamp()))  # milli-, micro- and nanoseconds begin with it
    return [
        seconds,
        f"{moment:%Y-%m-%dT%H:%M:%S}",
        f"{moment:%Y-%m-%d %H:%M:%S}",
        f"{moment:%Y-%m-%dT%H%%3A%M%%3A%S}",
        f"{moment:%Y%m%dT%H%M%S}",
        f"{moment:%Y%m%d%H%M%S}",
        f"{moment:%d %b %Y %H:%M:%S}",
        f"{moment:%Y:%m:%d %H:%M:%S}",
    ]


def _within_base64(data: bytes, shift: int) -> bytes:
    """Return the base64 of `data` that does not depend on its neighbours, `shift` bytes into a group.

    Up to four bits of its last byte are not in it, so a twin must differ before its last character.
    """
    encoded = base64.b64encode(bytes(shift) + data)
    first = (0, 2, 3)[shift]
    whole = (shift + len(data)) * 4 // 3
    return encoded[first:whole]


def _inside(data: bytes) -> Iterator[bytes]:
    """Yield the decoded and decompressed parts of `data`."""
    for token in _BASE64.findall(data):
        padded = token.translate(bytes.maketrans(b"-_", b"+/"))
        yield base64.b64decode(padded[: len(padded) // 4 * 4])
    for token in _HEX.findall(data):
        yield bytes.fromhex(token.decode())
    if data.startswith(_ZIP):
        with zipfile.ZipFile(BytesIO(data)) as package:
            yield from (package.read(name) for name in package.namelist())
    yield from _unpacked(data)


def _unpacked(data: bytes) -> Iterator[bytes]:
    for place in _places(data, _GZIP):
        try:
            yield zlib.decompressobj(31).decompress(data[place:])
        except zlib.error:
            continue
    if data.startswith(_ZSTD):
        yield bytes(cramjam.zstd.decompress(data))


def _places(data: bytes, magic: bytes) -> Iterator[int]:
    at = data.find(magic)
    while at >= 0:
        yield at
        at = data.find(magic, at + 1)


Found = dict[str, set[str]]
"""By place, the kinds of trace that are there."""


async def in_tables(connection: asyncpg.Connection, traces: Traces) -> Found:
    """Search every row of every table, and the planner's statistics of columns."""
    found: Found = {}
    tables = await connection.fetch(
        "SELECT n.nspname AS schema, c.relname AS name FROM pg_class c"
        " JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
        " AND n.nspname NOT LIKE 'pg_toast%' AND n.nspname NOT LIKE 'pg_temp%'"
    )
    assert len(tables) > 50, "the walk finds no tables"
    for schema, name in tables:
        rows = await connection.fetch(f'SELECT t::text AS row FROM "{schema}"."{name}" t')
        place = f"table {schema}.{_MONTH.sub('', name)}"
        _note(found, place, traces, (row["row"].encode() for row in rows))
    statistics = await connection.fetch(
        "SELECT schemaname, tablename, attname, concat_ws(' ', most_common_vals::text,"
        " histogram_bounds::text, most_common_elems::text) AS kept FROM pg_stats"
        " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    )
    for row in statistics:
        place = f"statistics {row['schemaname']}.{_MONTH.sub('', row['tablename'])}"
        _note(found, place, traces, [row["kept"].encode()])
    return found


async def in_topics(bootstrap: str, traces: Traces) -> Found:
    """Read every record of every topic, dead letters and Kafka's own included."""
    found: Found = {}
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    try:
        await admin.start()
        await consumer.start()
        topics = await admin.describe_topics(await admin.list_topics())
        assert {"__consumer_offsets", *TOPICS} <= {topic["topic"] for topic in topics}
        consumer.assign(
            [TopicPartition(t["topic"], p["partition"]) for t in topics for p in t["partitions"]]
        )
        async for topic, record in _records(consumer):
            _note(found, f"topic {topic}", traces, [record])
    finally:
        await consumer.stop()
        await admin.close()
    return found


async def _records(consumer: AIOKafkaConsumer) -> AsyncIterator[tuple[str, bytes]]:
    """Yield each record that lies in the assigned partitions, with its topic."""
    await consumer.seek_to_beginning()
    left = await consumer.end_offsets(consumer.assignment())
    while left := {p: end for p, end in left.items() if await consumer.position(p) < end}:
        for partition, messages in (await consumer.getmany(timeout_ms=500)).items():
            for message in messages:
                headers = [name.encode() + b"=" + value for name, value in message.headers]
                parts = [message.key or b"", message.value or b"", *headers]
                yield partition.topic, b"\n".join(parts)


def in_files(folder: Path, traces: Traces) -> Found:
    """Look through all files below a folder but Postgres' own, and into their names."""
    found: Found = {}
    for path in sorted(folder.rglob("*")):
        below = path.relative_to(folder)
        if path.is_symlink() or not path.is_file() or below.parts[:2] == ("postgres", "data"):
            continue
        if below.parts[0] == "jars":
            continue
        place = f"{below.parts[0]}/{below.parts[1]}" if len(below.parts) > 2 else str(below)
        _note(found, f"file {place}", traces, [str(below).encode(), path.read_bytes()])
    return found


def in_segments(folder: Path, traces: Traces) -> Found:
    """Look through the files of Apache Kafka's topics as they lie on its disk."""
    found: Found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in (
            ".log",
            ".index",
            ".timeindex",
            ".snapshot",
            ".deleted",
        ):
            data = path.read_bytes().rstrip(b"\0")  # space that was reserved
            batches = list(_batches(data)) if ".log" in path.suffixes else []
            place = f"segments {path.parent.name.rpartition('-')[0]}"
            _note(found, place, traces, [data, *batches])
    return found


def _batches(segment: bytes) -> Iterator[bytes]:
    """Yield the records of each batch of a segment, unpacked (Kafka's message format, version 2)."""
    at = 0
    while at + _BATCH_HEADER <= len(segment):
        length, attributes = struct.unpack_from(">8xi9xh", segment, at)
        end = at + 12 + length
        records = segment[at + _BATCH_HEADER : end]
        if length <= 0:
            return  # space that was reserved
        if attributes & 7 == _BY_ZSTD:
            yield bytes(cramjam.zstd.decompress(records))
        else:
            assert attributes & 7 == 0, "compressed by another codec than this search knows"
            yield records
        at = end


def in_pages(folder: Path, traces: Traces) -> Found:
    """Look through Postgres' files of tables and indexes as they lie on its disk."""
    found = defaultdict[str, set[str]](set)
    paths = [path for part in ("base", "global") for path in (folder / part).rglob("*")]
    assert len(paths) > 100, "the walk finds no files"
    for path in paths:
        if path.is_file() and (kinds := traces.on_disk(path.read_bytes())):
            found[f"pages {path.relative_to(folder)}"] |= kinds
    return dict(found)


def _note(found: Found, place: str, traces: Traces, data: Iterable[bytes]) -> None:
    for one in data:
        if kinds := traces.within(one):
            found.setdefault(place, set()).update(kinds)
