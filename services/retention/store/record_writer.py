"""The hot path: stores batches of reads and captures in their months, each record once.

Ids are derived from the records' content, so a redelivered batch stores nothing new. The statements use asyncpg
directly, because SQLAlchemy would cost as much as Postgres does.
"""

import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from prometheus_client import Counter

from services.retention.domain.area import cell_of
from services.retention.domain.plates import grams, plate_number
from services.retention.store import locks
from services.retention.store.known_plates import KnownPlates, Mark
from services.retention.store.locks import month_of, next_month
from services.retention.store.partitions import Partitions
from services.retention.store.record_rows import CaptureRow, ReadRow
from shared.core.clock import Clock
from shared.core.errors import InternalFault, Unavailable
from shared.core.matching import skeleton
from shared.core.problem_codes import Common
from shared.events import CaptureProcessed, Read
from shared.postgres.database import Database, driver_of

log = logging.getLogger(__name__)

STORED = Counter("alpr_records_stored", "Reads and captures stored, repetitions apart", ["kind"])
OF_CAMERA = Counter("alpr_camera_reads", "Reads by their camera, repetitions included", ["camera"])

_FAULTS = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
)

_STORED = """
SELECT read_id, captured_at FROM reads WHERE read_id = ANY($1::uuid[]) AND captured_at >= $2 AND captured_at <= $3
"""
_CAPTURES = """
INSERT INTO captures (capture_id, captured_at, received_at, latitude, longitude, heading_deg, device_id,
    agency_ori, time_source, object_key, sha256, media_type, size_bytes, width_px, height_px, outcome,
    model, reason, reads, late)
SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::float8[], $5::float8[],
    $6::real[], $7::uuid[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::bigint[],
    $14::integer[], $15::integer[], $16::text[], $17::text[], $18::text[], $19::integer[], $20::boolean[])
ON CONFLICT DO NOTHING
"""
# A frame that a replayed dead letter has had read after all. Its row gives way to the later one, of the same id.
_UNREAD = """
DELETE FROM captures USING unnest($1::uuid[], $2::timestamptz[]) AS read (id, at)
WHERE capture_id = read.id AND captured_at = read.at AND outcome = 'unreadable'
"""
_NEW_PLATES = """
SELECT seen FROM unnest($1::bigint[]) seen
WHERE NOT EXISTS (SELECT FROM plates WHERE plate_id = seen)
"""
# Ordered, so that two transactions with the same new plates do not deadlock.
_PLATES = """
INSERT INTO plates (plate_id, plate, grams)
SELECT plate_id, plate, grams::smallint[] FROM unnest($1::bigint[], $2::text[], $3::text[])
    AS new (plate_id, plate, grams) ORDER BY plate_id
ON CONFLICT DO NOTHING
"""
_DEVICES = """
INSERT INTO devices (device_id, device_name, agency_ori)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[]) AS new (id, name, ori) ORDER BY 1
ON CONFLICT (device_id) DO UPDATE
SET device_name = excluded.device_name, agency_ori = excluded.agency_ori
WHERE (devices.device_name, devices.agency_ori) <> (excluded.device_name, excluded.agency_ori)
"""
_DEVICE_DAYS = """
INSERT INTO device_days (lat_cell, lon_cell, day, device_id)
SELECT * FROM unnest($1::smallint[], $2::smallint[], $3::date[], $4::uuid[]) ORDER BY 1, 2, 3, 4
ON CONFLICT DO NOTHING
"""
# Due spans for the worker that makes passes (ADR-0011); only appended, so that no writer waits for another. Returns the
# mark of known plates, in a statement after the one that locks plates: the snapshot of that one may be older than the
# lock, and would miss a deletion that it waited for.
_DUE = """
INSERT INTO pass_due (device_id, first_at, last_at, reads, stored_at)
SELECT device_id, first_at, last_at, reads, $5::timestamptz
FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::integer[])
    AS new (device_id, first_at, last_at, reads)
RETURNING pg_postmaster_start_time(), (SELECT count FROM plate_deletions)
"""

# A purge that has prepared a month's destruction reads these spans again before it drops the month (ADR-0060).
_CHANGED = """
INSERT INTO month_changes (captured_from, captured_to) SELECT * FROM unnest($1::timestamptz[], $2::timestamptz[])
"""

_DeviceDay = tuple[int, int, date, UUID]
_DeviceNames = tuple[str, str]  # name, agency
_Devices = Mapping[UUID, _DeviceNames]
_Write = Callable[[asyncpg.Connection], Awaitable[int]]
_REMEMBERED = 100_000
UNREADABLE = "unreadable"
MOST_REPETITIONS = 3
"""How often a batch that collides with other processes is stored again at once; then Kafka delivers it again."""
HOUR = timedelta(hours=1)


