"""Checks that a service's topics match the registry and that it may use them: part of its readiness.

Services create no topics: `python -m shared.kafka.topics_admin ensure` does, with a principal of its own. The check
uses only requests that every principal may make about its own topics.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code

from shared.core.errors import DependencyDown
from shared.kafka.acls import Operation
from shared.kafka.client import Kafka
from shared.kafka.requests import MetadataRequest, ask
from shared.kafka.topics import TOPICS
from shared.kafka.topics_wanted import LEAST_SAFE_COPIES, MIN_INSYNC, WantedTopic, wanted

REUSED_FOR_S = 30.0
"""How long a successful check is reused; a failed one is repeated at once."""

MOST_NAMED = 5
_NOT_REPORTED = -(2**31)
_DENIED = 29
HINT = "run `python -m shared.kafka.topics_admin ensure`"


class TopicsCheck:
    """The topics of one service."""

    def __init__(
        self, kafka: Kafka, service: str, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._kafka = kafka
        self._uses = uses(service)
        self._now = now
        self._well_at: float | None = None
        self.copies = 1
        """Brokers that have an event before it is acknowledged; 1 until a check has found more."""

    async def ping(self) -> None:
        """Return if every topic exists, is configured as wanted and may be used.

        Raises: Unavailable, naming the faults.
        """
        if self._well_at is not None and self._now() - self._well_at < REUSED_FOR_S:
            return
        self._well_at = None
        admin = self._kafka.admin()
        try:
            await admin.start()
            faults = await self._check(admin)
        except (KafkaError, OSError, NotImplementedError) as exc:
            raise DependencyDown("Kafka does not list its topics") from exc
        finally:
            await admin.close()
        if faults:
            more = f" and {len(faults) - MOST_NAMED} more" if len(faults) > MOST_NAMED else ""
            raise DependencyDown(f"{'; '.join(faults[:MOST_NAMED])}{more}: {HINT}")
        self._well_at = self._now()

    async def _check(self, admin: AIOKafkaAdminClient) -> list[str]:
        """Return the faults in words; also updates `copies`."""
        answer = await ask(admin, MetadataRequest(sorted(self._uses), False, False, True))
        seen = {topic["topic"]: topic for topic in answer.to_object()["topics"]}
        usable, faults = [], []
        for topic in wanted(len(answer.brokers)):
            if (operations := self._uses.get(topic.name)) is None:
                continue
            fault = _fault(topic, seen.get(topic.name, {}), operations)
            if fault is None:
                usable.append(topic)
            else:
                faults.append(fault)
        found = await configs_of(admin, usable)
        return [
            *faults,
            *(f for t in usable if (f := _differing_configs(t, found[t.name]))),
            *self._too_few_copies(found),
        ]

    def _too_few_copies(self, found: Mapping[str, Mapping[str, str]]) -> list[str]:
        self.copies = min((int(f.get(MIN_INSYNC, 1)) for f in found.values()), default=1)
        if not found or self.copies >= LEAST_SAFE_COPIES or self._kafka.one_copy:
            return []
        return [
            "acknowledged records may be on one broker only: run three, or set KAFKA_ALLOW_ONE_COPY"
        ]


def uses(service: str) -> dict[str, tuple[Operation, ...]]:
    """Return a service's operations by topic, dead letters included."""
    found: dict[str, tuple[Operation, ...]] = {}
    for topic in TOPICS.values():
        if service in topic.producers:
            found[topic.name] = (Operation.WRITE,)
        if service in topic.consumers:
            found[topic.name] = (*found.get(topic.name, ()), Operation.READ)
        if service in topic.workers:
            found[topic.dead] = (Operation.WRITE,)
    return found


def _fault(
    topic: WantedTopic, seen: Mapping[str, Any], operations: Sequence[Operation]
) -> str | None:
    if seen.get("error_code") == _DENIED:
        return f"{topic.name} may not be used"
    if not seen.get("partitions"):
        return f"{topic.name} is missing"
    if len(seen["partitions"]) < topic.partitions:
        return f"{topic.name} has too few partitions"
    may = seen["authorized_operations"]
    if may != _NOT_REPORTED:
        for operation in operations:
            if not may >> operation & 1:
                return f"{topic.name}: {operation.name.lower()} is not allowed"
    return None


def _differing_configs(topic: WantedTopic, found: Mapping[str, str]) -> str | None:
    """Return how a topic's configs differ, or None; ignores in-sync copies, which a broker's absence may lower."""
    others = sorted(set(differing(topic, found)) - {MIN_INSYNC})
    return f"{topic.name} has other configs ({', '.join(others)})" if others else None


async def configs_of(
    admin: AIOKafkaAdminClient, topics: Sequence[WantedTopic]
) -> dict[str, dict[str, str]]:
    """Return, by topic, the current values of its wanted configs. Raises: Unavailable."""
    if not topics:
        return {}
    asked = [ConfigResource(ConfigResourceType.TOPIC, t.name, dict(t.configs)) for t in topics]
    found: dict[str, dict[str, str]] = {}
    for response in await admin.describe_configs(asked):
        for code, _, _, name, entries in response.resources:
            if code:
                raise DependencyDown(f"configs of {name}: {for_code(code).__name__}")
            found[name] = {entry[0]: entry[1] for entry in entries}
    return found


def differing(topic: WantedTopic, found: Mapping[str, str]) -> dict[str, str]:
    """Return the configs of a topic that differ, with the wanted values."""
    return {name: value for name, value in topic.configs.items() if found.get(name) != value}
