"""The rights of each principal in Kafka follow from the registry alone."""

import pytest

from shared.events import CaptureReceived, FindingRaised, HitRaised
from shared.kafka.acls import (
    BACKUP,
    OPERATOR,
    TOPICS_COMMAND,
    TRIMMER,
    Acl,
    Operation,
    Pattern,
    Resource,
    acls,
    services,
)
from shared.kafka.topics import TOPICS, Topic

READS = Topic(CaptureReceived, frozenset({"one"}), frozenset({"two", "three"}))
HITS = Topic(HitRaised, frozenset({"two"}), frozenset({"one"}))


def of(principal: str, topics: list[Topic]) -> set[tuple[str, str]]:
    """Return a principal's rights on topics: the operation and the topic."""
    return {
        (acl.operation.name, acl.name)
        for acl in acls(topics)
        if acl.principal == principal
        and acl.resource is Resource.TOPIC
        and acl.operation is not Operation.DESCRIBE_CONFIGS
    }


@pytest.mark.clause("wall/kafka")
def test_a_service_may_write_only_what_it_produces_and_read_only_what_it_consumes() -> None:
    assert of("one", [READS, HITS]) == {
        ("WRITE", READS.name),
        ("READ", HITS.name),
        ("WRITE", HITS.dead),
    }
    assert of("three", [READS, HITS]) == {("READ", READS.name), ("WRITE", READS.dead)}
    assert of("four", [READS, HITS]) == set()


def test_only_the_topics_and_trim_commands_may_change_or_delete_topics() -> None:
    harmless = {Operation.READ, Operation.WRITE, Operation.DESCRIBE, Operation.DESCRIBE_CONFIGS}
    others = {a.operation for a in acls() if a.principal not in (TOPICS_COMMAND, TRIMMER)}
    assert others == harmless
    makes = {acl for acl in acls() if acl.principal == TOPICS_COMMAND}
    kept_from = {Operation.READ, Operation.WRITE, Operation.DELETE}
    assert {acl.operation for acl in makes} & kept_from == set()


@pytest.mark.clause("wall/kafka")
def test_the_trimmer_deletes_from_topics_that_are_worked_and_reads_dead_letters_alone() -> None:
    replayed = Topic(HitRaised, frozenset({"two"}), frozenset({"one"}), replayed=True)
    assert of(TRIMMER, [READS, replayed]) == {
        ("DELETE", READS.name),
        *((operation, READS.dead) for operation in ("READ", "WRITE", "DELETE")),
        *((operation, replayed.dead) for operation in ("READ", "WRITE", "DELETE")),
    }


@pytest.mark.clause("wall/kafka")
def test_only_the_operator_and_the_trimmer_read_dead_letters() -> None:
    dead = {topic.dead for topic in TOPICS.values()}
    readers = {a.principal for a in acls() if a.name in dead and a.operation is Operation.READ}
    assert readers == {OPERATOR, TRIMMER}


@pytest.mark.clause("wall/kafka")
def test_the_operator_may_replay_only_to_topics_that_are_consumed() -> None:
    """Topics that services only follow have no dead letters: a follower skips records that it cannot decode."""
    written = {a.name for a in acls() if (a.principal, a.operation) == (OPERATOR, Operation.WRITE)}
    assert written == {topic.name for topic in TOPICS.values() if topic.workers}
    assert written != set(TOPICS), "there is one that nobody consumes"


@pytest.mark.clause("wall/kafka")
def test_a_backup_and_the_trimmer_see_how_far_groups_are_and_a_backup_reads_no_record() -> None:
    every_group = (Resource.GROUP, Operation.DESCRIBE, "*")
    rights = {
        a: {(r.resource, r.operation, r.name) for r in acls() if r.principal == a}
        for a in (BACKUP, TRIMMER)
    }
    worked = {topic.name for topic in TOPICS.values() if topic.in_groups}
    assert rights[BACKUP] == {every_group} | {
        (Resource.TOPIC, Operation.DESCRIBE, name) for name in worked
    }
    assert {one for one in rights[TRIMMER] if one[0] is Resource.GROUP} == {every_group}


@pytest.mark.parametrize("service", services())
def test_a_service_works_in_groups_of_its_own_name_alone(service: str) -> None:
    groups = {
        (acl.pattern, acl.name, acl.operation)
        for acl in acls()
        if acl.principal == service and acl.resource is Resource.GROUP
    }
    assert groups == {
        (Pattern.LITERAL, service, Operation.READ),
        (Pattern.PREFIXED, f"{service}-", Operation.READ),
    }


def test_no_service_name_is_a_prefix_of_anothers_group() -> None:
    names = services()
    assert len(names) == 7
    assert not [(a, b) for a in names for b in names if a != b and b.startswith(f"{a}-")]


def test_only_the_topics_command_has_acls_by_prefix() -> None:
    wide = {
        a.principal
        for a in acls()
        if a.resource is Resource.TOPIC and a.pattern is not Pattern.LITERAL
    }
    assert wide == {TOPICS_COMMAND}
    on_the_cluster = {a for a in acls() if a.resource is Resource.CLUSTER}
    assert {(a.principal, a.operation) for a in on_the_cluster} == {
        ("audit", Operation.DESCRIBE),
        (TOPICS_COMMAND, Operation.DESCRIBE),
    }


def test_the_same_registry_gives_the_same_rules() -> None:
    topics = list(TOPICS.values())
    assert acls(topics) == acls(reversed(topics))
    audited = Acl(
        "audit", Resource.TOPIC, Pattern.LITERAL, TOPICS[FindingRaised.TOPIC].name, Operation.READ
    )
    assert audited in acls(topics)
