"""The outbox: events commit with the change that they describe; a relay then publishes them to Kafka.

The relay publishes rows in `seq` order under an advisory lock and deletes them once Kafka acknowledges. It
reads the rows still there instead of using a high-water mark, so it never skips a transaction that commits late.
"""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from prometheus_client import Gauge
from sqlalchemy import Row, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.core.errors import AlprError, TooLarge
from shared.core.periodic import cancelled, is_being_cancelled
from shared.core.problem_codes import Common
from shared.events import Event
from shared.kafka.bus import Bus
from shared.kafka.codec import Record, encode_all
from shared.kafka.event_mac import all_with_macs, with_mac
from shared.postgres.database import EMITTED, MADE_BY, Database, driver_of
from shared.postgres.disclosed_records import drop_old

log = logging.getLogger(__name__)

BACKLOG = Gauge("alpr_outbox_backlog", "Events that wait for Kafka", ["service"])

INBOX_RETENTION = timedelta(days=30)
"""Longer than any topic keeps its events, so a redelivery always finds its inbox row."""

PRUNE_EVERY_S = 3600.0
"""The interval of removing old inbox rows; the first time is at the start."""

MAX_EVENT_BYTES = 900_000
"""Kafka accepts 1 MiB with headers. A larger event would block all later ones for ever."""

DIGEST = (
    "sha256(convert_to(jsonb_build_array(o.seq, o.topic, encode(o.key, 'hex'), o.headers,"
    " encode(o.value, 'hex'))::text, 'UTF8'))"
)
"""SQL: digest of a row of `outbox o`. Migration shared_0002 stores it, so it never changes."""

COPIED_FROM = 50
"""So many events go by COPY, which costs less for each, and a round trip more (ADR-0090)."""

_COLUMNS = ("topic", "key", "headers", "value")
_INSERT = text(
    "INSERT INTO outbox (topic, key, headers, value)"
    " SELECT * FROM unnest(CAST(:topics AS text[]), CAST(:keys AS bytea[]),"
    " CAST(:headers AS jsonb[]), CAST(:vals AS bytea[]))"
)
_LOCK_BATCH = text(
    "SELECT o.seq, o.topic, o.key, o.headers, o.value,"  # noqa: S608 - constants
    f" CASE WHEN b.seq IS NOT NULL THEN b.digest = {DIGEST} ELSE false END AS before_macs"
    " FROM outbox o LEFT JOIN outbox_before_macs b USING (seq) ORDER BY o.seq LIMIT :limit"
)
# Deleted rows lie before the others until Postgres clears them away: only the index finds the others without them.
_DROP = text(
    "WITH published AS (DELETE FROM outbox WHERE seq = ANY(:seqs))"
    " SELECT (SELECT seq FROM outbox WHERE seq > :last ORDER BY seq LIMIT 1) IS NOT NULL"
)
_headers = msgspec.json.Encoder()
_SIZE = text("SELECT count(*) FROM outbox")
_ANY = text("SELECT (SELECT seq FROM outbox ORDER BY seq LIMIT 1) IS NOT NULL")
_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtext('outbox'), hashtext(current_schema()))")


async def emit(connection: AsyncConnection, source: str, *events: Event) -> None:
    """Write `events` of service `source` to the outbox, in the caller's transaction.

    Audited events get their MAC here, so a later change to the row invalidates it.
    Raises: TooLarge for an event that Kafka would never accept; NoMacKey. Both roll the transaction back.
    """
    if not events:
        return
    records = all_with_macs(encode_all(events, source), connection.info.get(MADE_BY))
    if any(len(record.value) > MAX_EVENT_BYTES for record in records):
        raise TooLarge(Common.RECORD_TOO_LARGE)
    rows = [
        (r.topic, r.key, _headers.encode({k: v.decode() for k, v in r.headers}).decode(), r.value)
        for r in records
    ]
    if len(rows) < COPIED_FROM:
        topics, keys, headers, values = map(list, zip(*rows, strict=True))
        named = {"topics": topics, "keys": keys, "headers": headers, "vals": values}
        await connection.execute(_INSERT, named)
    else:
        driver = await driver_of(connection)
        await driver.copy_records_to_table("outbox", records=rows, columns=_COLUMNS)
    connection.info[EMITTED] = True


