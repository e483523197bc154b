"""What of Kafka's topics the services have not processed yet."""

from collections.abc import Collection

from aiokafka import TopicPartition

from shared.kafka.client import Kafka
from shared.kafka.topics import TOPICS


async def behind(kafka: Kafka, services: Collection[str]) -> int:
    """Return how many events of any topic wait for a consumer group of `services`."""
    admin, consumer = kafka.admin(), kafka.consumer()
    await admin.start()
    await consumer.start()
    try:
        left = 0
        for group, _ in await admin.list_consumer_groups():
            if group.partition("-")[0] not in services:
                continue
            offsets = await admin.list_consumer_group_offsets(group)
            read = {p: o.offset for p, o in offsets.items() if p.topic in TOPICS and o.offset >= 0}
            ends = await consumer.end_offsets([TopicPartition(p.topic, p.partition) for p in read])
            left += sum(end - read[partition] for partition, end in ends.items())
        return left
    finally:
        await admin.close()
        await consumer.stop()
