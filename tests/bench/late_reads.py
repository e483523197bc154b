"""Stores reads of random moments in a large store, as cameras send them that were cut off: speed, and WAL of a read.

The service's own recorder stores batches, two at a time as in the service; passes are not voted on meanwhile.
"""

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from services.retention.store.record_writer import Recorder
from shared.core.clock import SystemClock
from shared.core.ids import derive_with_time_of
from shared.core.types import Ori
from shared.events import Place, Read
from shared.postgres.database import Database
from tests.bench.rig import SMOKE

LATE, IN_ORDER = (2_000, 2_000) if SMOKE else (1_000_000, 100_000)
"""So many reads: enough that most pages of the indexes were written whole once after a checkpoint, as in its cycle."""

BATCH = 1_000
WRITERS = 2
MADE_AT_ONCE = 50
"""Batches that are made, outside the measured time, before they are stored."""

_KNOWN = "SELECT plate_as_read, device_id, latitude, longitude FROM retention.reads TABLESAMPLE SYSTEM ({share}) LIMIT 100000"


@dataclass(frozen=True)
class Stored:
    """What storing reads took."""

    rows_per_s: float
    wal_per_row: float


class LateReads:
    """Stores reads of vehicles and cameras that a store knows."""

    def __init__(self, service_url: str, superuser_url: str, ori: str) -> None:
        """`service_url` is the database as the service opens it; a superuser may ask for a checkpoint."""
        self._url = service_url
        self._superuser_url = superuser_url
        self._ori = Ori(ori)
        self._draw = random.Random(3)
        self._known: list[asyncpg.Record] = []

    async def measure(self, rows: int, since: datetime) -> dict[str, Any]:
        """Store reads of now, then reads of random moments from `since` on, and return the figures."""
        database = Database(self._url, "retention")
        recorder = Recorder(database, SystemClock(), floor_days=365)
        await recorder.make_ahead()
        superuser = await asyncpg.connect(self._superuser_url)
        try:
            share = min(100.0, 100 * 100_000 / rows)
            self._known = await superuser.fetch(_KNOWN.format(share=share))
            in_order = await self._store(recorder, superuser, IN_ORDER, None)
            late = await self._store(recorder, superuser, LATE, since)
        finally:
            await superuser.close()
            await database.close()
        return {
            "in_order_rows_per_s": in_order.rows_per_s,
            "in_order_wal_per_row": in_order.wal_per_row,
            "late_rows_per_s": late.rows_per_s,
            "late_wal_per_row": late.wal_per_row,
        }

    async def _store(
        self, recorder: Recorder, superuser: asyncpg.Connection, rows: int, since: datetime | None
    ) -> Stored:
        await superuser.execute("CHECKPOINT")
        before = await superuser.fetchval("SELECT pg_current_wal_lsn()")
        took_s, left = 0.0, rows // BATCH
        while left:
            made = [self._batch(since) for _ in range(min(left, MADE_AT_ONCE))]
            left -= len(made)
            batches = iter(made)
            began = time.perf_counter()
            await asyncio.gather(*(_write(recorder, batches) for _ in range(WRITERS)))
            took_s += time.perf_counter() - began
        wal = await superuser.fetchval(
            "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), $1)::bigint", before
        )
        return Stored(round(rows / took_s), round(wal / rows))

    def _batch(self, since: datetime | None) -> list[Read]:
        now = datetime.now(UTC)
        if since is None:
            moments = [now + timedelta(milliseconds=n) for n in range(BATCH)]
        else:
            moments = [since + self._draw.random() * (now - since) for _ in range(BATCH)]
        return [self._read(moment, now) for moment in moments]

    def _read(self, at: datetime, now: datetime) -> Read:
        plate = self._draw.choice(self._known)["plate_as_read"]
        _, device_id, latitude, longitude = self._draw.choice(self._known)
        return Read(
            read_id=_id_at(at, self._draw.random()),
            device_id=device_id,
            device_name=f"Camera {device_id.int}",
            agency_ori=self._ori,
            captured_at=at,
            received_at=now,
            source="edge",
            plate=plate,
            plate_as_read=plate,
            confidence=0.95,
            model="edge",
            place=Place(latitude, longitude),
            late=at < now - timedelta(hours=1),
        )


async def _write(recorder: Recorder, batches: Iterator[Sequence[Read]]) -> None:
    for batch in batches:
        await recorder.reads(batch)


def _id_at(moment: datetime, number: float) -> UUID:
    """Return an id that begins with a moment, as the services' own."""
    milliseconds = int(moment.timestamp() * 1000)
    return derive_with_time_of(UUID(int=milliseconds << 80), "late read", number)
