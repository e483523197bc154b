"""The consumers' offsets: a backup waits for them and records them, and a restore sets groups back to them.

An event that a consumer processed after the backup is delivered again to the restored database. One that it processed
before is redelivered without effect: ids are derived, or its inbox has the event (ADR-0006).
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata

from shared.core.errors import DependencyDown
from shared.kafka.client import Kafka, stop_client
from shared.kafka.topics import TOPICS

Offsets = Mapping[str, Mapping[str, int]]
"""By group and `topic/partition`."""

ASK_AGAIN_AFTER_S = 0.2

_WELL, _UNKNOWN = 0, 3
"""Kafka's codes of a topic that is there, and of one that is not."""


@dataclass(frozen=True, order=True)
class Position:
    """How far a service has processed one partition."""

    group: str
    """Its consumer group there; its name, if none of its groups has committed an offset."""

    place: str
    """`topic/partition`."""

    at: int
    """The offset of the first record that it has not processed."""

    end: int
    """The offset up to which it is to process the partition."""

    @property
    def lag(self) -> int:
        """The records before `end` that it has not processed."""
        return max(0, self.end - self.at)


def services_in_groups() -> dict[str, frozenset[str]]:
    """Return, by topic, the services that process it in a consumer group."""
    return {topic.name: topic.in_groups for topic in TOPICS.values() if topic.in_groups}


@dataclass(frozen=True)
class Progress:
    """Compares what services have processed with what their topics have."""

    admin: AIOKafkaAdminClient
    consumer: AIOKafkaConsumer
    services: Mapping[str, Collection[str]]
    """By topic, the services that process it; their groups are named like them, or begin with name and dash."""

    @classmethod
    @asynccontextmanager
    async def of(
        cls, where: Kafka | str, services: Mapping[str, Collection[str]]
    ) -> AsyncIterator["Progress"]:
        """Connect. Raises: DependencyDown, also for a broker that does not answer later on."""
        kafka = Kafka.at(where)
        admin, consumer = kafka.admin(), kafka.consumer(enable_auto_commit=False)
        try:
            await admin.start()
            await consumer.start()
            yield cls(admin, consumer, services)
        except (KafkaError, OSError) as exc:
            raise DependencyDown(await kafka.fault()) from exc
        finally:
            await stop_client(consumer)
            await admin.close()

    async def ends(self) -> dict[str, int]:
        """Return the offset at which the next record of each partition will be stored; only of topics that exist.

        Raises: DependencyDown for a topic that this user may not describe: it would pass for processed.
        """
        there = await self.admin.describe_topics(sorted(self.services))
        if hidden := [one["topic"] for one in there if one["error_code"] not in (_WELL, _UNKNOWN)]:
            raise DependencyDown(
                f"Kafka does not describe {', '.join(hidden[:3])}: a backup needs a user who may describe all topics "
                "and groups"
            )
        partitions = [
            TopicPartition(topic["topic"], one["partition"])
            for topic in there
            for one in topic.get("partitions", ())
        ]
        return _by_place(await self.consumer.end_offsets(partitions))

    async def behind(self, ends: Mapping[str, int]) -> list[Position]:
        """Return each position that is before `ends`."""
        offsets = await _committed(self.admin)
        begins = _by_place(await self.consumer.beginning_offsets([_partition(p) for p in ends]))
        return sorted(
            position
            for place, end in ends.items()
            for service in self.services[place.rpartition("/")[0]]
            if (position := _position(service, place, offsets, begins[place], end)).lag
        )

    async def caught_up(self, ends: Mapping[str, int], until_s: float) -> list[Position]:
        """Wait until the services have processed everything before `ends`; return those that have not.

        `until_s`: the time of the event loop at which it gives up.
        """
        loop = asyncio.get_running_loop()
        while behind := await self.behind(ends):
            if loop.time() >= until_s:
                break
            await asyncio.sleep(ASK_AGAIN_AFTER_S)
        return behind


def _position(service: str, place: str, offsets: Offsets, begin: int, end: int) -> Position:
    """Return a service's position, the earliest of its groups; without one it begins at the partition's start."""
    found = [
        Position(group, place, max(at[place], begin), end)
        for group, at in offsets.items()
        if group.partition("-")[0] == service and place in at
    ]
    return min(found, key=lambda one: one.at, default=Position(service, place, begin, end))


def _by_place(offsets: Mapping[TopicPartition, int]) -> dict[str, int]:
    return {f"{one.topic}/{one.partition}": offset for one, offset in offsets.items()}


async def committed(where: Kafka | str | None) -> dict[str, dict[str, int]]:
    """Return the committed offsets of all groups; empty without a Kafka. Raises: DependencyDown."""
    if where is None:
        return {}
    kafka = Kafka.at(where)
    admin = kafka.admin()
    try:
        await admin.start()
        return await _committed(admin)
    except (KafkaError, OSError) as exc:
        raise DependencyDown(await kafka.fault()) from exc
    finally:
        await admin.close()


async def _committed(admin: AIOKafkaAdminClient) -> dict[str, dict[str, int]]:
    found = dict[str, dict[str, int]]()
    for group, _ in await admin.list_consumer_groups():
        offsets = await admin.list_consumer_group_offsets(group)
        if here := {
            f"{place.topic}/{place.partition}": at.offset
            for place, at in offsets.items()
            if at.offset >= 0
        }:
            found[group] = dict(sorted(here.items()))
    return dict(sorted(found.items()))


def rewound(recorded: Offsets, present: Offsets) -> dict[str, dict[str, int]]:
    """Return the offsets to set: each that is past the recorded one.

    A group or partition without a recorded offset begins at its start: the database knows none of its events. A group
    that Kafka does not know, as in a new Kafka, begins there by itself.
    """
    found = dict[str, dict[str, int]]()
    for group, offsets in present.items():
        before = recorded.get(group, {})
        if moved := {
            place: before.get(place, 0)
            for place, at in offsets.items()
            if at > before.get(place, 0)
        }:
            found[group] = moved
    return found


async def rewind(where: Kafka | str, recorded: Offsets) -> dict[str, dict[str, int]]:
    """Set the groups of a Kafka back to recorded offsets; return those that were set. The services must be down.

    Raises: DependencyDown, also for a group whose consumers run.
    """
    kafka = Kafka.at(where)
    wanted = rewound(recorded, await committed(kafka))
    for group, places in wanted.items():
        consumer = kafka.consumer(group_id=group, enable_auto_commit=False)
        try:
            await consumer.start()
            at = {_partition(place): OffsetAndMetadata(n, "") for place, n in places.items()}
            consumer.assign(list(at))
            await consumer.commit(at)
        except (KafkaError, OSError) as exc:
            raise DependencyDown(
                f"the offsets of {group} were not set: {type(exc).__name__}; stop the services first"
            ) from exc
        finally:
            await stop_client(consumer)
    return wanted


def _partition(place: str) -> TopicPartition:
    topic, _, number = place.rpartition("/")
    return TopicPartition(topic, int(number))
