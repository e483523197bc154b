"""The service on a real broker and a real object folder."""

from contextlib import asynccontextmanager
from uuid import uuid4

import httpx
import pytest

from services.recognition.main import build_app
from services.recognition.settings import Settings
from shared.events import CaptureProcessed, CaptureReceived, ReadsRecognised
from shared.kafka.bus import KafkaBus
from shared.kafka.consumer import Consumer, Subscription
from shared.kafka.dead_letters import dead_letters
from shared.kafka.topics import TOPICS
from shared.kafka.topics_admin import ensure_topics
from shared.objects.opening import open_store
from shared.testing import mac_key_text

PAUSE_MS = 5


@pytest.fixture
def settings(broker, repository, tmp_path):
    return Settings(
        event_mac_key=mac_key_text("recognition"),
        kafka_bootstrap=broker.bootstrap,
        kafka_empty_fetch_pause_ms=PAUSE_MS,
        object_store_url=f"file://{tmp_path}/objects",
        policy_file=repository / "policy.toml",
        recognition_workers=2,
    )


@pytest.fixture
def objects(settings):
    return open_store(settings.object_store_url)


@asynccontextmanager
async def served(settings, make_engine=None):
    """Run the service with its lifespan, and a client of its few routes."""
    app = build_app(settings, make_engine=make_engine)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://recognition") as client:
            client.app = app
            yield client


class Downstream:
    """The messages that hotlist and retention would receive, by capture."""

    def __init__(self, bus):
        self.bus = bus
        self.reads: list[ReadsRecognised] = []
        self.processed: list[CaptureProcessed] = []

    async def post(self, *captures):
        await self.bus.publish(captures)

    def outcome(self, capture):
        """Return the outcomes that arrived for a capture, in order."""
        return [p.outcome for p in self.processed if p.capture.capture_id == capture.capture_id]

    def events_of(self, capture):
        return [e for e in self.reads if e.capture_id == capture.capture_id]

    def reads_of(self, capture):
        return [read for event in self.events_of(capture) for read in event.reads]


@pytest.fixture
async def downstream(broker, settings):
    await ensure_topics(broker.bootstrap)
    bus = KafkaBus(broker.bootstrap, "ingest")
    await bus.start()
    stream = Downstream(bus)

    async def read(events):
        stream.reads.extend(events)

    async def processed(events):
        stream.processed.extend(events)

    handlers = {ReadsRecognised: read, CaptureProcessed: processed}
    subscription = Subscription(f"downstream-{uuid4()}", handlers)
    consumer = Consumer(broker.bootstrap, subscription, bus, idle_pause_s=PAUSE_MS / 1000)
    consumer.start()
    yield stream
    await consumer.stop()
    await bus.stop()


async def dead_reasons(settings, capture):
    """Return why a capture is in the dead letters: one reason for each time it was put there."""
    topic = TOPICS[CaptureReceived.TOPIC]
    return [
        dict(record.headers)["dead_reason"].decode()
        async for record in dead_letters(settings.kafka_bootstrap, topic, replayed=False)
        if str(capture.capture_id).encode() in record.value
    ]
