"""Events as they leave an outbox, and all that lies in a topic."""

from uuid import uuid4

from shared.events import FindingRaised
from shared.kafka.topics import TOPICS
from shared.testing import FakeClock


def finding(clock: FakeClock, subject: str) -> FindingRaised:
    return FindingRaised(occurred_at=clock.now(), finding_id=uuid4(), kind="test", subject=subject)


async def everything(bootstrap, topic):
    """Return all records of a topic."""
    from aiokafka import AIOKafkaConsumer, TopicPartition

    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    partitions = [TopicPartition(topic, n) for n in range(TOPICS[topic].partitions_on(1))]
    consumer.assign(partitions)
    ends = await consumer.end_offsets(partitions)
    await consumer.seek_to_beginning(*partitions)
    found = []
    while any([await consumer.position(p) < ends[p] for p in partitions]):
        for records in (await consumer.getmany(timeout_ms=200)).values():
            found += records
    await consumer.stop()
    return found
