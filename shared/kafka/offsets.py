"""Commits the offsets of what a consumer has processed: after its effect, and not for each batch (ADR-0087)."""

import asyncio
import logging
import time
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

log = logging.getLogger(__name__)

COMMIT_EVERY_S = 0.2
"""Offsets are committed this often at most. After a crash, what was processed since is delivered again."""

IDLE_POLL_S = 1.0
STOP_COMMITS_WITHIN_S = 1.0


class Offsets:
    """The offsets that one connection of a consumer has processed and not committed yet."""

    def __init__(self, consumer: AIOKafkaConsumer, group: str) -> None:
        self._consumer = consumer
        self._group = group
        self._processed: dict[TopicPartition, int] = {}
        self._committed_s = -COMMIT_EVERY_S

    def add(self, processed: Mapping[TopicPartition, int]) -> None:
        """Add the offsets after what was processed."""
        self._processed.update(processed)

    @property
    def poll_s(self) -> float:
        """How long a poll may wait for records."""
        return self._due_in_s() if self._processed else IDLE_POLL_S

    async def commit_due(self) -> None:
        """Commit if the last commit was a while ago."""
        if self._processed and self._due_in_s() <= 0:
            await self.commit()

    async def commit(self) -> None:
        """Commit what was processed of the partitions that are still the consumer's. Raises: KafkaError."""
        assigned = self._consumer.assignment()
        processed = {at: offset for at, offset in self._processed.items() if at in assigned}
        self._processed.clear()
        self._committed_s = time.monotonic()
        if not processed:
            return
        try:
            await self._consumer.commit(processed)
        except (CommitFailedError, IllegalStateError):
            # The new owner gets these messages again; their effects happen once.
            log.info("commit of %s lost to a rebalance", self._group)

    async def commit_last(self) -> None:
        """Commit at the stop, if Kafka answers in time."""
        try:
            async with asyncio.timeout(STOP_COMMITS_WITHIN_S):
                await self.commit()
        except (KafkaError, TimeoutError) as exc:
            log.info("the last commit of %s failed: %s", self._group, type(exc).__name__)

    def _due_in_s(self) -> float:
        return max(0.0, self._committed_s + COMMIT_EVERY_S - time.monotonic())
