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

LATE, IN_ORDER = (4_000, 2_000) if SMOKE else (1_000_000, 100_000)
"""So many reads. Late ones come after a checkpoint, when Postgres writes each page whole that it changes first: the
whole of them costs more than a part of a checkpoint's half hour, and the last quarter is nearer to it."""

QUARTERS = 4

BATCH = 1_000
WRITERS = 2
MADE_AT_ONCE = 50
"""Batches that are made, outside the measured time, before they are stored."""

_KNOWN = "SELECT plate_as_read, device_id, latitude, longitude FROM retention.reads TABLESAMPLE SYSTEM ({share}) LIMIT 100000"


@dataclass(frozen=True)
class Stored:
    """What storing reads took."""

    rows: int
    seconds: float
    wal_bytes: int

    def figures(self, name: str) -> dict[str, int]:
        """Return the rows a second, and the bytes of WAL of a row."""
        return {
            f"{name}_rows_per_s": round(self.rows / self.seconds),
            f"{name}_wal_per_row": round(self.wal_bytes / self.rows),
        }


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
            await superuser.execute("CHECKPOINT")
            late = [
                await self._store(recorder, superuser, LATE // QUARTERS, since)
                for _ in range(QUARTERS)
            ]
        finally:
            await superuser.close()
            await database.close()
        whole = Stored(
            sum(one.rows for one in late),
            sum(one.seconds for one in late),
            sum(one.wal_bytes for one in late),
        )
        return {
            **in_order.figures("in_order"),
            **whole.figures("late"),
            **late[-1].figures("late_last_quarter"),
        }

    async def _store(
        self, recorder: Recorder, superuser: asyncpg.Connection, rows: int, since: datetime | None
    ) -> Stored:
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
        return Stored(rows, took_s, wal)

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
