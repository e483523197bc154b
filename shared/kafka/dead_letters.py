"""Lists dead letters with their reasons, and replays them.

`plateward dead-letters` lists every dead letter; `--replay TOPIC` publishes those of one topic again with their
original key, id, type and headers. Effects happen once, so a replay duplicates none. It skips and names a dead letter
that differs from the record that was refused; if the topic no longer has the record, it replays only with
`--unproven`. It never prints bodies, which may hold plates.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from aiokafka import TopicPartition

from shared.kafka.bus import KafkaBus
from shared.kafka.client import Kafka
from shared.kafka.codec import Record, headers_of
from shared.kafka.originals import Comparison, Originals, undone
from shared.kafka.topics import TOPICS, Topic

GROUP = "dead-letters"


@dataclass(frozen=True)
class DeadLetter:
    """One dead letter, without its body; a header that it lacks is "-"."""

    topic: str
    event_id: str
    dead_at: str
    group: str
    """The consumer group that could not process it."""
    reason: str


async def dead_letters(
    kafka: Kafka | str, topic: Topic, *, replayed: bool
) -> AsyncIterator[Record]:
    """Yield a topic's dead letters; with `replayed`, only those not replayed yet.

    With `replayed`, advancing to the next one commits that the previous one was replayed.
    """
    partition = TopicPartition(topic.dead, 0)
    consumer = Kafka.at(kafka).consumer(
        group_id=GROUP if replayed else None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    try:
        await consumer.start()
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        if not replayed:
            await consumer.seek_to_beginning(partition)
        while await consumer.position(partition) < end:
            for message in (await consumer.getmany(timeout_ms=500)).get(partition, []):
                headers = list(headers_of(message.headers).items())
                yield Record(topic.name, message.key or b"", message.value or b"", headers)
                if replayed:
                    await consumer.commit({partition: message.offset + 1})
    finally:
        await consumer.stop()


async def listed(kafka: Kafka | str) -> list[DeadLetter]:
    """Return every dead letter of every topic."""
    found = []
    for topic in (topic for topic in TOPICS.values() if topic.workers):
        async for record in dead_letters(kafka, topic, replayed=False):
            headers = {name: value.decode(errors="replace") for name, value in record.headers}
            values = (
                headers.get(n, "-") for n in ("ce_id", "dead_at", "dead_group", "dead_reason")
            )
            found.append(DeadLetter(topic.name, *values))
    return found


async def replay(
    kafka: Kafka | str,
    topic: Topic,
    *,
    unproven: bool = False,
    say: Callable[[str], object] = print,
) -> int:
    """Publish a topic's dead letters again, once each; returns their number.

    Stops before the first whose record is gone from the topic, unless `unproven`. Tells `say` of those that stay.
    """
    bus = KafkaBus(kafka, "operator")
    await bus.start()
    count = 0
    try:
        async with Originals(kafka) as originals:
            async for record in dead_letters(kafka, topic, replayed=True):
                verdict = await originals.verdict(record)
                if verdict is Comparison.FORGED:
                    say(f"{_id(record)} differs from the record that was refused: skipped")
                    continue
                if verdict is Comparison.GONE and not unproven:
                    say(f"{_id(record)} cannot be compared, its record is gone: use --unproven")
                    break
                await bus.publish_records([undone(record)])
                count += 1
    finally:
        await bus.stop()
    return count


def _id(record: Record) -> str:
    return dict(record.headers).get("ce_id", b"one without an id").decode(errors="replace")
