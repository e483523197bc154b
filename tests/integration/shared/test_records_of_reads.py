"""Records of several reads on a real broker: counted by read, refused read by read (ADR-0055)."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from shared.core.errors import InternalFault, Unavailable
from shared.core.problem_codes import Common
from shared.events import ReadsRecorded
from shared.kafka import dead_letters
from shared.kafka.bus import KafkaBus
from shared.kafka.codec import Message, Record, decode_present, encode
from shared.kafka.consumer import Consumer, Subscription
from shared.kafka.consumer_lag import LAG
from shared.kafka.topics import topic_of
from shared.kafka.topics_admin import ensure_topics
from shared.testing import eventually, recorded
from tests.integration.retention.conftest import a_read
from tests.integration.shared.outboxes import everything

TOPIC = topic_of(ReadsRecorded)
REFUSED = "8BAD000"


@pytest.fixture
async def kafka(broker):
    await ensure_topics(broker.bootstrap)
    bus = KafkaBus(broker.bootstrap, "ingest")
    await bus.start()
    yield bus
    await bus.stop()


class Group:
    """A consumer group which stores a device's reads by plate and refuses one plate."""

    def __init__(self, broker, bus, *, most, device):
        """The topic also has the records of other tests, which are of other devices."""
        self.device = device
        self.stored: list[str] = []
        self.largest = 0
        self.most_lag = 0
        self.name = f"reads-{uuid4()}"
        self.consumer = Consumer(
            broker.bootstrap,
            Subscription(self.name, {ReadsRecorded: self._handle}, max_records=most),
            bus,
            idle_pause_s=0.005,
        )

    async def _handle(self, events):
        own = [event for event in events if event.device_id == self.device]
        reads = [read for event in own for read in event.each()]
        self.largest = max(self.largest, len(reads))
        self.most_lag = max([self.most_lag, *self.lag()])
        if any(read.plate == REFUSED for read in reads):
            raise InternalFault("refused by a rule")
        self.stored += [read.plate for read in reads]

    def lag(self):
        return [sample.value for sample in self._samples()]

    def labels(self):
        return [sample.labels for sample in self._samples()]

    def _samples(self):
        return [
            sample
            for family in LAG.collect()
            for sample in family.samples
            if sample.labels["group"] == self.name
        ]


def record_of(clock, *plates, device):
    at = clock.now()
    reads = [
        a_read(plate, at - timedelta(milliseconds=n), device_id=device, received_at=at)
        for n, plate in enumerate(plates)
    ]
    [event] = recorded(*reads)
    return event


async def of(device, broker):
    """Return the records of the topic's dead letters for a device."""
    letters = dead_letters.dead_letters(broker.bootstrap, TOPIC, replayed=False)
    return [letter async for letter in letters if letter.key == str(device).encode()]


async def test_a_group_reports_its_lag_before_its_first_event_and_not_after_it_stops(kafka, broker):
    group = Group(broker, kafka, most=1000, device=uuid4())
    group.consumer.start()
    partitions = {str(n) for n in range(TOPIC.partitions_on(1))}
    shown = await eventually(group.labels)
    assert {labels["partition"] for labels in shown} == partitions
    await group.consumer.stop()
    assert group.labels() == []


@pytest.mark.clause("468.5/read-alone")
async def test_each_refused_read_is_a_dead_letter_alone_and_the_others_of_its_record_are_stored(
    kafka, broker, clock, capsys, caplog, monkeypatch
):
    device = uuid4()
    plates = [f"7ABC{n:03}" for n in range(249)]
    event = record_of(clock, *plates[:100], REFUSED, *plates[100:], REFUSED, device=device)
    group = Group(broker, kafka, most=1000, device=device)
    group.consumer.start()
    await kafka.publish([event])
    await eventually(lambda: len(group.stored) == 249, within_s=20)
    await group.consumer.stop()
    assert group.stored == plates, "in the order of the record"
    letters = await of(device, broker)
    assert [decode_dead(letter).each() for letter in letters] == [
        [event.each()[100]],
        [event.each()[-1]],
    ]
    assert REFUSED not in caplog.text

    async def away(bus, records):
        raise Unavailable(Common.KAFKA_NOT_ACKNOWLEDGED)

    with monkeypatch.context() as patch:
        patch.setattr(KafkaBus, "publish_records", away)
        with pytest.raises(Unavailable):
            await dead_letters.replay(broker.bootstrap, TOPIC)
    assert await dead_letters.replay(broker.bootstrap, TOPIC) >= 2
    assert "skipped" not in capsys.readouterr().out
    back = [r for r in await everything(broker.bootstrap, TOPIC.name) if r.key == letters[0].key]
    assert sorted(len(decode_dead(r).reads) for r in back) == [1, 1, 251]


