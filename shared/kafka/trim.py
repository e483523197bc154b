"""Deletes records from Kafka once every consumer has processed them, so that sightings do not wait for retention.

The embedded stack trims every 2 s, since its broker's cost grows with its log (ADR-0003); elsewhere
`python -m shared.kafka.topics_admin trim` does it, every 5 minutes in compose and Kubernetes. Audit commits an
offset only after its durable append, so a record that it has not appended is never deleted.
"""

import asyncio
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import KafkaError

from shared.core.errors import DependencyDown
from shared.kafka.client import Kafka, stop_client
from shared.kafka.topics import TOPICS

log = logging.getLogger(__name__)

EVERY_S = 2.0
RECORDS_LEFT = 10
"""Records kept of each fleeting topic."""


@dataclass
class Trimmer:
    """Deletes records up to the lowest offset that all services of a topic have committed.

    It skips partitions in which one of the services has no committed offset yet. A service processes a topic in one
    consumer group, named like the service or beginning with its name and a dash.
    """

    kafka: Kafka | str
    services: Mapping[str, Collection[str]]
    """By topic, the services that must have processed a record before it is deleted. Never dead letters, and never
    topics that services replay from the start."""
    fleeting: Collection[str] = ()
    """Topics of which only the newest records are kept."""
    _trimmed: dict[TopicPartition, int] = field(default_factory=dict, init=False)

    async def run(self) -> None:
        """Trim every 2 s until cancelled; retries if the broker is slow or restarting."""
        while True:
            try:
                await self._trim_repeatedly()
            except (KafkaError, OSError, TimeoutError) as exc:
                log.info("trimming paused: %s", type(exc).__name__)
            await asyncio.sleep(EVERY_S)

    async def _trim_repeatedly(self) -> None:
        kafka = Kafka.at(self.kafka)
        admin, consumer = kafka.admin(), kafka.consumer(enable_auto_commit=False)
        try:
            await admin.start()
            await consumer.start()
            while True:
                await self.trim(admin, consumer)
                await asyncio.sleep(EVERY_S)
        finally:
            await stop_client(consumer)
            await admin.close()

    async def once(self) -> int:
        """Connect and trim once; returns the number of deleted records. Raises: Unavailable."""
        kafka = Kafka.at(self.kafka)
        admin = kafka.admin()
        try:
            await admin.start()
            return await self.trim(admin)
        except (KafkaError, OSError) as exc:
            raise DependencyDown(await kafka.fault()) from exc
        finally:
            await admin.close()

    async def trim(
        self, admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer | None = None
    ) -> int:
        """Trim once, with a consumer also fleeting topics; returns the number of deleted records."""
        floors = await self._floors(admin)
        if consumer is not None:
            floors |= await self._fleeting(consumer)
        fresh = {p: offset for p, offset in floors.items() if offset > self._trimmed.get(p, 0)}
        if not fresh:
            return 0
        await admin.delete_records({p: RecordsToDelete(offset) for p, offset in fresh.items()})
        gone = sum(offset - self._trimmed.get(p, 0) for p, offset in fresh.items())
        self._trimmed.update(fresh)
        return gone

    async def _fleeting(self, consumer: AIOKafkaConsumer) -> dict[TopicPartition, int]:
        """Return the first offset to keep in each partition of fleeting topics."""
        if not self.fleeting:
            return {}
        topics = [TOPICS[name] for name in self.fleeting]
        partitions = [TopicPartition(t.name, n) for t in topics for n in range(t.partitions)]
        ends = await consumer.end_offsets(partitions)
        return {
            partition: end - RECORDS_LEFT for partition, end in ends.items() if end > RECORDS_LEFT
        }

    async def _floors(self, admin: AIOKafkaAdminClient) -> dict[TopicPartition, int]:
        """Return the lowest offset that all services of a partition have committed."""
        committed = await self._committed(admin)
        floors: dict[TopicPartition, int] = {}
        for topic, services in self.services.items():
            known = [committed.get(service, {}) for service in services]
            for partition in {p for offsets in known for p in offsets if p.topic == topic}:
                floors[partition] = min(offsets.get(partition, -1) for offsets in known)
        return {partition: offset for partition, offset in floors.items() if offset > 0}

    async def _committed(self, admin: AIOKafkaAdminClient) -> dict[str, dict[TopicPartition, int]]:
        """Return each service's committed offsets, the lowest of its groups."""
        found: dict[str, dict[TopicPartition, int]] = {}
        for group, _ in await admin.list_consumer_groups():
            offsets = found.setdefault(group.split("-", 1)[0], {})
            for partition, at in (await admin.list_consumer_group_offsets(group)).items():
                if at.offset >= 0:
                    offsets[partition] = min(at.offset, offsets.get(partition, at.offset))
        return found


def fleeting_topics() -> list[str]:
    """Return the topics of which only the newest records matter."""
    return [topic.name for topic in TOPICS.values() if topic.fleeting]


def services_to_wait_for() -> dict[str, list[str]]:
    """Return, by topic, the services that process it.

    Leaves out topics that are replayed from their start, and those that no service processes.
    """
    return {topic.name: sorted(topic.consumers) for topic in TOPICS.values() if topic.is_trimmed}
