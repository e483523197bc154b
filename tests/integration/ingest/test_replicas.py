"""Two processes of ingest on one registry and a real broker: each learns the other's changes."""

import base64
import json
from contextlib import asynccontextmanager

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from services.ingest.main import build_app
from services.ingest.settings import Settings
from services.ingest.workers.device_cache import DeviceCache
from services.registry import SPECS
from shared.events import CaptureReceived, ReadsRecorded
from shared.kafka.codec import Message, decode
from shared.kafka.topics import topic_of
from shared.service.api_runtime import ApiRuntime
from shared.testing import TestAuthority, TestRoot, eventually
from tests.integration.ingest.conftest import Station
from tests.unit.ingest import pictures as p

FRAME = p.jpeg()


@pytest.fixture
def kafka_settings(settings, broker) -> Settings:
    return Settings(
        **settings.model_dump()
        | {"kafka_bootstrap": broker.bootstrap, "kafka_empty_fetch_pause_ms": 5},
        **TestRoot().settings("ingest_signing", "captures"),
        ingest_id_key=base64.b64encode(bytes(32)).decode(),
        ingest_devices_ttl_s=3600,  # so that only events can bring news
    )


@pytest.fixture
async def two(kafka_settings, clock, authority, policy):
    parts = (kafka_settings, clock, authority, policy)
    async with running(*parts) as one, running(*parts) as other:
        yield one, other


@asynccontextmanager
async def running(settings, clock, authority: TestAuthority, policy):
    runtime = ApiRuntime(
        SPECS["ingest"], settings, clock=clock, people=authority.people, policy=policy
    )
    app = build_app(settings, runtime)
    async with app.router.lifespan_context(app):
        [follower] = [task for task in runtime._tasks if task.name == "device follower"]
        await follower.caught_up.wait()
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://ingest") as client:
            yield Station(app, client, None, None, clock, authority)


async def test_a_credential_issued_by_one_replica_is_accepted_by_the_other_at_once(two):
    one, other = two
    made = await one.register()
    assert (await other.post_frame(made["credential"], FRAME)).status_code == 202


async def test_a_credential_revoked_at_one_replica_is_refused_by_the_other_after_the_event(two):
    one, other = two
    made = await one.register()
    credential = made["credential"]
    assert (await other.post_frame(credential, FRAME)).status_code == 202
    path = f"/v1/devices/{made['device']['device_id']}/revocation"
    assert (await one.admin("POST", path, {"reason": "stolen"})).status_code == 200
    assert (await one.post_frame(credential, FRAME)).status_code == 401

    async def refused():
        return (await other.post_frame(credential, FRAME)).status_code == 401

    await eventually(refused, within_s=5)


@pytest.mark.clause("468.5/revoked-device")
async def test_a_revocation_while_another_replica_starts_applies_there(
    two, kafka_settings, clock, authority, policy, monkeypatch
):
    """Its event comes after that replica has read the devices, and before it follows their changes."""
    one, _ = two
    made = await one.register()
    path = f"/v1/devices/{made['device']['device_id']}/revocation"
    load, revoked = DeviceCache.load, []

    async def load_and_lose(cache: DeviceCache) -> None:
        await load(cache)
        if not revoked:
            revoked.append(await one.admin("POST", path, {"reason": "stolen"}))
            await one.running.runtime.relay.drain()

    monkeypatch.setattr(DeviceCache, "load", load_and_lose)
    async with running(kafka_settings, clock, authority, policy) as third:
        assert [answer.status_code for answer in revoked] == [200]
        assert (await third.post_frame(made["credential"], FRAME)).status_code == 401


async def test_acknowledged_frames_and_reads_are_in_kafka_and_in_the_folder(
    two, broker, kafka_settings
):
    one, _ = two
    made = await one.register(reads_per_s=10_000)
    credential = made["credential"]
    receipt = (await one.post_frame(credential, FRAME)).json()
    reads = [one.read(n) for n in range(10_000)]
    answer = await one.post_reads(credential, reads, query="?ids=true")
    assert answer.status_code == 202, answer.text
    device = made["device"]["device_id"]
    captures = await published(broker.bootstrap, CaptureReceived, device, 1)
    assert [str(event.capture_id) for event in captures] == [receipt["capture_id"]]
    stored = await one.running.runtime.objects.get(captures[0].image.object_key)
    assert stored == FRAME
    events = await published(broker.bootstrap, ReadsRecorded, device, 40)
    assert [len(event.reads) for event in events] == [250] * 40
    assert [str(read.read_id) for event in events for read in event.reads] == answer.json()[
        "read_ids"
    ]
    assert json.loads(answer.text)["accepted"] == 10_000


async def published(bootstrap, kind, device, count):
    """Read a device's events of one kind from the start of its topic, in order."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    topic = topic_of(kind)
    partitions = [TopicPartition(topic.name, n) for n in range(topic.partitions_on(1))]
    consumer.assign(partitions)
    await consumer.seek_to_beginning(*partitions)
    found = []

    async def all_there():
        for records in (await consumer.getmany(timeout_ms=200)).values():
            for r in records:
                message = Message(r.topic, r.partition, r.offset, r.key, r.value, dict(r.headers))
                event = decode(message)
                if str(event.device_id) == device:
                    found.append(event)
        return len(found) >= count

    try:
        await eventually(all_there, within_s=20)
    finally:
        await consumer.stop()
    return found