@pytest.mark.clause("wall/kafka")
async def test_a_dead_letter_of_a_read_that_its_record_does_not_have_is_not_replayed(
    kafka, broker, clock, capsys
):
    device = uuid4()
    event = record_of(clock, "7ABC001", "7ABC002", device=device)
    await kafka.publish([event])
    [original] = [
        r for r in await everything(broker.bootstrap, TOPIC.name) if r.key == str(device).encode()
    ]
    forged = record_of(clock, "9FORGED", device=device)
    headers = [
        *original.headers,
        ("dead_partition", str(original.partition).encode()),
        ("dead_offset", str(original.offset).encode()),
    ]
    value = encode(forged, "ingest").value
    *_, (name, _) = headers
    ahead = [*headers[:-1], (name, str(original.offset + 1).encode())]
    await kafka.publish_records(
        [
            Record(TOPIC.dead, original.key, value, headers),
            Record(TOPIC.dead, original.key, original.value, ahead),  # of a record yet to come
        ]
    )
    async with asyncio.timeout(20):
        await dead_letters.replay(broker.bootstrap, TOPIC)
    said = capsys.readouterr().out
    assert said.count("differs from the record that was refused: skipped") == 2
    back = [r for r in await everything(broker.bootstrap, TOPIC.name) if r.key == original.key]
    assert len(back) == 1


@pytest.mark.clause("wall/kafka")
async def test_a_dead_letter_whose_record_is_gone_stays_until_it_is_replayed_unproven(
    kafka, broker, clock, capsys
):
    device = uuid4()
    group = Group(broker, kafka, most=1000, device=device)
    group.consumer.start()
    await kafka.publish([record_of(clock, REFUSED, device=device)])

    async def dead():
        return await of(device, broker)

    [letter] = await eventually(dead, within_s=20)
    await group.consumer.stop()
    headers = dict(letter.headers)
    partition = TopicPartition(TOPIC.name, int(headers["dead_partition"]))
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    await admin.delete_records({partition: RecordsToDelete(int(headers["dead_offset"]) + 1)})
    await admin.close()
    for _ in range(2):
        assert await dead_letters.replay(broker.bootstrap, TOPIC) == 0
        assert "its record is gone: use --unproven" in capsys.readouterr().out
    assert await dead_letters.replay(broker.bootstrap, TOPIC, unproven=True) == 1
    back = [r for r in await everything(broker.bootstrap, TOPIC.name) if r.key == letter.key]
    assert [r.value for r in back] == [letter.value]


async def test_a_batch_has_at_most_the_reads_of_its_limit_and_the_lag_counts_reads(
    kafka, broker, clock
):
    device = uuid4()
    await kafka.publish([record_of(clock, *["7ABC123"] * 100, device=device)] * 30)
    group = Group(broker, kafka, most=250, device=device)
    group.consumer.start()
    await eventually(lambda: len(group.stored) >= 3000, within_s=20)
    await group.consumer.stop()
    assert group.largest == 200
    assert max(group.lag(), default=0) == 0


async def test_a_poll_fetches_about_as_many_reads_as_a_batch_may_have(
    kafka, broker, clock, monkeypatch
):
    """The turns of one poll share the time that Kafka gives it."""
    getmany, polled = AIOKafkaConsumer.getmany, []

    async def counted(consumer, *partitions, **options):
        found = await getmany(consumer, *partitions, **options)
        polled.append(sum(map(len, found.values())))
        return found

    monkeypatch.setattr(AIOKafkaConsumer, "getmany", counted)
    device = uuid4()
    record = record_of(clock, *["7ABC123"] * 100, device=device)
    group = Group(broker, kafka, most=250, device=device)
    group.consumer.start()
    for count in (1, 2):  # the second is alone in its poll, so that the mean is that of these
        await kafka.publish([record])
        await eventually(lambda count=count: len(group.stored) == 100 * count, within_s=20)
    polled.clear()
    group.most_lag = 0
    await kafka.publish([record] * 20)
    await eventually(lambda: len(group.stored) == 2200, within_s=20)
    await group.consumer.stop()
    assert max(polled) == 2
    assert 100 < group.most_lag <= 2000, "of reads, and not of records"


def decode_dead(record):
    return decode_present(Message("", 0, 0, record.key, record.value, dict(record.headers)))
