"""Through a real broker: stored once, however often delivered, and the bad one put aside alone."""

from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import pytest
from aiokafka import AIOKafkaConsumer

from services.registry import SPECS
from services.retention.events import RECORDS
from services.retention.main import build_app
from services.retention.settings import Settings
from shared.events import ReadsRecorded
from shared.kafka.bus import KafkaBus
from shared.kafka.topics import topic_of
from shared.service.api_runtime import ApiRuntime
from shared.testing import eventually, recorded, signed
from tests.integration.retention.conftest import Retention, a_capture, a_read

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
async def retention(settings, broker, objects, clock, authority, policy):
    """The service with its consumers and workers running."""
    own = Settings(
        **{
            **settings.model_dump(),
            "kafka_bootstrap": broker.bootstrap,
            "kafka_empty_fetch_pause_ms": 5,
        }
    )
    runtime = ApiRuntime(
        SPECS["retention"],
        own,
        objects=objects,
        clock=clock,
        people=authority.people,
        policy=policy,
    )
    app = build_app(own, runtime)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            yield Retention(app, runtime, client, None, objects, clock, authority)


async def dead_reasons(bootstrap):
    consumer = AIOKafkaConsumer(
        topic_of(ReadsRecorded).dead, bootstrap_servers=bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    found = []

    async def arrived():
        for records in (await consumer.getmany(timeout_ms=200)).values():
            headers = [dict(record.headers) for record in records]
            found.extend(
                h["dead_reason"].decode() for h in headers if h["dead_group"].decode() == RECORDS
            )
        return found

    await eventually(arrived, within_s=20)
    await consumer.stop()
    return found


async def test_redelivered_records_are_stored_once_and_a_broken_clock_blocks_no_other_read(
    retention, broker
):
    bus = KafkaBus(broker.bootstrap, "test")
    await bus.start()
    reads = [
        a_read(f"7ABC{n:03}", NOON - timedelta(seconds=n), received_at=NOON) for n in range(600)
    ]
    broken = a_read("8XYZ987", datetime(1980, 1, 6, tzinfo=UTC), received_at=NOON)
    events = recorded(*reads[:300], broken, *reads[300:])
    assert [len(event.reads) for event in events] == [601], "one record"
    outcome = a_capture(NOON)
    outcome = msgspec.structs.replace(outcome, capture=signed(outcome.capture))
    await bus.publish([*events, outcome])
    await bus.publish(recorded(*reads))
    await bus.stop()

    async def stored():
        rows = await retention.fetch(
            "SELECT (SELECT count(*) FROM reads), (SELECT count(*) FROM captures)"
        )
        return tuple(rows[0]) == (600, 1)

    await eventually(stored, within_s=30)
    assert await dead_reasons(broker.bootstrap) == [
        "InvalidInput: the capture time is too far in the past or in the future"
    ]
    assert (await retention.client.get("/readyz")).status_code == 200
