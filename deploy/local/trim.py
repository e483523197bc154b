"""Keeps the embedded broker's log short: what every consumer has worked is deleted (ADR-0003)."""

import asyncio
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import KafkaError

from shared.topics import TOPICS

log = logging.getLogger(__name__)

EVERY_S = 2.0


@dataclass
class Trimmer:
    """Deletes records up to the lowest offset that all of a topic's consumer groups committed.

    The broker holds its whole log in memory and rewrites it every 3 s, so its cost grows with what
    is kept. A topic that a group of `groups` has not committed in yet is left alone.
    """

    bootstrap: str
    groups: Mapping[str, Collection[str]]
    """By topic, the groups that must have worked a record before it goes. Never dead letters, and
    never topics that services replay from the start."""
    _trimmed: dict[TopicPartition, int] = field(default_factory=dict, init=False)

    async def run(self) -> None:
        """Trim every 2 s until cancelled; a broker that restarts or a slow one is tried again."""
        while True:
            try:
                await self._trim_repeatedly()
            except (KafkaError, OSError, TimeoutError) as exc:
                log.info("trimming paused: %s", type(exc).__name__)
            await asyncio.sleep(EVERY_S)

    async def _trim_repeatedly(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            while True:
                await self.trim(admin)
                await asyncio.sleep(EVERY_S)
        finally:
            await admin.close()

    async def trim(self, admin: AIOKafkaAdminClient) -> int:
        """Trim once; return how many records went."""
        floors = await self._floors(admin)
        fresh = {p: offset for p, offset in floors.items() if offset > self._trimmed.get(p, 0)}
        if not fresh:
            return 0
        await admin.delete_records({p: RecordsToDelete(offset) for p, offset in fresh.items()})
        gone = sum(offset - self._trimmed.get(p, 0) for p, offset in fresh.items())
        self._trimmed.update(fresh)
        return gone

    async def _floors(self, admin: AIOKafkaAdminClient) -> dict[TopicPartition, int]:
        """Return the lowest committed offset of each partition that all of its groups know."""
        names = sorted({group for groups in self.groups.values() for group in groups})
        committed = {name: await admin.list_consumer_group_offsets(name) for name in names}
        floors: dict[TopicPartition, int] = {}
        for topic, groups in self.groups.items():
            known = [committed[group] for group in groups]
            partitions = {p for offsets in known for p in offsets if p.topic == topic}
            for partition in partitions:
                offsets = [o[partition].offset if partition in o else -1 for o in known]
                floors[partition] = min(offsets)
        return {partition: offset for partition, offset in floors.items() if offset > 0}


def groups_to_wait_for() -> dict[str, list[str]]:
    """Return, by topic, the groups that work it: each consuming service's, named like the service.

    Topics that are replayed from their start are left out, and those that nobody works.
    """
    return {
        topic.name: sorted(topic.consumers)
        for topic in TOPICS.values()
        if topic.consumers and not topic.replayed
    }
