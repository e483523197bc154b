"""Records go to the partition of aiokafka's own partitioner, so that a key's events stay in order."""

import asyncio
from uuid import UUID

import pytest
from aiokafka.errors import NotEnoughReplicasAfterAppendError
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer.message_accumulator import BatchBuilder

from shared.core.errors import Unavailable
from shared.kafka.bus import MAX_BATCH_BYTES, SINGLE_LIMIT, KafkaBus, partition_of
from shared.kafka.client import Kafka
from shared.kafka.codec import Record

LAST = "alpr.hit.raised"


@pytest.mark.parametrize("count", [1, 4, 24])
def test_a_key_has_the_partition_of_aiokafkas_own_partitioner(count):
    every = list(range(count))
    keys = [b"", *(str(UUID(int=7**n)).encode() for n in range(40))]
    for key in keys * 2:
        assert partition_of(key, every, every) == DefaultPartitioner()(key, every, every)


def test_a_topic_that_gets_partitions_uses_them():
    keys = [str(UUID(int=7**n)).encode() for n in range(40)]
    assert {partition_of(key, [0], [0]) for key in keys} == {0}
    assert len({partition_of(key, [0, 1, 2, 3], [0]) for key in keys}) == 4


class Recorded(Kafka):
    """A Kafka whose producers start at once; remembers how they were asked for."""

    def producer(self, **options):
        self.__dict__["options"] = options
        return self

    async def start(self):
        """Connected."""

    async def stop(self):
        """Disconnected."""


async def test_a_record_is_acknowledged_by_all_copies_and_never_written_twice():
    kafka = Recorded("broker:9092", {})
    bus = KafkaBus(kafka, "ingest")
    await bus.start()
    await bus.stop()
    assert (kafka.options["acks"], kafka.options["enable_idempotence"]) == ("all", True)


class Refusing(Recorded):
    """A Kafka that acknowledges every record and batch but those of the topic `LAST`."""

    _sender = None

    @property
    def client(self):
        return self

    async def close(self):
        """Disconnected."""

    async def partitions_for(self, topic):
        return {0, 1, 2, 3}

    def create_batch(self):
        return BatchBuilder(MAX_BATCH_BYTES, 0)

    async def send(self, topic, **record):
        return self._acknowledgement(topic)

    async def send_batch(self, batch, topic, *, partition):
        return self._acknowledgement(topic)

    def _acknowledgement(self, topic):
        found = asyncio.get_running_loop().create_future()
        if topic == LAST:
            found.set_exception(NotEnoughReplicasAfterAppendError())
        else:
            found.set_result(None)
        return found


@pytest.mark.clause("468.5/transfer")
@pytest.mark.parametrize("count", [1, 3, SINGLE_LIMIT + 4])
async def test_records_are_published_only_if_kafka_acknowledged_each(count):
    bus = KafkaBus(Refusing("broker:9092", {}), "ingest")
    await bus.start()
    records = [Record("alpr.finding.raised", b"%d" % n, b"x", []) for n in range(count)]
    await bus.publish_records(records)
    with pytest.raises(Unavailable):
        await bus.publish_records([*records, Record(LAST, b"last", b"x", [])])
    await bus.stop()
