"""What makes the rules fire on a running stack, and what clears them again."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx

from local.demo.department import Department
from local.demo.listing import as_csv
from local.stack.state_file import StateFile
from shared.events import PeriodFixed, ReadsRecorded
from shared.kafka.client import Kafka, stop_client
from shared.kafka.codec import encode
from shared.kafka.topics import topic_of
from tests.chaos.installation import descendants
from tests.e2e.frames import frame, plates
from tests.prometheus import Prometheus, at_every_s

COVERED = "Covered camera"
HUFFMAN = b"\xff\xc4"
"""The marker of a JPEG before its tables of codes."""
STRANGERS = 60
"""Requests without a valid credential that are sent at once."""


@dataclass(frozen=True)
class Site:
    """The running stack that faults are made in."""

    folder: Path
    department: Department
    urls: dict[str, str]
    kafka: str
    prometheus: Prometheus

    def pids(self, part: str) -> list[int]:
        """Return the ids of a part's process and of those below it."""
        state = StateFile(self.folder / "stack.json").read()
        assert state is not None, "the stack has ended"
        pid = state.processes[part]
        return [pid, *descendants(pid)]


Cause = Callable[[Site], AbstractAsyncContextManager[None]]


@dataclass(frozen=True)
class Trial:
    """A fault, and the rules that fire while it lasts and clear once it has ended."""

    what: str
    rules: tuple[str, ...]
    cause: Cause
    of: str = ""
    """Labels of the alerts that count, as PromQL has them; others may fire all along."""


def stopped(*parts: str) -> Cause:
    """Stop parts, as a machine that hangs."""

    @asynccontextmanager
    async def during(site: Site) -> AsyncIterator[None]:
        pids = [pid for part in parts for pid in site.pids(part)]
        _signal(pids, signal.SIGSTOP)
        try:
            yield
        finally:
            _signal(pids, signal.SIGCONT)

    return during


def hung_for(part: str, hung_s: float) -> Cause:
    """Stop a part for so long: what waited meanwhile comes late."""

    @asynccontextmanager
    async def during(site: Site) -> AsyncIterator[None]:
        async with stopped(part)(site):
            await asyncio.sleep(hung_s)
        yield

    return during


@asynccontextmanager
async def objects_away(site: Site) -> AsyncIterator[None]:
    """Take the object store's folder away, and leave a file in its place."""
    objects, away = site.folder / "objects", site.folder / "objects.away"
    objects.rename(away)
    objects.touch()
    try:
        yield
    finally:
        objects.unlink()
        away.rename(objects)


@asynccontextmanager
async def unknown_targets(site: Site) -> AsyncIterator[None]:
    """Have Prometheus find no service."""
    lost = {"job_name": "plateward", "static_configs": []}
    config = {"global": at_every_s(1), "scrape_configs": [lost]}
    await asyncio.to_thread(site.prometheus.reload, config)
    try:
        yield
    finally:
        await asyncio.to_thread(site.prometheus.reload)


def repeated(once: Callable[[Site], Awaitable[None]], every_s: float = 1.0) -> Cause:
    """Do something again and again."""

    @asynccontextmanager
    async def during(site: Site) -> AsyncIterator[None]:
        async def again() -> None:
            while True:
                with suppress(httpx.HTTPError, OSError):
                    await once(site)
                await asyncio.sleep(every_s)

        task = asyncio.create_task(again())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    return during


async def many(site: Site, service: str, path: str, headers: dict[str, str], count: int) -> None:
    """Send so many requests at once."""
    async with httpx.AsyncClient(timeout=10) as client:
        url = f"{site.urls[service]}{path}"
        await asyncio.gather(
            *(client.post(url, headers=headers, json={}) for _ in range(count)),
            return_exceptions=True,
        )


async def strangers_search(site: Site) -> None:
    """Search without a valid token."""
    headers = {"Authorization": "Bearer none"}
    await many(site, "retention", "/v1/reads/search", headers, STRANGERS)


async def strangers_post(site: Site) -> None:
    """Post reads under a credential that no camera has."""
    headers = {"Authorization": f"Bearer {uuid4()}.nothing"}
    await many(site, "ingest", "/v1/reads", headers, STRANGERS)


