"""What cameras, strangers and other software send, so much or so wrong that rules fire."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from uuid import uuid4

import httpx

from services.ingest.settings import Settings
from shared.events import PeriodFixed, ReadsRecorded
from shared.kafka.client import Kafka, stop_client
from shared.kafka.codec import encode
from shared.kafka.topics import topic_of
from tests.bench.county import Device, Vehicles
from tests.dashboards.faults import slowed, stopped
from tests.dashboards.site import Site, repeated
from tests.e2e.frames import frame, plates

COVERED, TURNED = "Covered camera", "Turned camera"
HUFFMAN = b"\xff\xc4"
"""The marker of a JPEG before its tables of codes."""
STRANGERS = 60
"""Requests without a valid credential that are sent at once."""
FLOOD_CAMERAS = 6
FLOOD_READS = 500
"""Of each POST of a flood."""
HUNG_S = 20.0
LOOKED_EVERY_S = float(Settings.model_fields["ingest_silence_every_s"].default)
"""How often ingest looks which cameras are silent."""
READS_BEFORE = 4
"""A counter shows no increase at its first read."""


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


async def forged(site: Site, source: str = "audit") -> None:
    """Publish an audited event that names a source without proof; audit raises one finding an hour for each source."""
    now = datetime.now(UTC)
    event = PeriodFixed(occurred_at=now, occurred_from=now, occurred_to=now)
    record = encode(event, source)
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


async def frames_at_once(site: Site) -> None:
    """Post many frames at once."""
    drawn = [frame(plate) for plate in plates(60)]
    await asyncio.gather(*(post_frames(site, drawn[start::6]) for start in range(6)))


async def broken_frames(site: Site) -> None:
    """Post frames whose tables of codes are broken."""
    whole = frame(plates(1)[0])
    table = whole.index(HUFFMAN) + 4
    bodies = [
        whole[:table] + b"\xff" * 20 + bytes([number]) + whole[table + 21 :] for number in range(6)
    ]
    await post_frames(site, bodies)


async def post_frames(site: Site, bodies: list[bytes], credential: str = "") -> None:
    """Post frames as the camera of a credential, or as the department's first one."""
    credential = credential or site.department.devices[0].credential
    async with httpx.AsyncClient(timeout=10) as client:
        for body in bodies:
            headers = {
                "Authorization": f"Bearer {credential}",
                "Content-Type": "image/jpeg",
                "X-Captured-At": datetime.now(UTC).isoformat(),
            }
            await client.post(f"{site.urls['ingest']}/v1/captures", headers=headers, content=body)


@asynccontextmanager
async def silent_camera(site: Site) -> AsyncIterator[None]:
    """Register a camera that sends nothing; at the end it posts reads until ingest has looked who is silent."""
    credential = await _registered(site, COVERED)
    yield
    heard_from_s = time.monotonic()
    while time.monotonic() < heard_from_s + LOOKED_EVERY_S + 5:
        await _post_read(site, credential)
        await asyncio.sleep(5)


@asynccontextmanager
async def turned_camera(site: Site) -> AsyncIterator[None]:
    """Register a camera that posts reads, and then frames without a plate alone; at the end it posts reads again."""
    credential = await _registered(site, TURNED)
    for _ in range(READS_BEFORE):
        await _post_read(site, credential)
        await asyncio.sleep(3)
    async with repeated(partial(post_frames, bodies=[frame()], credential=credential), 5)(site):
        yield
    for _ in range(READS_BEFORE):
        await _post_read(site, credential)
        await asyncio.sleep(3)


async def _post_read(site: Site, credential: str) -> None:
    """Post one read as the camera of a credential."""
    now = datetime.now(UTC).isoformat()
    reads = [
        {"source_id": now, "plate": "7SLT123", "region": "US-CA", "confidence": 0.9,
         "captured_at": now}
    ]  # fmt: skip
    await site.department.administrator.api.must(
        "ingest",
        "POST",
        "/v1/reads",
        json=reads,
        headers={"Authorization": f"Bearer {credential}"},
    )


async def _registered(site: Site, name: str) -> str:
    """Register a fixed camera; return its credential."""
    place = {"latitude": 39.93, "longitude": -122.18}
    body = {"name": name, "kind": "fixed", "place": place}
    made = await site.department.administrator.must("ingest", "POST", "/v1/devices", json=body)
    return str(made["credential"])


@asynccontextmanager
async def flooded(site: Site) -> AsyncIterator[None]:
    """Send more reads than are stored and voted on, after hotlist and retention hung for a while.

    Hotlist stays slow until the end: on a fast machine it would catch up before Prometheus sees its lag.
    """
    credentials = [await _registered(site, f"Flood {number}") for number in range(FLOOD_CAMERAS)]
    draw, vehicles = random.Random(1798), Vehicles(50_000, 1798)
    flood = [
        asyncio.create_task(_post_reads(site, Device(one, vehicles, draw))) for one in credentials
    ]
    try:
        async with stopped("hotlist", "retention")(site):
            await asyncio.sleep(HUNG_S)
        async with slowed("hotlist")(site):
            yield
    finally:
        for task in flood:
            task.cancel()
        await asyncio.gather(*flood, return_exceptions=True)


async def _post_reads(site: Site, device: Device) -> None:
    """Post a camera's reads without a pause, until cancelled."""
    headers = {
        "Authorization": f"Bearer {device.credential}",
        "Content-Type": "application/json",
    }
    async with httpx.AsyncClient(base_url=site.urls["ingest"], timeout=10) as client:
        while True:
            body = device.batch(FLOOD_READS, time.time())
            with suppress(httpx.HTTPError):
                answer = await client.post("/v1/reads", headers=headers, content=body)
                await asyncio.sleep(0.0 if answer.is_success else 0.5)