class Relay:
    """Moves one service's outbox to Kafka, at once after a commit and at least every second."""

    def __init__(self, db: Database, bus: Bus, *, batch: int = 500, poll_s: float = 1.0) -> None:
        self._db = db
        self._bus = bus
        self._batch = batch
        self._poll_s = poll_s
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.backlog = 0
        """Events not yet published, as last counted; past a set number the service refuses access."""
        db.add_listener(self.wake)

    def wake(self) -> None:
        """Relay now: events were committed to this outbox, by this process or by another."""
        self._wake.set()

    def start(self) -> None:
        """Begin relaying in the background."""
        self._task = asyncio.create_task(self._run(), name=f"relay {self._db.schema}")

    async def stop(self) -> None:
        """Relay the remaining events for up to 3 s, then stop."""
        if self._task is None:
            return
        await cancelled(self._task)
        try:
            async with asyncio.timeout(3):
                await self.drain()
        except (AlprError, TimeoutError) as exc:
            log.warning("outbox of %s not drained at stop: %s", self._db.schema, type(exc).__name__)

    async def drain(self) -> int:
        """Relay until the outbox is empty; return the number of events relayed.

        Counts what waits meanwhile: a Kafka that is slow and never fails may let it grow.
        """
        loop = asyncio.get_running_loop()
        moved, has_more = await self._move()
        count_at_s = loop.time() + self._poll_s
        while has_more:
            if loop.time() >= count_at_s:
                await self._count()
                count_at_s = loop.time() + self._poll_s
            count, has_more = await self._move()
            moved += count
        return moved

    async def _run(self) -> None:
        woken = True
        loop = asyncio.get_running_loop()
        prune_at_s = loop.time()
        while True:
            self._wake.clear()
            try:
                if woken or await self._has_events():
                    await self.drain()
                if loop.time() >= prune_at_s:
                    await self._prune()
                    prune_at_s = loop.time() + PRUNE_EVERY_S
            except asyncio.CancelledError:
                if is_being_cancelled():
                    raise
                log.warning("outbox of %s waits: a call was cancelled", self._db.schema)
                await self._count()
                await asyncio.sleep(self._poll_s)
            except AlprError as exc:
                log.warning("outbox of %s waits: %s", self._db.schema, exc.detail)
                await self._count()
                await asyncio.sleep(self._poll_s)
            except Exception:
                log.exception("relay of %s failed; it tries again", self._db.schema)
                await self._count()
                await asyncio.sleep(self._poll_s)
            try:
                async with asyncio.timeout(self._poll_s):
                    woken = await self._wake.wait()
            except TimeoutError:
                woken = False

    async def _has_events(self) -> bool:
        """Whether events wait, for example of another replica: one round trip, where a relay takes four."""
        async with self._db.connect() as connection:
            has_any: bool = (await connection.execute(_ANY)).scalar_one()
        if not has_any:
            self._set_backlog(0)
        return has_any

    async def _move(self) -> tuple[int, bool]:
        """Relay a batch; return its number of events, and whether later ones wait.

        An earlier one whose transaction commits meanwhile wakes the relay, or waits for the next second.
        """
        async with self._db.begin() as connection:
            if not (await connection.execute(_LOCK)).scalar_one():
                # Another replica is relaying. It may fail, so events that waited before are counted again.
                if self.backlog:
                    self._set_backlog((await connection.execute(_SIZE)).scalar_one())
                return 0, False
            rows = (await connection.execute(_LOCK_BATCH, {"limit": self._batch})).all()
            has_more = False
            if rows:
                await self._bus.publish_records([self._record(row) for row in rows])
                published = {"seqs": [row.seq for row in rows], "last": rows[-1].seq}
                has_more = (await connection.execute(_DROP, published)).scalar_one()
        if not has_more:
            self._set_backlog(0)
        return len(rows), has_more

    def _record(self, row: Row[Any]) -> Record:
        """Return the record to publish.

        A row that waited when MACs were introduced gets its MAC now, if it is unchanged since the owner's
        migration (ADR-0022). All other rows are published unchanged; audit refuses those that were altered.
        """
        headers = [(name, value.encode()) for name, value in row.headers.items()]
        record = Record(row.topic, row.key, row.value, headers)
        return with_mac(record, self._db.mac_key) if row.before_macs else record

    async def _count(self) -> None:
        try:
            async with self._db.begin() as connection:
                self._set_backlog((await connection.execute(_SIZE)).scalar_one())
        except (AlprError, DBAPIError):
            log.info("backlog of %s unknown: the database does not answer", self._db.schema)

    def _set_backlog(self, count: int) -> None:
        self.backlog = count
        BACKLOG.labels(self._db.schema).set(count)

    async def _prune(self) -> None:
        async with self._db.begin() as connection:
            await drop_old(connection, datetime.now(UTC).date())
            await connection.execute(
                text("DELETE FROM inbox WHERE seen_at < now() - CAST(:kept AS interval)"),
                {"kept": INBOX_RETENTION},
            )
