"""A pass whose reads, vote and telling each fall to another process, the one before it killed (ADR-0011)."""

import os
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer

from shared.events import PassRecorded
from shared.kafka.bus import KafkaBus
from shared.kafka.codec import Message, decode
from shared.kafka.topics import topic_of
from shared.testing import eventually, mac_key_text
from shared.testing.root import TestRoot
from tests.integration.retention.conftest import a_read

NEVER_S = "3600"


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@pytest.fixture
def start(services_url, database_url, broker, repository, tmp_path):
    """Start the service as a process; all that were started are gone after the test."""
    processes = []

    def started(settle_s):
        environment = {
            **os.environ,
            "DATABASE_URL": services_url,
            "DATABASE_OWNER_URL": database_url,
            "KAFKA_BOOTSTRAP": broker.bootstrap,
            "KAFKA_EMPTY_FETCH_PAUSE_MS": "5",
            "OBJECT_STORE_URL": f"file://{tmp_path}/objects",
            "ROOT_PUBLIC_KEYS": TestRoot().public,
            "EVENT_MAC_KEY": mac_key_text("retention"),
            "POLICY_FILE": str(repository / "policy.toml"),
            "PORT": str(free_port()),
            "RETENTION_PASS_SETTLE_S": settle_s,
            "RETENTION_PASS_EVERY_S": "0.1",
        }
        command = [sys.executable, "-m", "services.retention"]
        with (tmp_path / f"{len(processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=repository, env=environment, stdout=log, stderr=log
            )
        processes.append(process)
        return process

    yield started
    for process in processes:
        process.kill()
        process.wait()


def kill(process, broker):
    """Kill -9; the broker starts anew, as it never lets go of a member that died (ADR-0003)."""
    assert process.poll() is None, "it ended by itself"
    process.send_signal(signal.SIGKILL)
    process.wait()
    broker.stop()
    broker.start()


async def publish(broker, *reads):
    bus = KafkaBus(broker.bootstrap, "test")
    await bus.start()
    await bus.publish(reads)
    await bus.stop()


async def published(broker, kind=PassRecorded):
    """Everything that the topic of one type has had."""
    consumer = AIOKafkaConsumer(
        topic_of(kind).name,
        bootstrap_servers=broker.bootstrap,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    found = []
    try:
        for _ in range(10):
            for records in (await consumer.getmany(timeout_ms=100)).values():
                found += [
                    decode(Message(r.topic, r.partition, r.offset, r.key, r.value, dict(r.headers)))
                    for r in records
                ]
    finally:
        await consumer.stop()
    return found


async def test_killed_between_frames_and_between_vote_and_telling_a_pass_is_told_once(
    start, database_url, broker
):
    device, at = uuid4(), datetime.now(UTC) - timedelta(minutes=1)
    frames = [a_read("7ABC123", at + timedelta(seconds=n), device_id=device) for n in range(3)]

    def count_is(table, wanted):
        async def is_reached():
            try:
                connection = await asyncpg.connect(database_url)
            except OSError:
                return False
            try:
                return (
                    await connection.fetchval(f"SELECT count(*) FROM retention.{table}") == wanted
                )
            except asyncpg.UndefinedTableError:
                return False  # not yet
            finally:
                await connection.close()

        return eventually(is_reached, within_s=120)

    first = start(NEVER_S)
    await count_is("devices", 0)  # it has its tables, and with them its topics
    await publish(broker, frames[0])
    await count_is("reads", 1)
    kill(first, broker)

    second = start(NEVER_S)
    await publish(broker, *frames)  # the first once more: its offset may not have been committed
    await count_is("reads", 3)
    kill(second, broker)

    third = start("0")
    await count_is("passes", 1)
    kill(third, broker)

    fourth = start("0")
    await publish(broker, *frames)
    events = await eventually(lambda: published(broker), within_s=120)
    assert {event.event_id for event in events} == {events[0].event_id}
    assert events[0].read_ids == [frame.read_id for frame in frames]
    await count_is("pass_due", 0)
    await count_is("passes", 1)
    await count_is("outbox", 0)
    assert {event.pass_id for event in await published(broker)} == {events[0].pass_id}
    assert fourth.poll() is None
