"""Apache Kafka as in `make kafka`: its acknowledged records outlive kill -9, unlike ADR-0003's broker."""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.kafka.run import ApacheKafka
from local.stack.broker import speaks_kafka
from local.stack.launch import running
from local.stack.process import free_port
from local.stack.services import APIS, WORKERS

pytestmark = [pytest.mark.enable_socket, pytest.mark.apache]


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[ApacheKafka]:
    with ApacheKafka(tmp_path) as kafka:
        yield kafka


async def create(kafka: ApacheKafka, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()


async def produce(kafka: ApacheKafka, topic: str, count: int) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka.bootstrap, acks="all", enable_idempotence=True
    )
    await producer.start()
    for number in range(count):
        await producer.send_and_wait(topic, str(number).encode(), partition=0)
    await producer.stop()


async def end_of(kafka: ApacheKafka, topic: str) -> int:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap)
    await consumer.start()
    partition = TopicPartition(topic, 0)
    end: int = (await consumer.end_offsets([partition]))[partition]
    await consumer.stop()
    return end


@pytest.mark.smoke
async def test_acknowledged_records_outlive_kill_9_and_a_clean_restart(kafka: ApacheKafka) -> None:
    await create(kafka, "t")
    for total in (50, 100, 150):
        await produce(kafka, "t", 50)
        if total == 100:
            kafka.restart()
        else:
            kafka.kill()
            kafka.start()
        assert await end_of(kafka, "t") == total


def test_the_command_serves_until_asked_to_stop_and_ends_with_0(tmp_path: Path) -> None:
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-m", "deploy.kafka.run", "--port", str(port), "--folder", str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    ) as command:
        assert command.stdout is not None
        assert command.stdout.readline().startswith(
            f"Apache Kafka: KAFKA_BOOTSTRAP=127.0.0.1:{port}"
        )
        assert speaks_kafka(port)
        command.send_signal(signal.SIGTERM)
        assert command.wait(30) == 0
    assert not speaks_kafka(port)


async def test_the_whole_stack_runs_on_apache_kafka(kafka: ApacheKafka) -> None:
    on_apache = {"KAFKA_BOOTSTRAP": kafka.bootstrap}
    with (
        tempfile.TemporaryDirectory(prefix="plateward-") as name,
        running(Path(name), "--port", "0", environment=on_apache) as stack,
    ):
        assert set(stack.processes) == {"postgres", "apis", *WORKERS}
        async with httpx.AsyncClient(base_url=stack.urls[""], timeout=10) as client:
            state = (await client.get("/readyz")).raise_for_status().json()
    assert {name: state[name]["kafka"] for name in APIS} == dict.fromkeys(APIS, "ok")
