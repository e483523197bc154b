"""Kill -9 any one process during a run of 500 frames, on Apache Kafka: no frame is lost or doubled.

The broker from a wheel makes no promise about a kill (ADR-0003), so this is tested on Apache Kafka only.
"""

import asyncio
import contextlib
import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import httpx
import pytest

from deploy.kafka.run import ApacheKafka
from local.demo.auditing import audit_purpose, prove
from local.demo.camera import post
from local.demo.client import Api
from local.demo.department import Embedded, seed
from local.demo.listing import Entry, put_in_force
from local.demo.story import Frame, StepFailed
from local.stack.data import port_of
from local.stack.launch import running
from local.stack.postgres import Postgres
from services.registry import names
from shared.service.spec import Kind
from shared.testing import eventually
from tests.e2e.frames import frame, plates
from tests.e2e.killing import Killer, one_after_another

FRAMES = int(os.environ.get("E2E_FRAMES", "500"))
PLATES = 20
LISTED = 5
POSTERS = 4
VICTIMS = (*names(Kind.WORKER), "worker", "kafka", *names(Kind.API), "postgres")


@pytest.mark.apache
@pytest.mark.smoke
@pytest.mark.clause("468.5/transfer")
@pytest.mark.clause("468.3.1(d)/access-record")
async def test_killing_any_process_loses_and_duplicates_no_record(tmp_path):
    tmp_path.chmod(0o755)
    folder = tmp_path / "stack"
    with ApacheKafka(tmp_path / "kafka") as kafka:
        given = {"KAFKA_BOOTSTRAP": kafka.bootstrap}
        with running(folder, "--separate", environment=given) as up:
            async with Api(up.urls) as api:
                department = await seed(api, Embedded(folder))
                chosen = plates(PLATES)
                await put_in_force(
                    department.investigator,
                    [
                        Entry(plate, "stolen_vehicle", "Reported stolen")
                        for plate in chosen[:LISTED]
                    ],
                )
                killer = Killer(folder, kafka)
                run = Run(api, department, chosen)
                async with Records(folder) as records:
                    await run.post_while_killing(killer)
                    await records.settle(run)
                    await records.check(run)
                    await check_audit(department, records, run, tmp_path)
    assert set(killer.killed) == set(VICTIMS)


class Run:
    """Cameras that post, and an officer who searches, all through the kills."""

    def __init__(self, api, department, chosen):
        self.api = api
        self.department = department
        self.start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=6)
        self.frames = {plate: frame(plate) for plate in chosen}
        self.chosen = chosen
        self.acknowledged: dict[str, str] = {}
        self.accesses: list[str] = []

    async def post_while_killing(self, killer):
        """Post all frames; after each tenth part of them one more process is killed."""
        posting = asyncio.gather(*(self._post(number) for number in range(POSTERS)))
        looking = asyncio.create_task(self._ask_again_and_again())
        step = FRAMES // (len(VICTIMS) + 1)
        due = lambda: len(self.acknowledged) >= min(step * (len(killer.killed) + 1), FRAMES)  # noqa: E731
        await one_after_another(list(VICTIMS), killer.kill, due)
        await posting
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking

    async def _post(self, number):
        """Post one camera's frames, each until it is acknowledged."""
        device = self.department.devices[number % len(self.department.devices)]
        for index in range(number, FRAMES, POSTERS):
            plate = self.chosen[index % PLATES]
            # So far apart that each is a pass of its own, on whichever device.
            at = self.start + timedelta(seconds=20 * index)
            picture = Frame(f"{index}.jpg", self.frames[plate], "image/jpeg")
            while True:
                try:
                    posted = await post(self.api, device, picture, at=at)
                    break
                except StepFailed:
                    continue
            self.acknowledged[posted.sent.capture_id] = plate
            await asyncio.sleep(0.05)

    async def _ask_again_and_again(self):
        """Ask for the hits, each time under an id of our own; note it once it was answered."""
        while True:
            request_id = str(uuid4())
            headers = {"X-Request-ID": request_id}
            with contextlib.suppress(StepFailed, httpx.TransportError):
                await self.department.officer.must("hotlist", "GET", "/v1/hits", headers=headers)
                self.accesses.append(request_id)
            await asyncio.sleep(0.2)


class Records:
    """The content of the services' tables, read from outside."""

    def __init__(self, folder):
        servers = folder / "postgres"
        self._url = Postgres(servers, port=port_of(servers)).url()
        self._connection = None

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        if self._connection is not None:
            await self._connection.close()

    async def fetch(self, query, *values):
        """Fetch rows of a query; connect again if Postgres was killed meanwhile."""
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(self._url)
        return await self._connection.fetch(query, *values)

    async def count(self, table):
        return (await self.fetch(f"SELECT count(*) AS n FROM {table}"))[0]["n"]

    async def settle(self, run):
        """Wait until every acknowledged frame has been worked."""

        async def all_there():
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                captures = await self.count("retention.captures")
                reads = await self.count("retention.reads")
                return captures >= len(run.acknowledged) and reads >= len(run.acknowledged)
            return False

        await eventually(all_there, within_s=300, every_s=0.5)

        async def hits_there():
            return await self.count("hotlist.hits") >= FRAMES * LISTED // PLATES

        await eventually(hits_there, within_s=60, every_s=0.5)

    async def check(self, run):
        captures = await self.fetch("SELECT capture_id FROM retention.captures")
        times = Counter(str(row["capture_id"]) for row in captures)
        assert len(run.acknowledged) == FRAMES
        assert times.keys() >= run.acknowledged.keys(), "an acknowledged frame has no record"
        assert set(times.values()) == {1}, "a frame has two records"
        reads = await self.fetch(
            "SELECT r.capture_id, p.plate FROM retention.reads r"
            " JOIN retention.plates p ON p.plate_id = r.plate_id"
        )
        assert Counter(str(row["capture_id"]) for row in reads) == times, "one plate, one read"
        read_as = {str(row["capture_id"]): row["plate"] for row in reads}
        assert {c: read_as[c] for c in run.acknowledged} == run.acknowledged
        hits = await self.fetch("SELECT hit_id, read_id FROM hotlist.hits")
        listed = [c for c, plate in read_as.items() if plate in run.chosen[:LISTED]]
        assert len(hits) == len({row["read_id"] for row in hits}) == len(listed)


async def check_audit(department, records, run, folder):
    """Check that every answered access has exactly one entry, and that the log proves whole."""
    assert len(run.accesses) > len(VICTIMS), "the officer was hardly ever answered"

    async def all_there():
        rows = await records.fetch(
            "SELECT sent, count(*) AS n FROM (SELECT convert_from(entry, 'UTF8')::jsonb"
            " -> 'data' ->> 'caller_request_id' AS sent FROM audit.entries"
            " WHERE kind = 'access.attempted') AS attempts WHERE sent = ANY($1) GROUP BY sent",
            run.accesses,
        )
        entries = {row["sent"]: row["n"] for row in rows}
        return entries if len(entries) == len(run.accesses) else None

    entries = await eventually(all_there, within_s=90, every_s=0.5)
    assert set(entries.values()) == {1}, "an access has two entries"
    await department.auditor.refresh()
    purpose = await audit_purpose(department.auditor)
    proof = await prove(department.auditor, purpose, folder)
    assert proof.ok, proof.checks