async def strangers_sign_in(site: Site) -> None:
    """Sign in with a wrong password."""
    async with httpx.AsyncClient(timeout=10) as client:
        for number in range(6):
            body = {
                "username": f"nobody{number}{uuid4().hex[:6]}",
                "password": "wrong password",
                "totp": "000000",
            }
            await client.post(f"{site.urls['identity']}/v1/sessions", json=body)


async def forged(site: Site) -> None:
    """Publish an audited event without proof of its producer."""
    now = datetime.now(UTC)
    event = PeriodFixed(occurred_at=now, occurred_from=now, occurred_to=now)
    record = encode(event, "audit")
    await _publish(site, record.topic, record.key, record.value, list(record.headers))


async def undecodable(site: Site) -> None:
    """Publish what is no event."""
    await _publish(site, topic_of(ReadsRecorded).name, b"key", b"no event", [])


async def _publish(
    site: Site, topic: str, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]
) -> None:
    producer = Kafka.at(site.kafka).producer()
    await producer.start()
    try:
        await producer.send_and_wait(topic, value, key=key, headers=headers)
    finally:
        await stop_client(producer)


@asynccontextmanager
async def workers_killed(site: Site) -> AsyncIterator[None]:
    """Kill recognition's workers, as the kernel does when memory is short."""
    for _ in range(6):
        below = site.pids("recognition")[1:]
        _signal(below, signal.SIGKILL)
        await asyncio.sleep(2)
    yield


@asynccontextmanager
async def frames_at_once(site: Site) -> AsyncIterator[None]:
    """Post many frames at once."""
    drawn = [frame(plate) for plate in plates(60)]
    await asyncio.gather(*(post_frames(site, drawn[start::6]) for start in range(6)))
    yield


async def broken_frames(site: Site) -> None:
    """Post frames whose tables of codes are broken."""
    whole = frame(plates(1)[0])
    table = whole.index(HUFFMAN) + 4
    bodies = [
        whole[:table] + b"\xff" * 20 + bytes([number]) + whole[table + 21 :] for number in range(6)
    ]
    await post_frames(site, bodies)


async def post_frames(site: Site, bodies: list[bytes]) -> None:
    """Post frames as the department's first camera."""
    async with httpx.AsyncClient(timeout=10) as client:
        for body in bodies:
            headers = {
                "Authorization": f"Bearer {site.department.devices[0].credential}",
                "Content-Type": "image/jpeg",
                "X-Captured-At": datetime.now(UTC).isoformat(),
            }
            await client.post(f"{site.urls['ingest']}/v1/captures", headers=headers, content=body)


@asynccontextmanager
async def silent_camera(site: Site) -> AsyncIterator[None]:
    """Register a camera that sends nothing; at the end it posts a read."""
    place = {"latitude": 39.93, "longitude": -122.18}
    made = await site.department.administrator.must(
        "ingest",
        "POST",
        "/v1/devices",
        json={"name": COVERED, "kind": "fixed", "place": place},
    )
    yield
    reads = [{"source_id": "1", "plate": "7SLT123", "region": "US-CA", "confidence": 0.9,
              "captured_at": datetime.now(UTC).isoformat()}]  # fmt: skip
    await site.department.administrator.api.must(
        "ingest",
        "POST",
        "/v1/reads",
        json=reads,
        headers={"Authorization": f"Bearer {made['credential']}"},
    )


@asynccontextmanager
async def old_extract(site: Site) -> AsyncIterator[None]:
    """Put a version in force whose extract is old; at the end, one of now."""
    person = site.department.investigator
    made = await person.must(
        "hotlist", "POST", "/v1/lists", json={"name": "County list", "source": "department"}
    )
    path = f"/v1/lists/{made['list_id']}/versions"
    old = (datetime.now(UTC) - timedelta(days=90)).isoformat()
    content = as_csv([("7QLD123", "stolen_vehicle", "Reported stolen")]).encode()
    csv = {"content": content, "headers": {"Content-Type": "text/csv"}}
    await person.must("hotlist", "POST", path, params={"as_of": old, "activate": "true"}, **csv)
    yield
    await person.must("hotlist", "POST", path, params={"activate": "true"}, **csv)


@asynccontextmanager
async def finding_open(site: Site) -> AsyncIterator[None]:
    """Have audit raise a finding; at the end the auditor closes all."""
    await forged(site)
    yield
    await close_findings(site)


