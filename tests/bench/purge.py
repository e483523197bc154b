"""The costs of purging a whole month of READS reads, while another process stores reads of today.

    python -m tests.bench.purge --reads 300000

Prints one line of JSON: us_per_read of the run until its list is written, and its parts (slices and drop, passes and
flags, list); the longest transaction; the longest time that storing took before and during the purge; and, of what
follows, the time in which audit reads the list (followed_us_per_read), and objects deleted a second without the time of
an object store. Half of the reads have a crop and a frame, a pass
has 1.8 reads, and a hold keeps one device of 200. Ids begin with the moment of capture, as in life. Reads are made
outside the measured time. Postgres is durable.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from local.stack.postgres import Postgres
from services.registry import SPECS
from services.retention.domain.criteria import Criteria
from services.retention.domain.destruction import Basis, Kind, State
from services.retention.service import RetentionService
from services.retention.settings import Settings
from services.retention.store.holds import Hold, Holds
from services.retention.store.partitions import Month
from services.retention.store.record_writer import Recorder
from services.retention.store.runs import DueRun, Runs
from services.retention.workers.cleaner import Cleaner
from shared.core.clock import SystemClock
from shared.core.types import Ori
from shared.events import Actor, PurgeList, Read
from shared.objects.purge_list import ListReader
from shared.postgres.database import Database
from shared.service.api_runtime import ApiRuntime
from shared.testing import FakeBus, FakeObjects, TestRoot, mac_key_text
from tests.bench.rig import machine

ROOT = Path(__file__).parents[2]
SMOKE = os.environ.get("SMOKE", "") not in ("", "0")
ORI = Ori("CA0520100")
MONTH = datetime(2025, 2, 1, tzinfo=UTC)
END = datetime(2025, 3, 1, tzinfo=UTC)
DEVICES = 200
BATCH = 100
CHUNK = 20_000
"""Rows of one statement that makes reads."""

PAUSE_S = 0.01
BASELINE_S = 1.0 if SMOKE else 10.0

_FILL = (
    "SELECT make_month(CAST(:start AS timestamptz))",
    """
    CREATE UNLOGGED TABLE made AS
    SELECT n, at, CAST(begun || substr(md5(n || 'read'), 13) AS uuid) AS read_id,
        CAST(first || substr(md5(n - n % 20 + n % 20 % 11 || 'pass'), 13) AS uuid) AS pass_id,
        CAST(lpad(to_hex(n % :devices + 1), 32, '0') AS uuid) AS device_id,
        1 + CAST(floor(exp(random() * ln(:reads))) AS bigint) AS plate_id
    FROM generate_series(0, :reads - 1) AS n,
        LATERAL (SELECT CAST(:start AS timestamptz) + n * (interval '28 days' / :reads) AS at,
            CAST(:start AS timestamptz) + (n - n % 20 + n % 20 % 11) * (interval '28 days' / :reads) AS first_at) AS t,
        LATERAL (SELECT lpad(to_hex(CAST(extract(epoch FROM at) * 1000 AS bigint)), 12, '0') AS begun,
            lpad(to_hex(CAST(extract(epoch FROM first_at) * 1000 AS bigint)), 12, '0') AS first) AS b
    """,
    """
    INSERT INTO plates (plate_id, plate, grams)
    SELECT plate_id, 'P' || plate_id, ARRAY[plate_id % 900, plate_id % 901, plate_id % 907]::smallint[]
    FROM (SELECT DISTINCT plate_id FROM made) AS p
    """,
    """
    INSERT INTO reads (read_id, captured_at, received_at, plate_id, confidence, latitude, longitude, device_id,
        agency_ori, plate_as_read, region, source, model, crop_key, image_key, late)
    SELECT read_id, at, at, plate_id, 0.93, 39.9277, -122.1792, device_id, :ori, 'P' || plate_id, 'US-CA', 'edge',
        'edge', CASE WHEN n % 2 = 0 THEN 'crops/' || device_id || '/' || at::date || '/' || read_id END,
        CASE WHEN n % 2 = 0 THEN 'captures/' || device_id || '/' || at::date || '/' || read_id END, false
    FROM made WHERE n >= :first AND n < :first + :chunk ORDER BY at
    """,
    """
    INSERT INTO passes (pass_id, first_at, last_at, plate_id, confidence, device_id, best_read_id, agency_ori, details)
    SELECT pass_id, at, at, plate_id, 0.93, device_id, read_id, :ori, '{}'
    FROM made WHERE n >= :first AND n < :first + :chunk AND n % 20 < 11
    """,
    """
    INSERT INTO pass_reads (read_id, captured_at, pass_id, late)
    SELECT read_id, at, pass_id, false
    FROM made WHERE n >= :first AND n < :first + :chunk
    """,
    "DROP TABLE made",
    "ANALYZE reads, plates, passes, pass_reads",
)
_PASSES = "SELECT (SELECT count(*) FROM pass_reads) + (SELECT count(*) FROM passes)"


@dataclass
class Timed:
    """The times of a database's transactions."""

    longest_ms: float = 0.0

    def watch(self, database: Database) -> None:
        """Measure each transaction of `database` from now on."""
        begin = database.begin

        @asynccontextmanager
        async def timed() -> AsyncIterator[Any]:
            began = time.perf_counter()
            async with begin() as connection:
                yield connection
            self.longest_ms = max(self.longest_ms, (time.perf_counter() - began) * 1000)

        database.begin = timed  # type: ignore[method-assign]


