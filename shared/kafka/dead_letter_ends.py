"""Deletes dead letters of sightings past the schedule, which a purge does not reach in Kafka.

A dead letter may concern a read that came late and is purged long before the dead letter's 28 days are over. Kafka
deletes only from the start of a partition, so dead letters that must stay are first republished at its end.
Every dead letter ends 28 days after it was written first, also a republished one.
"""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import KafkaError

from shared.core.errors import DependencyDown
from shared.kafka.bus import KafkaBus
from shared.kafka.client import Kafka, stop_client
from shared.kafka.codec import Record, headers_of
from shared.kafka.dead_letters import GROUP
from shared.kafka.topics import TOPICS
from shared.kafka.topics_wanted import DEAD_RETENTION_S

_AT_ONCE = 500
# Finds times by field name without decoding, since a malformed body may concern a sighting too. Within a signed
# capture, which is text inside a body, quotes are escaped.
_CAPTURED = re.compile(
    rb'\\?"(?:captured_at|captured_on|first_seen_at|last_seen_at)\\?"\s*:\s*\\?"([0-9TZ:.+-]{10,40})'
)


class DeadLetterEnds:
    """Scans all dead letters and deletes the expired ones."""

    def __init__(self, kafka: Kafka | str, schedule: timedelta) -> None:
        """`schedule`: sightings captured longer ago than this must be deleted."""
        self._kafka = Kafka.at(kafka)
        self._schedule = schedule

    async def once(self, now: datetime | None = None) -> int:
        """Delete the dead letters that are expired at `now`; returns their number. Raises: Unavailable."""
        consumer = self._kafka.consumer(enable_auto_commit=False)
        try:
            await consumer.start()
            return await self._end_all(consumer, now or datetime.now(UTC))
        except (KafkaError, OSError) as exc:
            raise DependencyDown(await self._kafka.fault()) from exc
        finally:
            await stop_client(consumer)

    async def _end_all(self, consumer: AIOKafkaConsumer, now: datetime) -> int:
        found: dict[TopicPartition, list[int]] = {}
        partitions = [TopicPartition(t.dead, 0) for t in TOPICS.values() if t.workers]
        async for partition, message in _read(consumer, partitions):
            if self._is_over(message, now):
                found.setdefault(partition, []).append(message.offset)
        if not found:
            return 0
        last = {partition: max(offsets) for partition, offsets in found.items()}
        admin = self._kafka.admin()
        try:
            await admin.start()
            await self._republish_others(consumer, last, await _replayed(admin), now)
            ends = {p: RecordsToDelete(offset + 1) for p, offset in last.items()}
            await admin.delete_records(ends)
        finally:
            await admin.close()
        return sum(map(len, found.values()))

    def _is_over(self, message: Any, now: datetime) -> bool:
        recorded = headers_of(message.headers).get("dead_at", b"")
        dead_at = _moment(recorded) or datetime.fromtimestamp(message.timestamp / 1000, UTC)
        if dead_at < now - timedelta(seconds=DEAD_RETENTION_S):
            return True
        return any(at < now - self._schedule for at in captured_times(message.value or b""))

    async def _republish_others(
        self,
        consumer: AIOKafkaConsumer,
        last: Mapping[TopicPartition, int],
        replayed: Mapping[TopicPartition, int],
        now: datetime,
    ) -> None:
        """Republish the dead letters before `last` that must stay and were not replayed."""
        remaining: list[Record] = []
        bus = KafkaBus(self._kafka, "trim")
        await bus.start()
        try:
            async for partition, message in _read(consumer, list(last)):
                replayed_to = replayed.get(partition, 0)
                if not replayed_to <= message.offset < last[partition]:
                    continue
                if self._is_over(message, now):
                    continue
                headers = list(headers_of(message.headers).items())
                value = message.value or b""
                remaining.append(Record(partition.topic, message.key or b"", value, headers))
                if len(remaining) == _AT_ONCE:
                    await bus.publish_records(remaining)
                    remaining = []
            if remaining:
                await bus.publish_records(remaining)
        finally:
            await bus.stop()


async def _replayed(admin: AIOKafkaAdminClient) -> dict[TopicPartition, int]:
    """Return the offset up to which the operator has replayed each partition's dead letters."""
    offsets = await admin.list_consumer_group_offsets(GROUP)
    return {partition: at.offset for partition, at in offsets.items() if at.offset >= 0}


async def _read(
    consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]
) -> AsyncIterator[tuple[TopicPartition, Any]]:
    """Yield the records that the partitions hold now."""
    first = await consumer.beginning_offsets(partitions)
    ends = await consumer.end_offsets(partitions)
    left = {p: end for p, end in ends.items() if first[p] < end}
    consumer.assign(list(left))
    for partition in left:
        consumer.seek(partition, first[partition])
    while left := {p: end for p, end in left.items() if await consumer.position(p) < end}:
        for partition, messages in (await consumer.getmany(timeout_ms=500)).items():
            for message in messages:
                if message.offset < ends[partition]:
                    yield partition, message


def captured_times(body: bytes) -> list[datetime]:
    """Return every capture time in a body, which may be malformed."""
    return [at for text in _CAPTURED.findall(body) if (at := _moment(text)) is not None]


def _moment(text: bytes) -> datetime | None:
    try:
        at = datetime.fromisoformat(text.decode("ascii"))
    except ValueError:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
