"""What a run left in the tables and in Kafka, read from outside once it has settled."""

import asyncio
import contextlib
import json
from datetime import UTC
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from aiokafka.errors import KafkaError

from local.demo.auditing import audit_purpose, prove
from local.demo.department import Department
from local.demo.story import StepFailed
from services.registry import names
from shared.core.errors import Unavailable
from shared.kafka.dead_letters import listed
from shared.service.spec import Kind
from shared.testing import eventually
from tests.chaos.installation import Installation
from tests.chaos.plan import SERVICES
from tests.chaos.verdict import DeadLetter, Sent, Sighting, Stored
from tests.lag import behind

SETTLES_WITHIN_S = 240.0
STILL_FOR = 3
"""Looks in a row, a second apart, that must find nothing left to do."""


async def settled(parts: Installation, sent: Sent) -> float:
    """Wait until no event waits in Kafka or in an outbox, and no read for its pass; returns the seconds.

    Work of a consumer may produce events of others, so it must be so for some seconds. Raises: AssertionError.
    """
    kafka = parts.cluster.client("topics")
    loop = asyncio.get_running_loop()
    begun_s, still = loop.time(), 0

    async def still_long_enough() -> bool:
        nonlocal still
        left = await _left(parts, kafka, sent)
        still = still + 1 if left == 0 else 0
        assert still >= STILL_FOR, f"{left} left"
        return True

    async with asyncio.timeout(SETTLES_WITHIN_S + 60):
        await eventually(still_long_enough, within_s=SETTLES_WITHIN_S, every_s=1.0)
    return loop.time() - begun_s


async def _left(parts: Installation, kafka: Any, sent: Sent) -> int | str:
    try:
        async with asyncio.timeout(30):
            waiting = await behind(kafka, SERVICES)
            if waiting:
                return waiting
            return await _waiting_in_tables(parts, sent)
    except (KafkaError, OSError, asyncpg.PostgresError, TimeoutError, Unavailable) as exc:
        return type(exc).__name__


async def _waiting_in_tables(parts: Installation, sent: Sent) -> int:
    async with _connected(parts) as connection:
        outboxes = [
            int(await connection.fetchval(f"SELECT count(*) FROM {service}.outbox"))
            for service in names(Kind.API)
        ]
        captures = int(await connection.fetchval("SELECT count(*) FROM retention.captures"))
        due = int(await connection.fetchval("SELECT count(*) FROM retention.pass_due"))
        return sum(outboxes) + max(0, len(sent.frames) - captures) + due


@contextlib.asynccontextmanager
async def _connected(parts: Installation) -> Any:
    connection = await asyncpg.connect(parts.postgres.url(), timeout=10)
    try:
        yield connection
    finally:
        await connection.close()


async def stored(parts: Installation, department: Department, folder: Path) -> Stored:
    """Read what the tables hold, and verify the log."""
    async with _connected(parts) as connection:
        reads = await connection.fetch(
            "SELECT r.read_id, r.device_id, p.plate, r.captured_at, r.capture_id"
            " FROM retention.reads r JOIN retention.plates p ON p.plate_id = r.plate_id"
        )
        captures = await connection.fetch("SELECT capture_id FROM retention.captures")
        of_passes = await connection.fetch("SELECT read_id FROM retention.pass_reads")
        hits = await connection.fetch("SELECT hit_id, read_id, entry_id FROM hotlist.hits")
        entries = await connection.fetch(
            "SELECT kind, convert_from(entry, 'UTF8') AS entry FROM audit.entries"
            " WHERE kind IN ('access.attempted', 'hit.raised')"
        )
    data = [(row["kind"], json.loads(row["entry"])["data"]) for row in entries]
    return Stored(
        reads=[
            (
                str(row["read_id"]),
                Sighting(str(row["device_id"]), row["plate"], row["captured_at"].astimezone(UTC)),
            )
            for row in reads
        ],
        captures=[str(row["capture_id"]) for row in captures],
        reads_of_captures=[(str(r["capture_id"]), r["plate"]) for r in reads if r["capture_id"]],
        reads_of_passes=[str(row["read_id"]) for row in of_passes],
        hits=[(str(r["hit_id"]), str(r["read_id"]), str(r["entry_id"])) for r in hits],
        hits_logged=[one["hit_id"] for kind, one in data if kind == "hit.raised"],
        accesses_logged=[
            one["caller_request_id"]
            for kind, one in data
            if kind == "access.attempted" and one.get("caller_request_id")
        ],
        log_ok=await _log_ok(department, folder),
    )


async def _log_ok(department: Department, folder: Path) -> bool:
    try:
        await department.auditor.sign_in()  # the first session has ended, idle for an hour
        purpose = await audit_purpose(department.auditor)
        return (await prove(department.auditor, purpose, folder)).ok
    except (StepFailed, httpx.HTTPError) as exc:
        (folder / "log.txt").write_text(str(exc))
        return False


async def dead_letters(parts: Installation) -> list[DeadLetter]:
    """Return the dead letters of all topics."""
    found = await listed(parts.cluster.client("operator"))
    return [DeadLetter(one.topic, f"{one.group}: {one.reason}") for one in found]
