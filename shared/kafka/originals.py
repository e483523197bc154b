"""Compares a dead letter with the record that was refused, at its offset in the topic, or with one of its reads.

Every consumer of a topic may write its dead letters, and a replay writes to the topic itself. So a dead letter is
replayed only if it equals the record that it names.
"""

from collections.abc import Iterator
from enum import Enum
from types import TracebackType
from typing import Self

from aiokafka import TopicPartition

from shared.core.errors import AlprError
from shared.events import GroupedEvent
from shared.kafka.client import Kafka
from shared.kafka.codec import Message, Record, decode_present, headers_of, part_of

OWN = "dead_"
"""Prefix of the headers that dead-lettering adds; all other headers, MACs included, are the record's own."""


class Comparison(Enum):
    """Result of comparing a dead letter with its topic."""

    GENUINE = "genuine"
    FORGED = "forged"
    GONE = "gone"
    """The topic no longer has the record, so they cannot be compared."""


def undone(record: Record) -> Record:
    """Return the record that was refused: the dead letter without its added headers."""
    original = [(name, value) for name, value in record.headers if not name.startswith(OWN)]
    return record._replace(headers=original)


class Originals:
    """Reads single records of topics, without a consumer group."""

    def __init__(self, kafka: Kafka | str) -> None:
        self._consumer = Kafka.at(kafka).consumer(enable_auto_commit=False)

    async def __aenter__(self) -> Self:
        await self._consumer.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._consumer.stop()

    async def verdict(self, dead: Record) -> Comparison:
        """Compare `dead`, whose topic is the one it goes back to, with the record that was refused."""
        said = dict(dead.headers)
        try:
            partition = TopicPartition(dead.topic, int(said["dead_partition"]))
            offset = int(said["dead_offset"])
        except (KeyError, ValueError):
            return Comparison.FORGED
        if offset < 0 or not await self._has(partition):
            return Comparison.FORGED
        self._consumer.assign([partition])
        if offset >= (await self._consumer.end_offsets([partition]))[partition]:
            return Comparison.FORGED
        if offset < (await self._consumer.beginning_offsets([partition]))[partition]:
            return Comparison.GONE
        return await self._compare(partition, offset, undone(dead))

    async def _has(self, partition: TopicPartition) -> bool:
        first = TopicPartition(partition.topic, 0)
        self._consumer.assign([first])
        await self._consumer.end_offsets([first])  # the client learns the topic's partitions
        return partition.partition in (self._consumer.partitions_for_topic(partition.topic) or ())

    async def _compare(self, partition: TopicPartition, offset: int, dead: Record) -> Comparison:
        self._consumer.seek(partition, offset)
        while True:
            found = (await self._consumer.getmany(partition, timeout_ms=500, max_records=1)).get(
                partition, []
            )
            if not found:
                if await self._consumer.position(partition) > offset:
                    return Comparison.GONE
                continue
            [record] = found
            if record.offset != offset:
                return Comparison.GONE  # compaction removed it
            headers = headers_of(record.headers)
            found_there = Message(
                partition.topic, partition.partition, offset, record.key, record.value, headers
            )
            same = any(_same(dead, one) for one in _refusable(found_there))
            return Comparison.GENUINE if same else Comparison.FORGED


def _same(dead: Record, message: Message) -> bool:
    return (dead.key, dead.value, dead.headers) == (
        message.key or b"",
        message.value or b"",
        list(message.headers.items()),
    )


def _refusable(message: Message) -> Iterator[Message]:
    """Yield what a consumer may have refused of a record: all of it, or one of its reads or passes."""
    yield message
    try:
        event = decode_present(message)
    except AlprError:
        return
    if isinstance(event, GroupedEvent) and len(event.records) > 1:
        for part in event.divided(1):
            yield part_of(message, part)
