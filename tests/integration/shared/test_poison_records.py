"""Records that no program of ours writes, as a service in an attacker's hands may: each is put aside, and alone."""

from datetime import timedelta
from struct import pack_into
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.producer import message_accumulator
from aiokafka.record import default_records
from aiokafka.record.util import calc_crc32c

from local.stack.broker import Broker
from shared.core.errors import InternalFault, Unavailable
from shared.core.problem_codes import Common
from shared.events import FindingRaised, PolicyLoaded
from shared.kafka import offsets
from shared.kafka.bus import KafkaBus
from shared.kafka.codec import COUNT, Message, encode
from shared.kafka.consumer import Consumer, RawSubscription, Subscription
from shared.kafka.dead_letter_ends import DeadLetterEnds
from shared.kafka.dead_letters import listed, replay
from shared.kafka.follower import TopicFollower
from shared.kafka.topics import topic_of
from shared.kafka.topics_admin import ensure_topics
from shared.testing import eventually, mac_key
from tests.integration.shared.outboxes import finding

pytestmark = pytest.mark.clause("468.5/transfer")

CRC_OFFSET = 17
"""The place of the checksum in a batch, of what follows it."""

KAFKAS_MOST = 1_048_450
"""A record of this many bytes is the largest that Kafka takes from a producer of ours."""


@pytest.fixture(scope="module")
def own_broker(tmp_path_factory):
    with Broker(tmp_path_factory.mktemp("poison")) as broker:
        yield broker


@pytest.fixture
async def bus(own_broker):
    await ensure_topics(own_broker.bootstrap)
    bus = KafkaBus(own_broker.bootstrap, "test", mac_key=mac_key("test"))
    await bus.start()
    yield bus
    await bus.stop()


def null(name):
    """Return a change of a record: its header of this name has no value, as Kafka allows."""

    def changed(record):
        others = [header for header in record.headers if header[0] != name]
        return record._replace(headers=[*others, (name, None)])

    return changed


def counted(count):
    """Return a change of a record: it states to have so many reads."""
    return lambda record: record._replace(headers=[*record.headers, (COUNT, count)])


def full(record):
    """Return a record with no room left for the reason of a dead letter."""
    used = len(encode_headers(record)) + len(record.key)
    return record._replace(value=b"x" * (KAFKAS_MOST - used))


def encode_headers(record):
    return b"".join(name.encode() + value for name, value in record.headers)


REFUSED = {"no type": null("ce_type"), "no room": full}
TAKEN = {
    "no id": null("ce_id"),
    "no count": null(COUNT),
    "a count beyond floats": counted(b"9" * 400),
    "a count near the end of floats": counted(b"9" * 308),
}


@pytest.fixture
async def started(own_broker, bus):
    """Start a consumer of findings in a group of its own, which gives what it handles to `seen`."""
    running = []

    async def start(clock, seen, *, raw=False):
        mark = f"{uuid4()}"

        async def handle(events):
            seen.extend(event.subject for event in events)

        async def hand_over(messages):
            seen.extend(message.value.decode() for message in messages)

        group = f"group-{uuid4()}"
        subscription = (
            RawSubscription(group, [FindingRaised], hand_over)
            if raw
            else Subscription(group, {FindingRaised: handle})
        )
        consumer = Consumer(own_broker.bootstrap, subscription, bus, idle_pause_s=0.005)
        running.append(consumer)
        await bus.publish([finding(clock, mark)])
        consumer.start()
        await eventually(lambda: any(mark in one for one in seen), within_s=30)
        return consumer

    yield start
    for consumer in running:
        await consumer.stop()


async def then_another(bus, clock, poison, seen):
    """Publish a record and, behind it in its partition, an event that the consumer has to see."""
    mark = f"{uuid4()}"
    await bus.publish_records([poison])
    await bus.publish_records([encode(finding(clock, mark), "test")._replace(key=poison.key)])
    await eventually(lambda: any(mark in one for one in seen), within_s=30)


@pytest.mark.parametrize("change", (REFUSED | TAKEN).values(), ids=REFUSED | TAKEN)
@pytest.mark.parametrize("raw", [False, True], ids=["decoded", "raw"])
async def test_an_odd_record_stops_no_consumer(started, bus, clock, change, raw):
    seen = []
    consumer = await started(clock, seen, raw=raw)
    await then_another(bus, clock, change(encode(finding(clock, "odd"), "test")), seen)
    assert consumer.restarts == 0


class Renaming:
    """A builder of batches that writes the header `zzzz` with a name that is no UTF-8."""

    def __init__(self, *given, **more):
        self._builder = default_records.DefaultRecordBatchBuilder(*given, **more)

    def __getattr__(self, name):
        return getattr(self._builder, name)

    def build(self):
        batch = bytearray(self._builder.build()).replace(b"zzzz", b"\xff\xfe\xff\xfe")
        crc = calc_crc32c(bytes(batch[CRC_OFFSET + 4 :]))
        pack_into(">I", batch, CRC_OFFSET, crc)
        return batch


@pytest.fixture
async def renaming(own_broker, monkeypatch):
    """A producer of batches with such a header, which are not compressed."""
    monkeypatch.setattr(message_accumulator, "DefaultRecordBatchBuilder", Renaming)
    producer = AIOKafkaProducer(bootstrap_servers=own_broker.bootstrap, linger_ms=200)
    await producer.start()
    yield producer
    await producer.stop()


