"""How each topic is to be kept in Kafka: copies, partitions, time. Pure; `shared/kafka/topics_admin.py` sees to it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from shared.kafka.topics import DAY_S, TOPICS, Topic

DEAD_RETENTION_S = 28 * DAY_S
SEGMENT_S = DAY_S
"""Kafka deletes whole segments, so a record outlives its topic's retention by up to this."""

LONGEST_S = 30 * DAY_S
"""Nothing that tells of a sighting lies in Kafka for longer, dead letters included."""

MOST_COPIES = 3
LEAST_SAFE_COPIES = 2

MIN_INSYNC = "min.insync.replicas"


@dataclass(frozen=True)
class Wanted:
    """One topic as it is to be."""

    name: str
    partitions: int
    copies: int
    configs: Mapping[str, str]


def copies_on(brokers: int) -> tuple[int, int]:
    """Return how many brokers keep a record, and how many of them have it before it is acknowledged.

    Three copies outlive any one broker: two acknowledge, so the third may be away. On fewer than three
    brokers a record may rest on a single one when it is acknowledged.
    """
    copies = min(MOST_COPIES, max(1, brokers))
    return copies, max(1, copies - 1)


def wanted(brokers: int, topics: Iterable[Topic] = TOPICS.values()) -> list[Wanted]:
    """Return every topic and its dead letters, for a cluster of so many brokers."""
    copies, acknowledged = copies_on(brokers)
    found = []
    for topic in topics:
        for name, partitions, kept in (
            (topic.name, topic.partitions, kept_as(topic)),
            (topic.dead, 1, _deleted_after(DEAD_RETENTION_S)),
        ):
            configs = MappingProxyType({**kept, MIN_INSYNC: str(acknowledged)})
            found.append(Wanted(name, partitions, copies, configs))
    return found


def kept_as(topic: Topic) -> dict[str, str]:
    """Return the configs by which a topic keeps its records."""
    if topic.replayed:
        # An audited topic keeps each event for whoever is behind as long as any other topic does.
        return {
            **_ALWAYS,
            "cleanup.policy": "compact",
            "min.compaction.lag.ms": _ms(topic.retention_s),
        }
    return _deleted_after(topic.retention_s)


_ALWAYS = {
    # The broker's clock decides what is old: a producer's could keep a record for ever, or lose it.
    "message.timestamp.type": "LogAppendTime",
    "unclean.leader.election.enable": "false",
}


def _deleted_after(seconds: int) -> dict[str, str]:
    return {
        **_ALWAYS,
        "cleanup.policy": "delete",
        "retention.ms": _ms(seconds),
        "segment.ms": _ms(SEGMENT_S),
    }


def _ms(seconds: int) -> str:
    return str(seconds * 1000)
