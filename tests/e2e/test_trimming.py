"""The trimming command, on Apache Kafka with ACLs as its own principal, deletes only records that all services have."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.kafka.run import ApacheKafka
from local.stack.servers import ROOT
from shared.events import DeviceSilenced, KeyPublished, Read, ReadsRecorded
from shared.kafka.acls import OPERATOR, TOPICS_COMMAND, TRIMMER, principals
from shared.kafka.bus import KafkaBus
from shared.kafka.client import Kafka
from shared.kafka.codec import Record, encode, encode_all
from shared.kafka.consumer import Consumer, Subscription
from shared.kafka.dead_letters import dead_letters, replay
from shared.kafka.topics import TOPICS
from shared.kafka.topics_admin import ensure_topics
from shared.testing import eventually, recorded
from tests.integration.retention.conftest import a_read

pytestmark = [pytest.mark.enable_socket, pytest.mark.apache]

NOW = datetime.now(UTC)
READS = TOPICS[ReadsRecorded.TOPIC]
SCHEDULE = timedelta(days=400)
"""policy.toml, [retention]."""


@pytest.fixture(scope="module")
async def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """Apache Kafka with topics and ACLs, as the command for topics makes them."""
    kafka = ApacheKafka(tmp_path_factory.mktemp("kafka"), principals=principals())
    kafka.start(within_s=180)
    try:
        await ensure_topics(Kafka.of(kafka.link(TOPICS_COMMAND)))
        yield kafka
    finally:
        kafka.stop()


def trim(node: ApacheKafka, principal: str = TRIMMER) -> subprocess.CompletedProcess[str]:
    """Run the command once, as compose and Kubernetes do."""
    settings = node.link(principal)
    given = {
        name.upper(): str(value)
        for name, value in settings.model_dump(exclude_none=True, exclude_defaults=True).items()
    }
    return subprocess.run(
        [sys.executable, "-m", "shared.kafka.topics_admin", "trim"],
        env={**os.environ, **given},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


async def publish(node: ApacheKafka, service: str, *records: Record) -> None:
    bus = KafkaBus(Kafka.of(node.link(service)), service)
    await bus.start()
    await bus.publish_records(list(records))
    await bus.stop()


async def work(node: ApacheKafka, service: str, event: type, count: int) -> None:
    """Consume and commit so many events as a service does."""
    seen = []

    async def collect(events):
        seen.extend(events)

    kafka = Kafka.of(node.link(service))
    bus = KafkaBus(kafka, service)
    await bus.start()
    consumer = Consumer(kafka, Subscription(f"{service}-test", {event: collect}), bus)
    consumer.start()
    try:
        await eventually(lambda: len(seen) >= count, within_s=60)
    finally:
        await consumer.stop()
        await bus.stop()


async def left(node: ApacheKafka, topic: str, reader: str) -> int:
    """Return how many records a topic has, from the lowest offsets to the highest."""
    consumer: AIOKafkaConsumer = Kafka.of(node.link(reader)).consumer(topic)
    await consumer.start()
    try:
        parts = [TopicPartition(topic, n) for n in consumer.partitions_for_topic(topic) or ()]
        first = await consumer.beginning_offsets(parts)
        ends = await consumer.end_offsets(parts)
        return sum(ends[p] - first[p] for p in parts)
    finally:
        await consumer.stop()


@pytest.mark.clause("468.5/schedule")
async def test_trimming_deletes_only_records_that_every_consumer_has_committed(node) -> None:
    reads = [a_read(f"7ABC{n:03}", NOW) for n in range(6)]
    await publish(
        node, "ingest", *(r for read in reads for r in encode_all(recorded(read), "ingest"))
    )
    silence = DeviceSilenced(
        occurred_at=NOW, device_id=uuid4(), device_name="x", last_heard_at=NOW, silent_after_s=60
    )
    await publish(node, "ingest", encode(silence, "ingest"))
    key = KeyPublished(occurred_at=NOW, kid="k", issuer="x", jwk={}, not_after=NOW)
    await publish(node, "identity", encode(key, "identity"))
    await work(node, "hotlist", ReadsRecorded, 6)
    await work(node, "audit", KeyPublished, 1)
    done = trim(node)
    assert done.returncode == 0, done.stderr
    assert await left(node, READS.name, "hotlist") == 6, "retention has not worked them"

    await work(node, "retention", ReadsRecorded, 6)
    await publish(node, "ingest", *encode_all(recorded(a_read("8XYZ999", NOW)), "ingest"))
    done = trim(node)
    assert done.stdout.splitlines()[0] == "6 records deleted", done
    assert await left(node, READS.name, "hotlist") == 1, "what came after is not worked yet"
    assert await left(node, DeviceSilenced.TOPIC, "audit") == 1, "audit has not logged it"
    assert await left(node, KeyPublished.TOPIC, "audit") == 1, "it is replayed from the start"


@pytest.mark.clause("wall/kafka")
async def test_no_other_principal_can_trim(node) -> None:
    await publish(node, "ingest", *encode_all(recorded(a_read("7ABC777", NOW)), "ingest"))
    for service in ("hotlist", "retention"):
        await work(node, service, ReadsRecorded, 1)
    before = await left(node, READS.name, "hotlist")
    assert before > 0
    for principal in ("retention", OPERATOR):
        trim(node, principal)
        assert await left(node, READS.name, "hotlist") == before, principal


def dead(read: Read, *, at: datetime = NOW, offset: int = 0, **changes) -> Record:
    """Return a dead letter of a read, as retention writes it."""
    [record] = encode_all(recorded(read), "ingest")
    reason = {
        "dead_group": "retention-records",
        "dead_reason": "InvalidInput: refused",
        "dead_partition": "0",
        "dead_offset": str(offset),
        "dead_at": at.isoformat(),
    }
    headers = [*record.headers, *((name, text.encode()) for name, text in reason.items())]
    return record._replace(**{"topic": READS.dead, "headers": headers, **changes})


async def all_dead(node) -> list[Record]:
    kafka = Kafka.of(node.link(OPERATOR))
    return [record async for record in dead_letters(kafka, READS, replayed=False)]


@pytest.mark.clause("468.5/schedule")
async def test_dead_letters_of_sightings_past_the_schedule_end_and_others_stay_as_they_were(
    node,
) -> None:
    past, fresh = NOW - SCHEDULE - timedelta(hours=1), NOW - SCHEDULE + timedelta(hours=1)
    whole = dead(a_read("1GONE01", past))
    stays = [dead(a_read("2STAY02", fresh)), dead(a_read("3STAY03", NOW), value=b"no JSON at all")]
    signed = rb'{"capture":{"body":"{\"captured_at\":\"%s\",\"x\":1}"}}' % past.isoformat().encode()
    records = [
        stays[0],
        whole,
        dead(a_read("4GONE04", past), value=whole.value[:-40]),  # cut off: it does not decode
        stays[1],
        dead(a_read("5GONE05", NOW), value=signed),
        dead(a_read("6OLD006", NOW), at=NOW - timedelta(days=28, hours=1)),
        dead(a_read("7LAST07", NOW)),
    ]
    await publish(node, "retention", *records)
    done = trim(node)
    assert done.stdout.splitlines()[1] == "4 dead letters ended", done
    found = await all_dead(node)
    expected = [records[-1], *stays]
    key = [(r.key, r.value, r.headers) for r in found]
    assert key == [(r.key, r.value, [(n, bytes(v)) for n, v in r.headers]) for r in expected]
    assert trim(node).stdout.splitlines()[1] == "0 dead letters ended"
    assert len(await all_dead(node)) == 3


async def test_trimming_does_not_restore_replayed_dead_letters(node) -> None:
    """Otherwise a replay after the trimming would put it back again."""
    kafka = Kafka.of(node.link(OPERATOR))
    before = len(await all_dead(node))
    await replay(kafka, READS, unproven=True)
    past = NOW - SCHEDULE - timedelta(hours=1)
    await publish(node, "retention", dead(a_read("1GONE01", past)))
    assert trim(node).stdout.splitlines()[1] == "1 dead letters ended"
    assert (before > 0, await all_dead(node)) == (True, [])
