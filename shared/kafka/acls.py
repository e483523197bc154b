"""The Kafka ACLs of each principal, derived from the registry of topics alone.

A service may write the topics that it produces, read those that it consumes, use consumer groups of its own name, and
write dead letters of the topics that it consumes. Since Kafka 3.0 a principal that may write any topic may write
idempotently, so this needs no right on the cluster.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from shared.kafka.topics import AUDITOR, TOPICS, Topic

TOPICS_COMMAND = "topics"
"""Principal of `python -m shared.kafka.topics_admin ensure`: creates topics, configs and ACLs."""

OPERATOR = "operator"
"""Principal of `plateward dead-letters`: lists and replays dead letters."""

OPERATOR_GROUP = "dead-letters"

TRIMMER = "trim"
"""Principal of `python -m shared.kafka.topics_admin trim`: deletes processed records and expired dead letters."""

BACKUP = "backup"
"""Principal of `plateward backup`: sees how far each group has processed its topics, and no record."""

PREFIX = "alpr."
CLUSTER = "kafka-cluster"
"""Kafka's own name of the cluster as a resource."""


class Resource(IntEnum):
    """Kinds of resources, by the numbers of Kafka's protocol."""

    TOPIC = 2
    GROUP = 3
    CLUSTER = 4
    TRANSACTIONAL_ID = 5


class Pattern(IntEnum):
    """How an ACL matches a resource's name, by the numbers of Kafka's protocol."""

    LITERAL = 3
    PREFIXED = 4


class Operation(IntEnum):
    """Operations on a resource, by the numbers of Kafka's protocol."""

    READ = 3
    WRITE = 4
    CREATE = 5
    DELETE = 6
    ALTER = 7
    DESCRIBE = 8
    DESCRIBE_CONFIGS = 10
    ALTER_CONFIGS = 11


@dataclass(frozen=True, order=True)
class Acl:
    """One right of a principal. There are no denials: an operation without an ACL is refused."""

    principal: str
    """A service's name, or a command's."""

    resource: Resource
    pattern: Pattern
    name: str
    operation: Operation


def services(topics: Iterable[Topic] = TOPICS.values()) -> list[str]:
    """Return the names of the services that use Kafka."""
    return sorted({name for topic in topics for name in topic.producers | topic.consumers})


def principals() -> list[str]:
    """Return all principals: the services, and the four commands."""
    return [*services(), BACKUP, OPERATOR, TOPICS_COMMAND, TRIMMER]


def acls(topics: Iterable[Topic] = TOPICS.values()) -> list[Acl]:
    """Return all ACLs, sorted. Pure: equal registries give equal ACLs."""
    topics = list(topics)
    return sorted(
        {
            *(acl for service in services(topics) for acl in _of_service(service, topics)),
            *_of_the_operator(topics),
            *_of_the_topics_command(),
            *_of_the_trimmer(topics),
            *_of_the_backup(topics),
        }
    )


def _of_service(service: str, topics: Iterable[Topic]) -> Iterator[Acl]:
    for topic in topics:
        if service in topic.producers:
            yield from _on(service, topic.name, Operation.WRITE)
        if service in topic.consumers:
            yield from _on(service, topic.name, Operation.READ)
        if service in topic.workers:
            yield from _on(service, topic.dead, Operation.WRITE)
    for pattern, name in ((Pattern.LITERAL, service), (Pattern.PREFIXED, f"{service}-")):
        yield Acl(service, Resource.GROUP, pattern, name, Operation.READ)
    if service == AUDITOR:  # it watches the brokers' disks and raises the finding
        yield Acl(service, Resource.CLUSTER, Pattern.LITERAL, CLUSTER, Operation.DESCRIBE)


def _of_the_operator(topics: Iterable[Topic]) -> Iterator[Acl]:
    for topic in topics:
        if topic.workers:
            yield from _on(OPERATOR, topic.dead, Operation.READ)
            yield from _on(OPERATOR, topic.name, Operation.WRITE)
            # To compare a dead letter with the record that was refused: see shared/kafka/dead_letters.py.
            yield from _on(OPERATOR, topic.name, Operation.READ)
    yield Acl(OPERATOR, Resource.GROUP, Pattern.LITERAL, OPERATOR_GROUP, Operation.READ)


def _of_the_topics_command() -> Iterator[Acl]:
    """Yield the rights to create and repair topics. ACLs come from the broker's super user, or Strimzi."""
    for operation in (
        Operation.CREATE,
        Operation.ALTER,
        Operation.DESCRIBE,
        Operation.DESCRIBE_CONFIGS,
        Operation.ALTER_CONFIGS,
    ):
        yield Acl(TOPICS_COMMAND, Resource.TOPIC, Pattern.PREFIXED, PREFIX, operation)
    yield Acl(TOPICS_COMMAND, Resource.CLUSTER, Pattern.LITERAL, CLUSTER, Operation.DESCRIBE)


def _of_the_trimmer(topics: Iterable[Topic]) -> Iterator[Acl]:
    """Yield the rights to delete from trimmed topics, and to read, republish and delete dead letters.

    Leaves out topics that services follow or replay from the start.
    """
    for topic in topics:
        if topic.is_trimmed:
            yield from _on(TRIMMER, topic.name, Operation.DELETE)
        if topic.workers:
            for operation in (Operation.READ, Operation.WRITE, Operation.DELETE):
                yield from _on(TRIMMER, topic.dead, operation)
    yield Acl(TRIMMER, Resource.GROUP, Pattern.LITERAL, "*", Operation.DESCRIBE)


def _of_the_backup(topics: Iterable[Topic]) -> Iterator[Acl]:
    """Yield the rights to compare the groups' offsets with the ends of their topics."""
    for topic in topics:
        if topic.in_groups:
            yield Acl(BACKUP, Resource.TOPIC, Pattern.LITERAL, topic.name, Operation.DESCRIBE)
    yield Acl(BACKUP, Resource.GROUP, Pattern.LITERAL, "*", Operation.DESCRIBE)


def _on(principal: str, topic: str, operation: Operation) -> Iterator[Acl]:
    """Yield an operation on a topic, and the right to read its configs, which readiness checks."""
    for each in (operation, Operation.DESCRIBE_CONFIGS):
        yield Acl(principal, Resource.TOPIC, Pattern.LITERAL, topic, each)
