"""Lists dead letters with their reasons, and replays them.

`python -m shared.kafka.dead_letters` lists every dead letter; `--replay TOPIC` publishes those of one topic again
with their original key, id, type and headers. Effects happen once, so a replay duplicates none. It skips and names a
dead letter that differs from the record that was refused; if the topic no longer has the record, it replays only
with `--unproven`. It never prints bodies, which may hold plates.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Sequence

from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError
from pydantic import ValidationError

from shared.core.errors import Unavailable
from shared.kafka.bus import KafkaBus
from shared.kafka.client import AWAY, Kafka
from shared.kafka.codec import Record
from shared.kafka.originals import Comparison, Originals, undone
from shared.kafka.settings import KafkaSettings
from shared.kafka.topics import TOPICS, Topic

GROUP = "dead-letters"


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
                headers = [(name, bytes(value)) for name, value in message.headers]
                yield Record(topic.name, message.key or b"", message.value or b"", headers)
                if replayed:
                    await consumer.commit({partition: message.offset + 1})
    finally:
        await consumer.stop()


async def show(kafka: Kafka | str) -> int:
    """Print each dead letter's topic, id, time and reason; returns their number."""
    count = 0
    for topic in (topic for topic in TOPICS.values() if topic.workers):
        async for record in dead_letters(kafka, topic, replayed=False):
            headers = {name: value.decode(errors="replace") for name, value in record.headers}
            values = (
                headers.get(n, "-") for n in ("ce_id", "dead_at", "dead_group", "dead_reason")
            )
            print(topic.name, *values, sep="  ")
            count += 1
    print(f"{count} dead letters")
    return count


async def replay(kafka: Kafka | str, topic: Topic, *, unproven: bool = False) -> int:
    """Publish a topic's dead letters again, once each; returns their number.

    Stops before the first whose record is gone from the topic, unless `unproven`.
    """
    bus = KafkaBus(kafka, "operator")
    await bus.start()
    count = 0
    try:
        async with Originals(kafka) as originals:
            async for record in dead_letters(kafka, topic, replayed=True):
                verdict = await originals.verdict(record)
                if verdict is Comparison.FORGED:
                    print(f"{_id(record)} differs from the record that was refused: skipped")
                    continue
                if verdict is Comparison.GONE and not unproven:
                    print(f"{_id(record)} cannot be compared, its record is gone: use --unproven")
                    break
                await bus.publish_records([undone(record)])
                count += 1
    finally:
        await bus.stop()
    print(f"{count} of {topic.name} replayed")
    return count


def _id(record: Record) -> str:
    return dict(record.headers).get("ce_id", b"one without an id").decode(errors="replace")


def main(arguments: Sequence[str] | None = None) -> None:
    """List dead letters, or replay one topic."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument(
        "--replay", choices=sorted(TOPICS), help="topic whose dead letters to replay"
    )
    parser.add_argument(
        "--unproven", action="store_true", help="also replay dead letters whose record is gone"
    )
    parser.add_argument("--bootstrap", help="Kafka's address; KAFKA_BOOTSTRAP by default")
    chosen = parser.parse_args(arguments)
    kafka = _kafka(chosen.bootstrap)
    try:
        if chosen.replay:
            asyncio.run(replay(kafka, TOPICS[chosen.replay], unproven=chosen.unproven))
        else:
            asyncio.run(show(kafka))
    except (KafkaConnectionError, Unavailable):
        if (fault := asyncio.run(kafka.fault())) != AWAY:
            sys.exit(f"{kafka.bootstrap}: {fault}")
        sys.exit(f"no Kafka answers at {kafka.bootstrap}; KAFKA_BOOTSTRAP sets its address")


def _kafka(bootstrap: str | None) -> Kafka:
    """Return the Kafka to use; exits if its settings are inconsistent."""
    try:
        return Kafka.of(
            KafkaSettings() if bootstrap is None else KafkaSettings(kafka_bootstrap=bootstrap)
        )
    except ValidationError as exc:
        sys.exit(
            "\n".join(
                fault["msg"].removeprefix("Value error, ")
                for fault in exc.errors(include_input=False)
            )
        )


if __name__ == "__main__":
    main()
