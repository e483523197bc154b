"""The promises of every bus: of Kafka's, on a real broker, and of the fake that most tests publish with."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from shared.core.errors import TooLarge, Unavailable
from shared.events import FindingRaised
from shared.kafka.bus import SINGLE_LIMIT, Bus, KafkaBus
from shared.kafka.codec import Message, Record, decode
from shared.testing import FakeBus, mac_key
from tests.integration.shared.outboxes import everything, finding

TOPIC = FindingRaised.TOPIC
NOWHERE = "127.0.0.1:1"


@dataclass
class Sent:
    """A bus, and the messages that have arrived by it."""

    bus: Bus
    arrived: Callable[[], Awaitable[list[Record]]]


@pytest.fixture(params=["kafka", "fake"])
async def sent(request, broker):
    if request.param == "fake":
        fake = FakeBus()

        async def stored():
            return fake.records

        yield Sent(fake, stored)
        return
    kafka = KafkaBus(broker.bootstrap, "test", mac_key=mac_key("test"))
    before = len(await everything(broker.bootstrap, TOPIC))
    await kafka.start()

    async def read():
        found = await everything(broker.bootstrap, TOPIC)
        newest = sorted(found, key=lambda record: record.timestamp)[before:]
        return [Record(r.topic, r.key, r.value, list(r.headers)) for r in newest]

    yield Sent(kafka, read)
    await kafka.stop()


@pytest.fixture(params=["kafka", "fake"])
async def down(request):
    """A bus whose Kafka does not answer."""
    if request.param == "fake":
        fake = FakeBus()
        fake.down = True
        yield fake
        return
    kafka = KafkaBus(NOWHERE, "test", timeout_s=1, mac_key=mac_key("test"))
    yield kafka
    await kafka.stop()


@pytest.mark.parametrize("count", [3, 2 * SINGLE_LIMIT])
async def test_records_arrive_unchanged_and_in_order_for_each_key(sent, count):
    records = [
        Record(TOPIC, key, f"{key!r} {n}".encode(), [("n", str(n).encode()), ("none", b"")])
        for n in range(count)
        for key in (b"one", b"other")
    ]
    await sent.bus.publish_records(records)
    arrived = defaultdict(list)
    for record in await sent.arrived():
        arrived[record.key].append(record)
    assert arrived == {
        key: [record for record in records if record.key == key] for key in (b"one", b"other")
    }


@pytest.mark.parametrize("count", [3, 2 * SINGLE_LIMIT])
async def test_events_arrive_unchanged_with_the_mac_of_a_producer(sent, clock, count):
    events = [finding(clock, f"{n}") for n in range(count)]
    await sent.bus.publish(events)
    arrived = await sent.arrived()
    assert all(dict(record.headers)["plateward_mac"] for record in arrived)
    decoded = [decode(Message(TOPIC, 0, 0, r.key, r.value, dict(r.headers))) for r in arrived]
    assert sorted(decoded, key=lambda event: int(event.subject)) == events


async def test_published_events_remain_when_more_are_published(sent, clock):
    await sent.bus.publish([finding(clock, "1")])
    await sent.bus.publish([finding(clock, "2")])
    assert len(await sent.arrived()) == 2


async def test_a_record_too_large_is_refused_and_the_next_one_arrives(sent, clock):
    with pytest.raises(TooLarge):
        await sent.bus.publish([finding(clock, "x" * 2_000_000)])
    await sent.bus.publish([finding(clock, "small")])
    assert len(await sent.arrived()) == 1


async def test_a_record_too_large_among_many_is_refused_with_all_and_the_next_ones_arrive(
    broker, clock
):
    bus = KafkaBus(broker.bootstrap, "test", mac_key=mac_key("test"))
    await bus.start()
    before = len(await everything(broker.bootstrap, TOPIC))
    try:
        events = [finding(clock, f"{n}") for n in range(2 * SINGLE_LIMIT)]
        with pytest.raises(TooLarge):
            await bus.publish([*events, finding(clock, "x" * 2_000_000)])
        await bus.publish(events)
    finally:
        await bus.stop()
    assert len(await everything(broker.bootstrap, TOPIC)) == before + len(events)


async def test_publishing_no_events_succeeds(sent):
    await sent.bus.publish([])
    await sent.bus.publish_records([])
    assert await sent.arrived() == []


async def test_a_bus_that_answers_can_be_pinged(sent):
    await sent.bus.ping()


async def test_without_kafka_publishing_raises_unavailable(down, clock):
    with pytest.raises(Unavailable):
        await down.publish([finding(clock, "1")])
    with pytest.raises(Unavailable):
        await down.publish_records([Record(TOPIC, b"key", b"value", [])])
    with pytest.raises(Unavailable):
        await down.ping()


async def test_without_kafka_publishing_no_events_succeeds(down):
    await down.publish([])
    await down.publish_records([])