@pytest.mark.parametrize("raw", [False, True], ids=["decoded", "raw"])
async def test_a_header_whose_name_is_no_text_stops_no_consumer(started, bus, clock, renaming, raw):
    seen = []
    consumer = await started(clock, seen, raw=raw)
    marks = [f"{uuid4()}" for _ in range(3)]
    events = [encode(finding(clock, mark), "test") for mark in marks]
    odd = [event._replace(headers=[*event.headers, ("zzzz", b"")]) for event in events]
    topic, key = odd[0].topic, odd[0].key
    for record in (odd[0], events[1], odd[2]):
        await renaming.send(topic, value=record.value, key=key, headers=record.headers)
    await renaming.flush()
    await then_another(bus, clock, encode(finding(clock, "x"), "test")._replace(key=key), seen)
    at = [next(n for n, one in enumerate(seen) if mark in one) for mark in marks]
    assert at == sorted(at)
    assert consumer.restarts == 0


@pytest.mark.parametrize("change", REFUSED.values(), ids=REFUSED)
async def test_an_odd_record_alone_becomes_a_dead_letter(own_broker, started, bus, clock, change):
    seen = []
    consumer = await started(clock, seen)
    before = len(await listed(own_broker.bootstrap))
    await then_another(bus, clock, change(encode(finding(clock, "odd"), "test")), seen)
    [dead] = (await listed(own_broker.bootstrap))[before:]
    assert (dead.topic, dead.group) == (FindingRaised.TOPIC, consumer.group)
    assert "does not decode" in dead.reason or "is not known" in dead.reason


async def test_a_refused_message_is_found_by_halves_and_the_others_stay_in_large_batches(
    own_broker, started, bus, clock
):
    calls, seen = [], []
    consumer = await started(clock, seen, raw=True)
    before = len(await listed(own_broker.bootstrap))
    bad = encode(finding(clock, "refused"), "test")
    messages = [
        Message(FindingRaised.TOPIC, 0, n, b"", bad.value if n == 70 else b"x", {})
        for n in range(100)
    ]

    async def hand_over(some):
        calls.append(len(some))
        if bad.value in [one.value for one in some]:
            raise InternalFault("it is refused")
        seen.extend(one.offset for one in some)

    await consumer._hand_over(hand_over, messages)
    assert seen[-99:] == [n for n in range(100) if n != 70]
    assert len(calls) <= 2 * 7 + 1
    assert len(await listed(own_broker.bootstrap)) == before + 1


async def test_a_record_becomes_one_dead_letter_although_its_batch_is_retried(
    own_broker, started, bus, clock, monkeypatch
):
    """Postgres is away for a while, and the consumer begins its batch again and again.

    The batch before it was processed and is not due to be committed: the consumer does not begin there again.
    """
    monkeypatch.setattr(offsets, "COMMIT_EVERY_S", 600)
    seen = []
    consumer = await started(clock, seen)
    dispatch = consumer._dispatch
    first, second, after = (
        encode(finding(clock, subject), "test") for subject in ("first", "second", "after")
    )

    async def away(handler, run):
        if consumer.restarts < 4 and any(event.subject == "after" for _, event in run):
            raise Unavailable(Common.DATABASE_AWAY)
        await dispatch(handler, run)

    async def written(record):
        [event_id] = [value.decode() for name, value in record.headers if name == "ce_id"]
        letters = [(one.event_id, one.group) for one in await listed(own_broker.bootstrap)]
        return letters.count((event_id, consumer.group))

    monkeypatch.setattr(consumer, "_dispatch", away)
    await then_another(bus, clock, null("ce_type")(first), seen)
    await bus.publish_records([null("ce_type")(second), after._replace(key=second.key)])
    await eventually(lambda: "after" in seen, within_s=30)
    assert consumer.restarts == 4
    assert await written(first) == 1
    assert await written(second) == 1


async def test_an_odd_dead_letter_keeps_no_other_from_its_end(own_broker, bus, clock):
    topic = topic_of(FindingRaised)
    records = [
        encode(finding(clock, subject), "test")._replace(topic=topic.dead) for subject in "ab"
    ]
    odd = null("dead_at")(records[0])
    over = records[1]._replace(headers=[("dead_at", b"2020-01-01T00:00:00Z")])
    await bus.publish_records([odd, over])
    ends = DeadLetterEnds(own_broker.bootstrap, schedule=timedelta(days=365))
    assert await ends.once() == 1


async def test_a_dead_letter_without_room_for_its_record_is_not_replayed_and_stops_no_other(
    own_broker, started, bus, clock
):
    seen, said = [], []
    await started(clock, seen)
    await then_another(bus, clock, full(encode(finding(clock, "full"), "test")), seen)
    await replay(own_broker.bootstrap, topic_of(FindingRaised), say=said.append)
    assert any("differs" in one for one in said)


async def test_an_odd_record_stops_no_follower(own_broker, bus, clock):
    seen = []

    async def learn(events):
        seen.extend(event.version for event in events)

    def loaded(version):
        return PolicyLoaded(
            occurred_at=clock.now(), service="retention", digest="1" * 64, version=version
        )

    follower = TopicFollower(
        own_broker.bootstrap,
        "odd",
        [PolicyLoaded],
        from_start=True,
        learn=learn,
        idle_pause_s=0.005,
    )
    follower.start()
    try:
        await bus.publish_records([null("ce_type")(encode(loaded("odd"), "recognition"))])
        await bus.publish([loaded("another")])
        await eventually(lambda: "another" in seen, within_s=30)
        assert follower.failing is None
    finally:
        await follower.stop()
