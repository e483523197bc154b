"""Fills a store with the reads of a county for the bench of searches: in SQL, as events would take hours.

Plates are those of California's passenger series, their frequencies by Zipf's law; nine reads of ten are of fixed
cameras, the others of cars that drive about. Reads lie in order of time, evenly over the days of the schedule; their
ids begin with their moment, as in life.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import asyncpg

from services.retention.domain.plates import grams, plate_number
from shared.core.matching import LOOKALIKE_CLASSES, skeleton
from tests.bench.warm_store import id_at

DAYS = 400
FIXED, CARS = 200, 40
READS_A_PLATE = 7
"""Reads of the store for each distinct plate of it, about."""

SOUTH, WEST, SIDE = 39.83, -122.28, 0.20
"""The county's cameras lie in a square of this many degrees."""

_SYMBOLS = "^$0123456789ACEFHJKLMNPRTUVWXY"
"""The symbols of grams in the order of their codes; `_check_plates` compares the result with the service's."""

_SERIES = 10 * 26**3 * 1000
_STRIDE = 104_729_009
_CHUNK = 500_000
_WRITERS = 2

_PLATES = """
INSERT INTO plates (plate_id, plate, grams)
SELECT {number}, t, ARRAY[{grams}]::smallint[]
FROM (
    SELECT t, '^' || translate(t, '{members}', '{firsts}') || '$' AS m
    FROM (
        SELECT chr(48 + (n / 17576000)::int) || chr(65 + (n / 676000 % 26)::int) || chr(65 + (n / 26000 % 26)::int)
            || chr(65 + (n / 1000 % 26)::int) || lpad((n % 1000)::text, 3, '0') AS t
        FROM (SELECT rank::bigint * {stride} % {series} AS n FROM generate_series($1::int, $2::int) rank) r
    ) p
) s
"""
_KNOWN = """
CREATE UNLOGGED TABLE bench_plates AS
SELECT row_number() OVER (ORDER BY hashint8(plate_id)) AS rank, plate_id, plate FROM plates;
ALTER TABLE bench_plates ADD PRIMARY KEY (rank);
ANALYZE bench_plates
"""
_DEVICES = """
INSERT INTO devices (device_id, device_name, agency_ori)
SELECT CAST(lpad(to_hex(n), 32, '0') AS uuid), 'Camera ' || n, $1 FROM generate_series(1, $2::int) n
"""
_READS = """
INSERT INTO reads (read_id, captured_at, received_at, plate_id, confidence, latitude, longitude, device_id,
    agency_ori, plate_as_read, region, source, model, late)
SELECT {read_id}, at, at + interval '1 s', b.plate_id, 0.5 + 0.5 * random(),
    {south} + {side} * (hashint4(place) & 65535) / 65536.0, {west} + {side} * (hashint4(place + 7) & 65535) / 65536.0,
    CAST(lpad(to_hex(device), 32, '0') AS uuid), $3, b.plate, CASE WHEN random() < 0.9 THEN 'US-CA' ELSE 'US-NV' END,
    'edge', 'edge', false
FROM (
    SELECT *, CASE WHEN device <= {fixed} THEN device
        ELSE device * 100000 + CAST(extract(epoch FROM at) / 3600 AS int) % 100000 END AS place
    FROM (
        SELECT $4::timestamptz + n * $5::interval AS at, 1 + CAST(floor(exp(random() * ln($6::float8))) AS bigint) AS rank,
            CASE WHEN random() < 0.9 THEN 1 + floor(random() * {fixed})::int
                ELSE {fixed} + 1 + floor(random() * {cars})::int END AS device
        FROM generate_series($1::int, $2::int) n
    ) drawn
) AS placed JOIN bench_plates b USING (rank)
ORDER BY at
"""
_DEVICE_DAYS = """
INSERT INTO device_days (lat_cell, lon_cell, day, device_id)
SELECT DISTINCT floor(latitude * 100)::smallint, floor(longitude * 100)::smallint,
    CAST(captured_at AT TIME ZONE 'UTC' AS date), device_id FROM reads
WHERE captured_at >= $1 AND captured_at < $2
ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True)
class Filled:
    """A filled store."""

    since: datetime
    until: datetime
    rows: int
    bytes_per_row: float
    wal_per_row: float


async def fill(url: str, rows: int, ori: str) -> Filled:
    """Fill the empty tables of retention at `url`, which is their owner's, and return how large they are."""
    until = datetime.now(UTC).replace(microsecond=0)
    since = until - timedelta(days=DAYS)
    owner = await _connected(url)
    try:
        before = await owner.fetchval("SELECT pg_current_wal_lsn()")
        for day in range(0, DAYS + 31, 28):
            await owner.execute("SELECT make_month($1)", min(since + timedelta(days=day), until))
        await _fill_plates(url, max(rows // READS_A_PLATE, 100))
        await _check_plates(owner)
        await owner.execute(_KNOWN)
        await owner.execute(_DEVICES, ori, FIXED + CARS)
        await _fill_reads(url, rows, ori, since, until)
        await owner.execute("DROP TABLE bench_plates")
        await owner.execute("VACUUM (ANALYZE) reads, plates, device_days")
        wal = await owner.fetchval(
            "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), $1)::bigint", before
        )
        size = await owner.fetchval(
            "SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c"
            " WHERE relnamespace = 'retention'::regnamespace AND relkind = 'r'"
            " AND (relname LIKE 'reads%' OR relname IN ('plates', 'device_days'))"
        )
        return Filled(since, until, rows, round(size / rows, 1), round(wal / rows, 1))
    finally:
        await owner.close()


async def _connected(url: str) -> asyncpg.Connection:
    return await asyncpg.connect(
        url, server_settings={"search_path": "retention", "synchronous_commit": "off"}
    )


async def _fill_plates(url: str, count: int) -> None:
    sql = _PLATES.format(
        number=_number("t"),
        grams=", ".join(_codes()),
        members="".join(one[1:] for one in LOOKALIKE_CLASSES),
        firsts="".join(one[0] * (len(one) - 1) for one in LOOKALIKE_CLASSES),
        stride=_STRIDE,
        series=_SERIES,
    )
    await _in_chunks(url, count, sql)


async def _fill_reads(url: str, rows: int, ori: str, since: datetime, until: datetime) -> None:
    sql = _READS.format(
        read_id=id_at("at"), south=SOUTH, west=WEST, side=SIDE, fixed=FIXED, cars=CARS
    )
    plates = max(rows // READS_A_PLATE, 100)
    await _in_chunks(url, rows, sql, ori, since, (until - since) / (rows + 1), float(plates))
    days = [since + timedelta(days=day) for day in range(0, DAYS + 10, 10)]
    connection = await _connected(url)
    try:
        for first, last in pairwise(days):
            await connection.execute(_DEVICE_DAYS, first, last)
    finally:
        await connection.close()


async def _in_chunks(url: str, count: int, sql: str, *arguments: object) -> None:
    """Run `sql` for numbers from 1 to `count`, a range at a time, in order, with two writers."""
    size = min(_CHUNK, -(-count // _WRITERS))
    chunks = iter(range(1, count + 1, size))

    async def write() -> None:
        connection = await _connected(url)
        try:
            for first in chunks:
                await connection.execute(sql, first, min(first + size - 1, count), *arguments)
        finally:
            await connection.close()

    await asyncio.gather(*(write() for _ in range(_WRITERS)))


def _number(text: str) -> str:
    """Return the SQL of a seven-character plate's number (`services.retention.domain.plates`)."""
    digit = "(strpos('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr({}, {}, 1)))::bigint"
    digits = (f"{digit.format(text, at)} * {37 ** (12 - at)}" for at in range(1, 8))
    return " + ".join(digits)


def _codes() -> list[str]:
    """Return the SQL of a seven-character plate's grams, of `m`, its skeleton between `^` and `$`."""
    code = "(strpos('{}', substr(m, {}, 1)) - 1)"
    codes = [code.format(_SYMBOLS, at) for at in range(1, 10)]
    size = len(_SYMBOLS)
    beside = [f"{one} * {size} + {two}" for one, two in pairwise(codes)]
    apart = [
        f"{size**2} + {one} * {size} + {two}" for one, two in zip(codes, codes[2:], strict=False)
    ]
    return beside + apart


async def _check_plates(owner: asyncpg.Connection) -> None:
    """Raise ValueError unless plates are as the service stores them."""
    for row in await owner.fetch("SELECT plate_id, plate, grams FROM plates LIMIT 100"):
        plate = row["plate"]
        wanted = (plate_number(plate), grams(skeleton(plate)))
        if (row["plate_id"], sorted(set(row["grams"]))) != wanted:
            raise ValueError(f"{plate} is not stored as the service stores it")
