"""Consumer groups go back to the offsets that a backup recorded, and no further."""

from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata

from local.backup.offsets import committed, rewind, rewound
from shared.kafka.client import Kafka, stop_client

READS, DISCLOSED = "alpr.read.recorded/0", "alpr.records.disclosed/1"


def test_only_offsets_past_the_recorded_ones_go_back():
    recorded = {"audit": {DISCLOSED: 7}, "retention-records": {READS: 40}}
    present = {
        "audit": {DISCLOSED: 7},
        "retention-records": {READS: 55, "alpr.read.recorded/1": 3},
        "hotlist-alpr.read.recorded": {READS: 5},
    }
    assert rewound(recorded, present) == {
        "retention-records": {READS: 40, "alpr.read.recorded/1": 0},
        "hotlist-alpr.read.recorded": {READS: 0},
    }
    assert rewound(recorded, {"audit": {DISCLOSED: 2}}) == {}  # a new Kafka


async def test_a_group_is_set_back_at_the_broker(broker):
    await commit(broker.bootstrap, "audit", DISCLOSED, 7)
    recorded = await committed(broker.bootstrap)
    assert recorded["audit"][DISCLOSED] == 7
    await commit(broker.bootstrap, "audit", DISCLOSED, 12)
    assert await rewind(broker.bootstrap, recorded) == {"audit": {DISCLOSED: 7}}
    assert await committed(broker.bootstrap) == recorded


async def commit(bootstrap, group, place, offset):
    topic, _, number = place.rpartition("/")
    partition = TopicPartition(topic, int(number))
    consumer = Kafka.at(bootstrap).consumer(group_id=group, enable_auto_commit=False)
    await consumer.start()
    consumer.assign([partition])
    await consumer.commit({partition: OffsetAndMetadata(offset, "")})
    await stop_client(consumer)
