"""Records the offsets of Kafka at the moment when this log first requires MACs (ADR-0022)."""

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from services.audit.actions.writer import Writer
from services.audit.store.before_macs import BeforeMacs, Ends
from services.audit.store.log import Log
from shared.core.errors import DependencyDown
from shared.kafka.client import Kafka
from shared.kafka.topics import TOPICS
from shared.service.api_runtime import ApiRuntime


async def accept_in_flight(runtime: ApiRuntime, writer: Writer) -> None:
    """Set the offsets below which the writer accepts events without a MAC. Call this before the consumer starts.

    The first call records the end of each audited partition, or 0 for a log without entries, which accepts no such
    event.

    Raises: DependencyDown if Kafka does not answer; Unavailable if Postgres does not.
    """
    if not runtime.live:
        return
    now = runtime.clock.now()
    async with runtime.db.begin() as connection:
        log, before = Log(connection), BeforeMacs(connection)
        await log.lock()
        recorded = await before.recorded()
        if recorded is None:
            ends = await ends_of_audited(runtime.kafka)
            if await log.size() == 0:
                ends = dict.fromkeys(ends, 0)
            await before.record(ends, now)
            recorded = ends, now
    writer.producer_keys.accept_unsigned(*recorded)


async def ends_of_audited(kafka: Kafka) -> Ends:
    """Return the end offset of each audited partition. Raises: DependencyDown if Kafka does not answer."""
    consumer = kafka.consumer()
    try:
        await consumer.start()
        return await ends_by(consumer)
    except (KafkaError, OSError) as exc:
        raise DependencyDown(await kafka.fault()) from exc
    finally:
        await consumer.stop()


async def ends_by(consumer: AIOKafkaConsumer) -> Ends:
    """Return the end offset of each audited partition, through a started consumer."""
    found = await consumer.end_offsets(
        [
            TopicPartition(topic.name, number)
            for topic in TOPICS.values()
            if topic.audited
            for number in range(topic.partitions)
        ]
    )
    return {(p.topic, p.partition): end for p, end in found.items()}
