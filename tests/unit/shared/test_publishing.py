"""Records go to the partition that aiokafka's own partitioner gives, so that a key's events stay in order."""

from uuid import UUID

import pytest
from aiokafka.partitioner import DefaultPartitioner

from shared.kafka.bus import partition_of


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
