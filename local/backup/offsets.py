"""The consumers' offsets: a backup records them before its snapshot, and a restore sets groups back to them.

An event that a consumer processed after the backup is delivered again to the restored database. One that it processed
before is redelivered without effect: ids are derived, or its inbox has the event (ADR-0006).
"""

from collections.abc import Mapping

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata

from shared.core.errors import DependencyDown
from shared.kafka.client import Kafka, stop_client

Offsets = Mapping[str, Mapping[str, int]]
"""By group and `topic/partition`."""


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
