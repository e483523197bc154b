"""Runs the servers of the benches in processes of their own, on a temporary folder.

Everything ends with the bench. The broker is the embedded one, or Apache Kafka with `--kafka apache`
(or KAFKA=apache); Postgres is durable (fsync on), as the figures would be worthless otherwise.
"""

import argparse
import asyncio
import contextlib
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.kafka.run import ApacheKafka
from local.commands.cpu import between, used_s
from local.stack.broker import EMPTY_FETCH_PAUSE_MS, Broker
from local.stack.key_material import CERTIFIED
from local.stack.launch import running
from local.stack.postgres import Postgres
from local.stack.process import Child
from local.stack.servers import ROOT
from local.stack.state_file import Running
from shared.core.clock import SystemClock
from shared.core.periodic import PeriodicTask
from shared.events import Event
from shared.kafka.bus import KafkaBus
from shared.kafka.client import Kafka
from shared.kafka.codec import Message, decode
from shared.kafka.settings import KafkaSettings
from shared.kafka.topics import topic_of
from shared.kafka.topics_admin import ensure_topics
from shared.kafka.trim import Trimmer, services_to_wait_for
from shared.testing import TestAuthority, TestRoot, mac_key, mac_key_text
from shared.testing.macs import AUDITED_SERVICES

SMOKE = os.environ.get("SMOKE", "") not in ("", "0")


@dataclass
class Rig:
    """A running stack and the means to measure it."""

    folder: Path
    kafka: str
    bootstrap: str
    database_url: str
    superuser_url: str
    running: Running
    authority: TestAuthority
    servers: dict[str, Child]
    environment: Mapping[str, str]
    """What the services were given; it has keys."""

    registered: int = 0
    """How many devices `register` has made; they are numbered."""

    def url(self, service: str) -> str:
        """Return a service's address."""
        return self.running.urls[service]

    def kill(self) -> None:
        """Kill -9 every process of it, as a failing machine does: first what would start another again."""
        os.kill(self.running.pid, signal.SIGSTOP)
        for pid in (*self.running.processes.values(), self.running.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for child in self.servers.values():
            child.kill()

    def cpu_s(self) -> dict[str, float]:
        """Return the CPU seconds that each process has used, this one as `load`."""
        pids = {name: child.pid for name, child in self.servers.items()}
        processes = {**self.running.processes, **pids, "load": os.getpid()}
        return used_s(Running(self.running.pid, self.running.urls, processes))

    async def published(self, kind: type[Event]) -> int:
        """Return how many events of a kind Kafka was given, the deleted included."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap)
        await consumer.start()
        try:
            topic = topic_of(kind)
            partitions = [TopicPartition(topic.name, n) for n in range(topic.partitions_on(1))]
            return sum((await consumer.end_offsets(partitions)).values())
        finally:
            await consumer.stop()

    @contextlib.asynccontextmanager
    async def follow(self, *kinds: type[Event]) -> AsyncIterator[list[Event]]:
        """Give the events of these kinds in a list that grows as Kafka is given them."""
        topics = [topic_of(kind) for kind in kinds]
        partitions = [
            TopicPartition(one.name, n) for one in topics for n in range(one.partitions_on(1))
        ]
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap)
        await consumer.start()
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        came: list[Event] = []
        taking = asyncio.create_task(_consume(consumer, came))
        try:
            yield came
        finally:
            taking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await taking
            await consumer.stop()

    async def register(self, count: int, **fields: Any) -> list[str]:
        """Register devices, fixed by default, without a limit on their sending; return their credentials."""
        place = {"latitude": 39.9277, "longitude": -122.1792}
        rates = {"frames_per_s": 100_000, "reads_per_s": 100_000}
        made = []
        async with httpx.AsyncClient(base_url=self.url("ingest")) as client:
            for _ in range(count):
                body = {
                    "name": f"Bench {self.registered}",
                    "kind": "fixed",
                    "place": place,
                    **rates,
                    **fields,
                }
                answer = await client.post(
                    "/v1/devices", json=body, headers=self.authority.headers()
                )
                answer.raise_for_status()
                made.append(answer.json()["credential"])
                self.registered += 1
        return made


async def _consume(consumer: AIOKafkaConsumer, came: list[Event]) -> None:
    """Decode a consumer's messages until cancelled."""
    async for r in consumer:
        message = Message(r.topic, r.partition, r.offset, r.key, r.value, dict(r.headers))
        came.append(decode(message))


@contextlib.contextmanager
def servers(
    folder: Path, kafka: str, postgres_settings: Mapping[str, str] | None = None
) -> Iterator[tuple[Postgres, Broker | ApacheKafka]]:
    """Run Postgres, with further settings, and the broker."""
    kind = ApacheKafka if kafka == "apache" else Broker
    settings = postgres_settings or {}
    with (
        Postgres(folder / "postgres", settings=settings) as postgres,
        kind(folder / "broker") as broker,
    ):
        yield postgres, broker


def deployed_settings() -> dict[str, str]:
    """Return the parameters by which docs/sizing.md sizes Postgres, instead of those of the embedded stack.

    `shared_buffers` is a quarter of this machine's memory; the others are those of docker-compose.yml.
    """
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    options = compose["services"]["postgres"]["command"][1:]
    named = dict(option.removeprefix("-c").split("=", 1) for option in options)
    checkpoints = {name: named[name] for name in ("max_wal_size", "checkpoint_timeout")}
    return {**checkpoints, "shared_buffers": f"{_memory_bytes() // 4 // 2**20}MB"}


def _memory_bytes() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


Prepare = Callable[[Path, Mapping[str, str]], Awaitable[None]]
"""What is done before the services start, with the stack's folder and their environment."""


@contextlib.asynccontextmanager
async def rig(
    kafka: str,
    services: Sequence[str],
    settings: Mapping[str, str] | None = None,
    prepare: Prepare | None = None,
    postgres_settings: Mapping[str, str] | None = None,
) -> AsyncIterator[Rig]:
    """Start everything, each service in a process of its own; stop all of it at the end.

    `settings` are the services' own, by the names of environment variables. Raises: ValueError for identity: its ticks
    and those of this bench, which acts as identity, would contradict each other.
    """
    if "identity" in services:
        raise ValueError("the bench acts as identity")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="plateward-bench-")))
        folder.chmod(0o755)
        postgres, broker = stack.enter_context(servers(folder, kafka, postgres_settings))
        authority = TestAuthority(SystemClock())
        bus = await _publish_key(broker.bootstrap, authority)
        ticking = PeriodicTask("tick", lambda: bus.publish([authority.tick()]), 2, at_once=True)
        ticking.start()
        environment = {
            **_certified(),
            **(settings or {}),
            **{f"{name.upper()}__EVENT_MAC_KEY": mac_key_text(name) for name in AUDITED_SERVICES},
            **postgres.environment(),
            "DATABASE_OWNER_URL": postgres.url(),
            "KAFKA_BOOTSTRAP": broker.bootstrap,
        }
        if kafka != "apache":
            environment["KAFKA_EMPTY_FETCH_PAUSE_MS"] = str(EMPTY_FETCH_PAUSE_MS)
        if prepare is not None:
            await prepare(folder / "stack", environment)
        arguments = ["--separate", "--services", ",".join(services)]
        up = running(folder / "stack", *arguments, environment=environment)
        note = await asyncio.to_thread(stack.enter_context, up)
        children = {"postgres": postgres.child, "broker": broker.child}
        trimming = _trimming(broker, services)
        try:
            yield Rig(
                folder,
                kafka,
                broker.bootstrap,
                postgres.url(),
                postgres.superuser_url(),
                note,
                authority,
                children,
                environment,
            )
        finally:
            if trimming is not None:
                trimming.cancel()
            await ticking.stop()
            await bus.stop()


