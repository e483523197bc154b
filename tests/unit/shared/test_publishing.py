"""Records go to the partition of aiokafka's own partitioner, so that a key's events stay in order."""

from uuid import UUID

import pytest
from aiokafka.partitioner import DefaultPartitioner

from shared.kafka.bus import KafkaBus, partition_of
from shared.kafka.client import Kafka


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