async def close_findings(site: Site) -> None:
    """Close every open finding, as the auditor does."""
    auditor = site.department.auditor
    purpose = await auditor.declare(
        kind="audit",
        offence_type="periodic audit",
        case_number="AUD-2026-02",
        justification="Weekly review of what the log has observed",
    )
    found = await auditor.must("audit", "GET", "/v1/findings", purpose=purpose)
    for one in found["items"]:
        if one["status"] != "closed":
            await auditor.must(
                "audit", "POST", f"/v1/findings/{one['finding_id']}/closure", purpose=purpose,
                json={"outcome": "explained", "note": "A trial of the alerting rules"},
            )  # fmt: skip


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


TRIALS = (
    Trial("Prometheus has lost its targets", ("ServicesNotScraped",), unknown_targets),
    Trial("recognition hangs", ("ServiceDown",), stopped("recognition")),
    Trial("requests without a valid token", ("RefusalsFlood",), repeated(strangers_search)),
    Trial("requests of no camera", ("CamerasRefused",), repeated(strangers_post)),
    Trial("wrong passwords", ("SignInsRefused",), repeated(strangers_sign_in)),
    Trial("a camera is silent", ("CameraSilent",), silent_camera, f'camera="{COVERED}"'),
    Trial("an old extract is in force", ("HotListStale",), old_extract),
    Trial("what is no event", ("DeadLetters",), repeated(undecodable, 4)),
    Trial("events without proof of their producer", ("ForgedEvents",), repeated(forged, 4)),
    Trial("a finding stays open", ("FindingsOpen",), finding_open, 'kind="forged_event"'),
    Trial("many frames at once", ("RecognitionBehind",), frames_at_once),
    Trial("frames that cannot be decoded", ("FramesFailing",), repeated(broken_frames)),
    Trial("recognition's workers end", ("RecognitionWorkersDying",), workers_killed),
    Trial("the object store is away", ("ObjectStoreDown",), objects_away),
    Trial("the audit log stands still", ("AuditLogBehind",), stopped("audit")),
    Trial("hotlist hung for a while", ("AlertsSlow",), hung_for("hotlist", 20)),
    Trial(
        "Kafka hangs",
        ("KafkaDown", "ConsumerGone", "TaskFailing", "OutboxWaiting", "RequestsFailing"),
        stopped("broker"),
    ),
    Trial("Postgres hangs", ("PostgresDown",), stopped("postgres")),
)

_CATCHES_UP = (
    "a consumer that hangs reports no lag, and one that works again catches up within seconds"
)
ONLY_RECORDED = {
    "ReadsLate": _CATCHES_UP,
    "ConsumerLagging": _CATCHES_UP,
    "PassesBehind": "a vote that fails measures nothing, and one that works again catches up within seconds",
    "DiskFilling": "would fill the disk of the machine that runs the trial",
    "DiskFull": "would fill the disk of the machine that runs the trial",
    "KafkaDiskFilling": "the embedded broker gives no disks",
    "KafkaDiskFull": "the embedded broker gives no disks",
    "CertificateEnding": "a service shows its certificates as they were at its start, and a new one needs a restart",
    "CertificateEndsSoon": "a service shows its certificates as they were at its start, and a new one needs a restart",
    "TokenKeyOld": "IDENTITY_KEY_ROTATION_DAYS is a day at least",
    "SearchesRefused": "a small store has no search that is heavy enough to wait",
    "PackagesWaiting": "needs a release that two agencies have agreed to, and an hour",
    "CheckpointLate": "needs an audit service that appends and does not sign, which none does",
    "FindingsUndelivered": "needs a receiver of findings; tests/integration/audit/test_notices.py has one",
    "FindingsDeadLettered": "AUDIT_NOTICE_HOURS is an hour at least",
    "HotListsEmpty": "a list that loses all entries needs two people's word, and a day",
    "CameraWithoutReads": "compares a day with a week",
    "PurgeRefused": "needs a policy that changes under a standing order",
    "PurgeLate": "needs two days without a purge",
    "MonthsOverdue": "needs five weeks without a purge",
}
"""Rules that no trial fires, and why: recorded series show that they fire and clear."""