def _certified() -> dict[str, str]:
    """Return the settings of a root; this bench acts as identity and has the keys."""
    made = {"ROOT_PUBLIC_KEYS": TestRoot().public}
    for name, usage in CERTIFIED.items():
        settings = TestRoot().settings(name.lower(), usage)
        made |= {setting.upper(): value for setting, value in settings.items()}
    return made


def _trimming(broker: Broker | ApacheKafka, services: Sequence[str]) -> asyncio.Task[None] | None:
    """Trim the embedded broker's log as the embedded stack does, by the services that run here."""
    if not isinstance(broker, Broker):
        return None
    wanted = services_to_wait_for().items()
    here = {topic: [name for name in names if name in services] for topic, names in wanted}
    held = {topic: names for topic, names in here.items() if names}
    return asyncio.create_task(Trimmer(broker.bootstrap, held).run())


async def _publish_key(bootstrap: str, authority: TestAuthority) -> KafkaBus:
    """Make the services trust this bench's tokens, as identity publishes its keys."""
    here = KafkaSettings(kafka_bootstrap=bootstrap, kafka_allow_one_copy=True)
    await ensure_topics(Kafka.of(here))
    bus = KafkaBus(bootstrap, "identity", mac_key=mac_key("identity"))
    await bus.publish([authority.publish_key()])
    return bus


def spent_us(before: dict[str, float], after: dict[str, float], count: int) -> dict[str, float]:
    """Return the CPU microseconds a unit that each process used between two measurements; `total` is without `load`."""
    used = between(before, after)
    used["total"] -= used["load"]
    return {name: round(used[name] * 1e6 / max(count, 1), 2) for name in sorted(used)}


def percentile(sorted_values: Sequence[float], share: float) -> float:
    """Return the value below which `share` of them lie; 0 for an empty sequence."""
    if not sorted_values:
        return 0.0
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * share))]


def ms(values: Sequence[float], share: float) -> float:
    """Return a percentile of seconds, in milliseconds."""
    return round(percentile(sorted(values), share) * 1000, 2)


def machine(folder: Path) -> dict[str, Any]:
    """Return the machine's facts that a figure depends on: processor, cores, memory, the disk's file system."""
    cpuinfo = Path("/proc/cpuinfo")
    models = []
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    kind = subprocess.run(
        ["stat", "-f", "-c", "%T", str(folder)], capture_output=True, text=True, check=False
    )
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(_memory_bytes() / 2**30, 1),
        "filesystem": kind.stdout.strip(),
        "python": platform.python_version(),
    }


def options(name: str) -> argparse.Namespace:
    """Return a bench's command line: which Kafka."""
    parser = argparse.ArgumentParser(prog=f"python -m tests.bench.{name}")
    parser.add_argument(
        "--kafka", choices=["embedded", "apache"], default=os.environ.get("KAFKA") or "embedded"
    )
    return parser.parse_args()


def say(text: str) -> None:
    """Report progress to the person."""
    print(text, file=sys.stderr, flush=True)


def print_result(result: dict[str, Any]) -> None:
    """Print the figures as one line of JSON, the last of the output."""
    print(json.dumps(result), flush=True)