class Recorder:
    """Stores reads and captures. Its caches of known devices, months and plates save statements."""

    def __init__(self, db: Database, clock: Clock, *, floor_days: int) -> None:
        self._db = db
        self._clock = clock
        self._floor = timedelta(days=floor_days)
        self._months: set[datetime] = set()
        self._devices: dict[UUID, _DeviceNames] = {}
        self._device_days: set[_DeviceDay] = set()
        self._server_started_at: datetime | None = None
        """The start of the server that has these devices and their days."""
        self._plates = KnownPlates()
        self._remembered_on = clock.now().date()

    async def reads(self, events: Sequence[Read]) -> None:
        """Store each read once.

        Raises: InternalFault if Postgres cannot store a read of the batch; Unavailable if Postgres does not answer. In
        both cases the batch is rolled back.
        """
        numbers = _plate_numbers(events)
        rows = [ReadRow.of(event, number) for event, number in zip(events, numbers, strict=True)]
        plates = dict(zip(numbers, (event.plate for event in events), strict=True))
        days = _device_days(events)
        spans = _spans(events)
        stored_at = self._clock.now()
        names = {e.device_id: (e.device_name, e.agency_ori) for e in events}
        before, unknown = self._plates.mark, self._plates.unknown(plates.keys())
        mark: Mark | None = None

        async def write(raw: asyncpg.Connection) -> int:
            nonlocal mark
            [(*now,), *_] = await raw.fetch(_DUE, *spans, stored_at)
            mark = Mark(*now)
            wanted = unknown if mark == before else plates  # a known plate may be gone by now
            await _store_plates(raw, {number: plates[number] for number in wanted})
            self._forget_devices_of_others(mark)
            await _store_devices(raw, self._new_devices(names))
            if new_days := days - self._device_days:
                await raw.execute(_DEVICE_DAYS, *map(list, zip(*new_days, strict=True)))
            return await _store_reads(raw, rows)

        stored = await self._store([event.captured_at for event in events], write)
        STORED.labels("read").inc(stored)
        for device_id, _, _, count in zip(*spans, strict=True):
            OF_CAMERA.labels(names[device_id][0]).inc(count)
        if mark is not None:
            self._plates.remember(plates, before=before, now=mark)
            self._forget_devices_of_others(mark)
        self._device_days |= days
        self._devices.update(names)

    async def captures(self, events: Sequence[CaptureProcessed]) -> None:
        """Store each capture once; one that was unreadable at first has the outcome of its later reading.

        Raises: InternalFault if Postgres cannot store a capture of the batch; Unavailable if Postgres does not answer.
        In both cases the batch is rolled back.
        """
        rows = list(map(CaptureRow.of, events))
        captures = [event.capture for event in events]
        devices = self._new_devices({c.device_id: (c.device_name, c.agency_ori) for c in captures})

        async def write(raw: asyncpg.Connection) -> int:
            await _store_devices(raw, devices)
            return await _store_captures(raw, rows)

        stored = await self._store([capture.captured_at for capture in captures], write)
        STORED.labels("capture").inc(stored)
        self._devices.update(devices)

    async def make_ahead(self, months: int = 2) -> None:
        """Make the partitions of this month and of the next `months`, before records need them."""
        moment = month_of(self._clock.now())
        for _ in range(months + 1):
            await self._ensure({moment})
            moment = next_month(moment)

    async def _store(self, times: Sequence[datetime], write: _Write) -> int:
        """Write in one transaction; return the number of new rows."""
        self._forget_daily()
        months = {month_of(moment) for moment in _ends(times)}
        await self._ensure(months - self._months)
        for _ in range(MOST_REPETITIONS):
            try:
                return await self._in_transaction(months, times, write)
            except asyncpg.CheckViolationError:
                # The purge has dropped a cached month; make it again, so that late records are stored.
                self._months.clear()
                await self._ensure(months)
            except asyncpg.UniqueViolationError:
                log.info("another process stored a record of the batch at the same time")
        return await self._in_transaction(months, times, write)

    async def _in_transaction(
        self, months: set[datetime], times: Sequence[datetime], write: _Write
    ) -> int:
        # A month has at least 28 days; the purge may drop any of these months during this transaction.
        old = sorted(m for m in months if m + timedelta(days=27) < self._clock.now() - self._floor)
        async with self._raw() as raw, raw.transaction():
            for month in old:
                await raw.execute(locks.SHARED_SQL, locks.MONTH, locks.month_name(month))
            await raw.execute(locks.SHARED_SQL, locks.PLATES, "")
            if old:
                await raw.execute(_CHANGED, *_changes(old, times))
            return await write(raw)

    @asynccontextmanager
    async def _raw(self) -> AsyncIterator[asyncpg.Connection]:
        try:
            async with self._db.engine.connect() as connection:
                raw = await driver_of(connection)
                try:
                    yield raw
                except _FAULTS:
                    # After a restart of Postgres all pooled connections are dead: discard them all.
                    await connection.invalidate()
                    await self._db.engine.dispose()
                    raise
        except _FAULTS as exc:
            raise Unavailable(Common.DATABASE_AWAY) from exc
        except (asyncpg.CheckViolationError, asyncpg.UniqueViolationError):
            raise
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as exc:
            raise InternalFault(f"cannot be stored: {type(exc).__name__}") from exc

    async def _ensure(self, months: set[datetime]) -> None:
        for month in sorted(months):
            async with self._db.begin() as connection:
                await Partitions(connection).make(month)
            self._months.add(month)

    def _new_devices(self, devices: _Devices) -> _Devices:
        return {i: names for i, names in devices.items() if self._devices.get(i) != names}

    def _forget_devices_of_others(self, mark: Mark) -> None:
        """Forget devices and their days that another server than that of `mark` has stored: this one may lack them."""
        if mark.server_started_at != self._server_started_at:
            self._forget_devices()
            self._server_started_at = mark.server_started_at

    def _forget_daily(self) -> None:
        today = self._clock.now().date()
        if today != self._remembered_on or len(self._device_days) > _REMEMBERED:
            self._forget_devices()
            self._remembered_on = today

    def _forget_devices(self) -> None:
        self._device_days.clear()
        self._devices.clear()