def settings_at(url: str) -> Settings:
    """Return the service's settings with a database."""
    return Settings(
        database_url=url,
        policy_file=ROOT / "policy.toml",
        event_mac_key=mac_key_text("retention"),
        root_public_keys=TestRoot().public,
    )


async def store(url: str) -> None:
    """Store batches of today's reads until standard input ends; print the longest time of each second."""
    database = Database(url, "retention")
    recorder = Recorder(database, SystemClock(), floor_days=365)
    ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    longest, second, number = 0.0, int(time.time()), 0
    while not ended.done():
        number += 1
        batch = [_read(number * BATCH + n) for n in range(BATCH)]
        began = time.perf_counter()
        await recorder.reads(batch)
        longest = max(longest, (time.perf_counter() - began) * 1000)
        if int(time.time()) != second:
            print(second, round(longest, 1), flush=True)
            longest, second = 0.0, int(time.time())
        await asyncio.sleep(PAUSE_S)
    await database.close()


def _read(number: int) -> Read:
    now = datetime.now(UTC)
    plate = f"8{number % 100_000:05}"
    return Read(
        read_id=uuid4(),
        device_id=UUID(int=number % DEVICES + 1),
        device_name="camera",
        agency_ori=ORI,
        captured_at=now,
        received_at=now,
        source="edge",
        plate=plate,
        plate_as_read=plate,
        confidence=0.95,
        model="edge",
    )


class Bench:
    """One store and what is measured on it."""

    def __init__(self, url: str) -> None:
        settings = settings_at(url)
        self.runtime = ApiRuntime(
            SPECS["retention"], settings, bus=FakeBus(), objects=FakeObjects()
        )
        self.service = RetentionService.of(self.runtime, settings)
        self.timed = Timed()

    async def fill(self, reads: int) -> None:
        """Make a month of reads with their plates and passes, and place a hold."""
        named = {"start": MONTH, "reads": reads, "devices": DEVICES, "ori": ORI}
        for statement in _FILL:
            for first in range(0, reads if ":first" in statement else 1, CHUNK):
                given = {**named, "first": first, "chunk": CHUNK}
                used = {name: of for name, of in given.items() if f":{name}" in statement}
                async with self.runtime.db.begin() as connection:
                    await connection.execute(text("SET LOCAL synchronous_commit = off"))
                    await connection.execute(text(statement), used)
        async with self.runtime.db.begin() as connection:
            await Holds(connection).place(_hold())

    async def purge(self) -> dict[str, float]:
        """Destroy the month, write the list and end the run; return the seconds of each part."""
        run = _run(Basis.of(self.runtime.policy.retention))
        async with self.runtime.db.begin() as connection:
            await Runs(connection).add(run)
        destroyer = self.service.purger._destroyer
        at = [time.perf_counter()]
        await destroyer._destroy_month(run, Month(MONTH, END))
        at.append(time.perf_counter())
        await destroyer.destroy(run)
        at.append(time.perf_counter())
        await self.service.purger._end(run)
        at.append(time.perf_counter())
        parts = ("slices", "passes", "list")
        return {name: at[n + 1] - at[n] for n, name in enumerate(parts)}

    async def follow(self, run_id: UUID, named: PurgeList) -> float:
        """Read the list as audit does before it erases values; return the seconds."""
        began = time.perf_counter()
        reader = ListReader(self.runtime.objects, run_id, named)
        await reader.verify()
        for name in ("held", "purged"):
            async for _ in reader.section(name):
                pass
        return time.perf_counter() - began

    async def backends(self) -> list[int]:
        """Open some connections; return the processes that serve them."""
        async with AsyncExitStack() as stack:
            opened = [await stack.enter_async_context(self.runtime.db.begin()) for _ in range(4)]
            return [
                int((await one.execute(text("SELECT pg_backend_pid()"))).scalar_one())
                for one in opened
            ]

    async def value(self, statement: str) -> int:
        """Return the number that a statement gives."""
        async with self.runtime.db.begin() as connection:
            return int((await connection.execute(text(statement))).scalar_one())


