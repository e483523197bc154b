"""Retention as a process that a test starts and kills."""

import os
import signal
import socket
import subprocess
import sys

import pytest
from aiokafka import AIOKafkaConsumer

from shared.events import PassesRecorded
from shared.kafka.codec import Message, decode
from shared.kafka.topics import topic_of
from shared.testing import mac_key_text
from shared.testing.root import TestRoot


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


async def published(broker, kind=PassesRecorded):
    """Return all events that the topic of one type has had."""
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
