"""The embedded broker: the records that a clean stop preserves, and those that trimming deletes and leaves."""

import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.structs import OffsetAndMetadata

from local.stack.broker import Broker, speaks_kafka
from local.stack.process import LocalError, free_port
from shared.kafka.trim import Trimmer

pytestmark = pytest.mark.enable_socket


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path) as broker:
        yield broker


@pytest.fixture
async def admin(broker: Broker) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await client.start()
    yield client
    await client.close()


async def produce(broker: Broker, topic: str, count: int) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=broker.bootstrap, acks="all", enable_idempotence=True
    )
    await producer.start()
    for number in range(count):
        await producer.send(topic, str(number).encode(), partition=0)
    await producer.stop()


async def commit(broker: Broker, group: str, topic: str, offset: int) -> None:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=broker.bootstrap, group_id=group, enable_auto_commit=False
    )
    await consumer.start()
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    await consumer.commit({partition: OffsetAndMetadata(offset, "")})
    await consumer.stop()


async def stored_values(broker: Broker, topic: str) -> list[str]:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    [partition] = consumer.assignment()
    end = (await consumer.end_offsets([partition]))[partition]
    values: list[str] = []
    while await consumer.position(partition) < end:
        for records in (await consumer.getmany(timeout_ms=1000)).values():
            values += [record.value.decode() for record in records]
    await consumer.stop()
    return values


async def test_a_restart_keeps_records_and_committed_offsets(
    broker: Broker, admin: AIOKafkaAdminClient
) -> None:
    await admin.create_topics([NewTopic("t", 1, 1)])
    await produce(broker, "t", 5)
    await commit(broker, "g", "t", 3)
    port = broker.port
    broker.restart()
    assert broker.port == port
    assert await stored_values(broker, "t") == ["0", "1", "2", "3", "4"]
    after = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await after.start()
    offsets = await after.list_consumer_group_offsets("g")
    await after.close()
    assert offsets[TopicPartition("t", 0)].offset == 3


async def test_trimming_stops_at_the_slowest_service(
    broker: Broker, admin: AIOKafkaAdminClient
) -> None:
    await admin.create_topics([NewTopic("t", 1, 1), NewTopic("u", 1, 1)])
    await produce(broker, "t", 5)
    await commit(broker, "fast", "t", 5)
    await commit(broker, "slow-of-its-groups", "t", 2)
    await commit(broker, "slow-ahead-of-it", "t", 4)
    await commit(broker, "slow-of-another-topic", "u", 1)
    await commit(broker, "stranger", "t", 1)
    trimmer = Trimmer(broker.bootstrap, {"t": ["fast", "slow"]})
    assert await trimmer.trim(admin) == 2
    assert await stored_values(broker, "t") == ["2", "3", "4"]
    assert await trimmer.trim(admin) == 0


async def test_no_record_is_trimmed_before_every_service_has_committed(
    broker: Broker, admin: AIOKafkaAdminClient
) -> None:
    await admin.create_topics([NewTopic("t", 1, 1)])
    await produce(broker, "t", 3)
    await commit(broker, "fast", "t", 3)
    trimmer = Trimmer(broker.bootstrap, {"t": ["fast", "never"]})
    assert await trimmer.trim(admin) == 0
    assert await stored_values(broker, "t") == ["0", "1", "2"]


async def test_topics_that_are_not_named_are_left_alone(
    broker: Broker, admin: AIOKafkaAdminClient
) -> None:
    await admin.create_topics([NewTopic("t", 1, 1), NewTopic("replayed", 1, 1)])
    await produce(broker, "t", 3)
    await produce(broker, "replayed", 3)
    await commit(broker, "g", "t", 3)
    await commit(broker, "g", "replayed", 3)
    assert await Trimmer(broker.bootstrap, {"t": ["g"]}).trim(admin) == 3
    assert await stored_values(broker, "replayed") == ["0", "1", "2"]
    assert await stored_values(broker, "t") == []


def test_a_port_in_use_is_reported_with_the_brokers_own_words(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LocalError, match="the broker ended at start"):
            Broker(tmp_path, port=port).start()


def test_a_port_that_does_not_answer_is_not_recognised_as_a_broker() -> None:
    assert not speaks_kafka(free_port())
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, never answers
        assert not speaks_kafka(silent.getsockname()[1])