def _ends(times: Sequence[datetime]) -> Sequence[datetime]:
    """Return times that cover every month of `times`: the first and last if all lie in one month."""
    first, last = min(times), max(times)
    return (first, last) if month_of(first) == month_of(last) else times


def _changes(
    months: Sequence[datetime], times: Sequence[datetime]
) -> tuple[list[datetime], list[datetime]]:
    """Return two columns: the hour of the first of `times` in each of `months`, and the one after the last.

    Whole hours, so that what a purge leaves of them does not date a read.
    """
    of_month = [[at for at in times if month_of(at) == month] for month in months]
    return [_hour(min(some)) for some in of_month], [_hour(max(some)) + HOUR for some in of_month]


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _spans(events: Sequence[Read]) -> tuple[list[Any], ...]:
    """Return four columns: devices, each one's first and last time of capture, and how many reads it has."""
    times = defaultdict[UUID, list[datetime]](list)
    for event in events:
        times[event.device_id].append(event.captured_at)
    of_device = times.values()
    return (
        list(times),
        list(map(min, of_device)),
        list(map(max, of_device)),
        list(map(len, of_device)),
    )


def _device_days(events: Sequence[Read]) -> set[_DeviceDay]:
    """Return where on which days devices made reads."""
    return {
        (
            *cell_of(place.latitude, place.longitude),
            event.captured_at.astimezone(UTC).date(),
            event.device_id,
        )
        for event in events
        if (place := event.place) is not None
    }


async def _store_devices(raw: asyncpg.Connection, devices: _Devices) -> None:
    if devices:
        names, agencies = zip(*devices.values(), strict=True)
        await raw.execute(_DEVICES, list(devices), list(names), list(agencies))


async def _store_captures(raw: asyncpg.Connection, rows: Sequence[CaptureRow]) -> int:
    """Store captures; return how many are new."""
    new = _count(await raw.execute(_CAPTURES, *_columns(rows)))
    read = [row for row in rows if row.outcome != UNREADABLE]
    if new < len(rows) and read:  # some were known
        known = [row.capture_id for row in read], [row.captured_at for row in read]
        if _count(await raw.execute(_UNREAD, *known)):
            await raw.execute(_CAPTURES, *_columns(read))
    return new


def _columns(rows: Sequence[CaptureRow]) -> list[Any]:
    return [_sparse(column) for column in zip(*rows, strict=True)]


async def _store_plates(raw: asyncpg.Connection, plates: Mapping[int, str]) -> None:
    if not plates:
        return
    new = [row[0] for row in await raw.fetch(_NEW_PLATES, list(plates))]
    if new:
        codes = [f"{{{','.join(map(str, grams(skeleton(plates[n]))))}}}" for n in new]
        await raw.execute(_PLATES, new, [plates[number] for number in new], codes)


def _plate_numbers(events: Sequence[Read]) -> list[int]:
    try:
        return [plate_number(event.plate) for event in events]
    except ValueError as exc:
        raise InternalFault(str(exc)) from None


async def _store_reads(raw: asyncpg.Connection, rows: Sequence[ReadRow]) -> int:
    """Store the reads that are not there yet; return their number.

    By COPY, which costs less than INSERT with a conflict clause, but raises UniqueViolationError if another process
    stores one of them in between.
    """
    new = {(row.read_id, row.captured_at): row for row in rows}
    times = [captured_at for _, captured_at in new]
    ids = [read_id for read_id, _ in new]
    for stored in await raw.fetch(_STORED, ids, min(times), max(times)):
        new.pop((stored["read_id"], stored["captured_at"]), None)
    if not new:
        return 0
    records = new.values()
    return _count(
        await raw.copy_records_to_table("reads", records=records, columns=ReadRow._fields)
    )


def _count(status: str) -> int:
    """Return the number of rows in the status of a statement, such as `COPY 7`."""
    return int(status.rsplit(" ", 1)[1])


def _sparse(column: Sequence[Any]) -> Sequence[Any]:
    """Return no values for a column that has none; `unnest` fills it up with NULL."""
    return column if any(value is not None for value in column) else []
