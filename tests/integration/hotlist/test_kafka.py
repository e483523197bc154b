"""From a read in Kafka to the officer's stream, on a real broker: at once, once, and announced."""

import time
from uuid import UUID, uuid4

import httpx
import pytest
from aiokafka import AIOKafkaConsumer

from services.hotlist.main import build_app
from services.registry import SPECS
from shared.core.clock import SystemClock
from shared.events import HitRaised
from shared.kafka.bus import KafkaBus
from shared.kafka.codec import Message, decode
from shared.kafka.topics_admin import ensure_topics
from shared.service.api_runtime import ApiRuntime
from shared.testing import TestAuthority, eventually
from shared.testing.reads import recorded
from tests.integration.hotlist.conftest import Hotlist, Streams, served

BATCHES, PER_BATCH = 60, 20


@pytest.fixture
def clock():
    return SystemClock()


@pytest.fixture
async def kafka(broker):
    await ensure_topics(broker.bootstrap)
    bus = KafkaBus(broker.bootstrap, "test")
    await bus.start()
    yield bus
    await bus.stop()


async def announced(bootstrap, wanted):
    """Return hits of these reads, from the topic."""
    consumer = AIOKafkaConsumer(
        HitRaised.TOPIC, bootstrap_servers=bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    found = []

    async def all_found():
        for records in (await consumer.getmany(timeout_ms=100)).values():
            for r in records:
                headers = dict(r.headers)
                event = decode(Message(r.topic, r.partition, r.offset, r.key, r.value, headers))
                if event.read_id in wanted:
                    found.append(event.read_id)
        return len(found) >= len(wanted)

    await eventually(all_found, within_s=20)
    await consumer.stop()
    return found


async def test_reads_through_kafka_reach_every_stream_once(
    settings, broker, kafka, objects, clock, policy
):
    authority: TestAuthority = TestAuthority(clock)
    settings = settings.model_copy(
        update={"kafka_bootstrap": broker.bootstrap, "kafka_empty_fetch_pause_ms": 5}
    )
    runtime = ApiRuntime(
        SPECS["hotlist"], settings, objects=objects, people=authority.people, policy=policy
    )
    app = build_app(settings, runtime)
    async with app.router.lifespan_context(app), served(app) as base_url:
        async with httpx.AsyncClient(base_url=base_url, timeout=30) as client:
            hotlist = Hotlist(app, runtime, client, authority, None, clock)
            await hotlist.listed("7ABC123", source="state")
        streams = Streams(base_url, authority)
        async with streams.open() as one, streams.open() as two, streams.open() as three:
            opened = (one, two, three)
            await eventually(lambda: all(stream.events for stream in opened))
            sent: dict[str, float] = {}
            for batch in range(BATCHES):
                reads = [
                    hotlist.read(
                        "7ABC123" if n == 0 else f"1AAA{n:03}", device=uuid4(), ago_s=0.001
                    )
                    for n in range(PER_BATCH)
                ]
                sent[str(reads[0].read_id)] = time.perf_counter()
                await kafka.publish(recorded(*reads))
                if batch % 10 == 0:
                    await kafka.publish(recorded(*reads))  # sent twice
            for stream in opened:
                await eventually(lambda s=stream: len(s.alerts) >= len(sent), within_s=30)
                assert sorted(alert["read_id"] for alert in stream.alerts) == sorted(sent)
            took = sorted(at - sent[read_id] for read_id, at in three.times.items())
            print(f"p50 {took[len(took) // 2] * 1e3:.0f} ms, worst {took[-1] * 1e3:.0f} ms")
            assert took[len(took) // 2] < 2  # a busy machine; the bench has the real bound
        raised = await announced(broker.bootstrap, {UUID(read_id) for read_id in sent})
        assert len(raised) == len(set(raised)) == len(sent)