def _hold() -> Hold:
    return Hold(
        hold_id=uuid4(),
        agency_ori=ORI,
        basis="discovery",
        case_number="26-7",
        description="one device",
        criteria=Criteria(device_ids=[UUID(int=7)]),
        placed_by=_actor(),
        placed_at=datetime.now(UTC),
        owner=_actor(),
        review_by=datetime.now(UTC) + timedelta(days=365),
    )


def _actor() -> Actor:
    return Actor(person_id="p", name="n", title="t", agency_ori=ORI)


def _run(basis: Basis) -> DueRun:
    now = datetime.now(UTC)
    return DueRun(
        run_id=uuid4(),
        kind=Kind.SINGLE,
        state=State.EXECUTING,
        before=END,
        basis=basis,
        reason="bench",
        proposed_by=_actor(),
        proposed_at=now,
        executed_by=_actor(),
        started_at=now,
    )


def _cpu_s(backends: list[int]) -> float:
    """Return the CPU seconds of this process and of some of Postgres'."""
    ticks = 0
    for pid in backends:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def _longest(lines: list[str], since: float, until: float) -> float:
    found = [line.split() for line in lines]
    return max((float(ms) for at, ms in found if since <= int(at) <= until), default=0.0)


async def measure(url: str, reads: int) -> dict[str, object]:
    """Return all figures, on an empty database."""
    bench = Bench(url)
    await bench.runtime.start()
    await bench.service.prepare()
    await bench.fill(reads)
    backends = await bench.backends()
    command = [sys.executable, "-m", "tests.bench.purge", "--store", url]
    storing = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    bench.timed.watch(bench.runtime.db)
    await asyncio.sleep(BASELINE_S + 3)
    began, cpu_s = time.time(), _cpu_s(backends)
    parts = await bench.purge()
    ended, cpu_s = time.time(), _cpu_s(backends) - cpu_s
    cleaner = Cleaner(bench.runtime)
    at = time.perf_counter()
    await cleaner.delete_objects()
    objects_s = time.perf_counter() - at
    await asyncio.sleep(1.2)
    done = time.time()
    with suppress(BrokenPipeError):
        lines = (await asyncio.to_thread(storing.communicate))[0].splitlines()
    async with bench.runtime.db.begin() as connection:
        [run] = await Runs(connection).unfinished()
    named = run.purge_list
    followed_s = await bench.follow(run.run_id, named) if named else 0.0
    behind = await bench.value(_PASSES)
    await bench.runtime.stop()
    return {
        "bench": "purge",
        "smoke": SMOKE,
        "reads": run.reads,
        "kept_under_hold": run.kept_under_hold,
        "listed": named.purged if named else 0,
        "left_behind": behind,
        "us_per_read": round(sum(parts.values()) / reads * 1e6, 1),
        **{f"{name}_us_per_read": round(s / reads * 1e6, 1) for name, s in parts.items()},
        "followed_us_per_read": round(followed_s / reads * 1e6, 2),
        "cpu_us_per_read": round(cpu_s / reads * 1e6, 1),
        "longest_transaction_ms": round(bench.timed.longest_ms, 1),
        "store_ms_max_before": _longest(lines, began - BASELINE_S, began - 1),
        "store_ms_max": _longest(lines, began, ended),
        "store_ms_max_after": _longest(lines, ended, done),
        "objects": run.objects,
        "objects_per_s": round(run.objects / objects_s),
    }


def main() -> int:
    """Measure and print; 1 if the counts are wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.purge", description=__doc__)
    parser.add_argument("--reads", type=int, default=4_000 if SMOKE else 300_000)
    parser.add_argument("--store", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.store:
        asyncio.run(store(asked.store))
        return 0
    with (
        tempfile.TemporaryDirectory(prefix="plateward-") as folder,
        Postgres(Path(folder) / "postgres") as postgres,
    ):
        database = postgres.create_database("purge")
        figures = asyncio.run(measure(database, asked.reads))
        load = round(os.getloadavg()[0], 1)
        print(json.dumps({**figures, "load_average": load, "machine": machine(Path(folder))}))
    return 0 if figures["reads"] == figures["listed"] else 1


if __name__ == "__main__":
    sys.exit(main())
