"""The wanted state of each topic in Kafka: replicas, partitions, retention. Pure; `topics_admin` applies it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from shared.kafka.topics import DAY_S, TOPICS, Topic

DEAD_RETENTION_S = 28 * DAY_S
SEGMENT_S = DAY_S
"""Kafka deletes whole segments, so a record outlives its topic's retention by up to this."""

LONGEST_S = 30 * DAY_S
"""The longest that a record of a sighting stays in Kafka, dead letters included."""

MOST_COPIES = 3
LEAST_SAFE_COPIES = 2

MIN_INSYNC = "min.insync.replicas"


@dataclass(frozen=True)
class WantedTopic:
    """The wanted state of one topic."""

    name: str
    partitions: int
    copies: int
    configs: Mapping[str, str]


def copies_on(brokers: int) -> tuple[int, int]:
    """Return the number of replicas, and how many of them have a record before it is acknowledged.

    Three replicas survive the loss of any one broker: two acknowledge, so the third may be down. With fewer than
    three brokers, an acknowledged record may be on one broker only.
    """
    copies = min(MOST_COPIES, max(1, brokers))
    return copies, max(1, copies - 1)


def wanted(brokers: int, topics: Iterable[Topic] = TOPICS.values()) -> list[WantedTopic]:
    """Return every topic and its dead letters, for a cluster of `brokers` brokers."""
    copies, acknowledged = copies_on(brokers)
    found = []
    for topic in topics:
        for name, partitions, own in (
            (topic.name, topic.partitions_on(brokers), retention_configs(topic)),
            (topic.dead, 1, _deleted_after(DEAD_RETENTION_S)),
        ):
            configs = MappingProxyType({**own, MIN_INSYNC: str(acknowledged)})
            found.append(WantedTopic(name, partitions, copies, configs))
    return found


def retention_configs(topic: Topic) -> dict[str, str]:
    """Return a topic's retention configs."""
    if topic.replayed:
        # An audited topic keeps each event for a slow consumer as long as any other topic does.
        return {
            **_ALWAYS,
            "cleanup.policy": "compact",
            "min.compaction.lag.ms": _ms(topic.retention_s),
        }
    return _deleted_after(topic.retention_s)


_ALWAYS = {
    # The broker's clock decides a record's age: a producer's could keep it for ever, or lose it.
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
