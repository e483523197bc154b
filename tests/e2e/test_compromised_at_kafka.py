"""Each service played compromised on Apache Kafka with ACLs: it can do exactly the acts that the registry grants.

The test derives the expected acts from the registry by itself, and not by `shared.kafka.acls`.
"""

import asyncio
from collections.abc import Iterator

import pytest

from deploy.kafka.run import ApacheKafka
from local.backup.offsets import Progress, services_in_groups
from shared.core.errors import Unavailable
from shared.kafka.acls import BACKUP, OPERATOR, TRIMMER, principals, services
from shared.kafka.client import Kafka
from shared.kafka.disks import disks
from shared.kafka.topics import TOPICS
from shared.kafka.topics_admin import ensure_topics
from shared.kafka.topics_check import TopicsCheck
from tests.e2e.intruder import Intruder

pytestmark = [pytest.mark.enable_socket, pytest.mark.apache, pytest.mark.clause("wall/kafka")]

STRANGER = "stranger"
INTERNAL = {"__consumer_offsets"}
ALL = {name for topic in TOPICS.values() for name in (topic.name, topic.dead)}
GROUPS = {group for name in services() for group in (name, f"{name}-records")}
GROUPS |= {"dead-letters", "somebody"}
HARMLESS = {"describe", "describe configs"}
"""The acts of every principal that writes or reads a topic: readiness checks the state of topics."""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """Apache Kafka as in compose, with one more certificate: of a principal without rights."""
    folder = tmp_path_factory.mktemp("kafka")
    kafka = ApacheKafka(folder, principals=[*principals(), STRANGER])
    kafka.start(within_s=180)
    try:
        yield kafka
    finally:
        kafka.stop()


@pytest.fixture(scope="module")
def walled(node: ApacheKafka) -> ApacheKafka:
    """The node with topics and ACLs, made by the command's own principal."""
    asyncio.run(ensure_topics(Kafka.of(node.link("topics"))))
    return node


async def broken_into(node: ApacheKafka, who: str) -> Intruder:
    """Try every act as `who`, on every topic and every group."""
    intruder = Intruder(Kafka.of(node.link(who)), who)
    await intruder.try_everything(ALL | INTERNAL, GROUPS)
    acts = {act for act, _ in intruder.tried}
    assert len(acts) == 20, sorted(acts)
    for act in ("write", "read", "describe", "alter configs", "delete", "delete records"):
        assert {name for a, name in intruder.tried if a == act} == ALL | INTERNAL, act
    for act in ("join", "commit", "see offsets", "delete group"):
        assert {name for a, name in intruder.tried if a == act} == GROUPS, act
    return intruder


def opened(intruder: Intruder, act: str) -> set[str]:
    return {name for done, name in intruder.opened if done == act}


def beyond(intruder: Intruder, *expected: str) -> set[tuple[str, str]]:
    """Return the acts that were possible besides those named."""
    return {(act, name) for act, name in intruder.opened if act not in expected}


GROUP_ACTS = ("join", "commit", "see offsets")


async def test_a_service_without_its_kafka_rights_is_refused_and_reports_it(node) -> None:
    """The broker refuses, and readiness names the missing right."""
    intruder = Intruder(Kafka.of(node.link("hotlist")), "hotlist")
    await intruder.try_everything({"alpr.hit.raised"}, {"hotlist"})
    assert intruder.opened == set()
    with pytest.raises(Unavailable, match=r"may not be used.*topics_admin ensure"):
        await TopicsCheck(Kafka.of(node.link("hotlist")), "hotlist").ping()


async def test_a_client_without_rights_has_no_access_to_kafka(walled) -> None:
    assert (await broken_into(walled, STRANGER)).opened == set()


@pytest.mark.parametrize("service", services())
async def test_a_compromised_service_has_only_its_registered_kafka_rights(walled, service) -> None:
    produced = {t.name for t in TOPICS.values() if service in t.producers}
    consumed = {t.name for t in TOPICS.values() if service in t.consumers}
    dead = {t.dead for t in TOPICS.values() if service in t.workers}
    intruder = await broken_into(walled, service)
    assert opened(intruder, "write") == produced | dead
    assert opened(intruder, "read") == consumed
    for act in HARMLESS:
        assert opened(intruder, act) == produced | consumed | dead
    for act in GROUP_ACTS:
        assert opened(intruder, act) == {service, f"{service}-records"}, act
    watches = {("see disks", "cluster"), ("read ACLs", "cluster")} if service == "audit" else set()
    assert beyond(intruder, "write", "read", *HARMLESS, *GROUP_ACTS) == watches


async def test_the_operators_certificate_accesses_only_dead_letters_and_their_topics(
    walled,
) -> None:
    consumed = {t for t in TOPICS.values() if t.workers}
    intruder = await broken_into(walled, OPERATOR)
    assert opened(intruder, "write") == {t.name for t in consumed}
    assert opened(intruder, "read") == {name for t in consumed for name in (t.dead, t.name)}
    for act in GROUP_ACTS:
        assert opened(intruder, act) == {"dead-letters"}, act
    assert beyond(intruder, "write", "read", *HARMLESS, *GROUP_ACTS) == set()


async def test_the_trimmers_certificate_deletes_consumed_records_but_no_replayed_ones(
    walled,
) -> None:
    trimmed = {t.name for t in TOPICS.values() if t.consumers and not (t.replayed or t.followed)}
    dead = {t.dead for t in TOPICS.values() if t.workers}
    intruder = await broken_into(walled, TRIMMER)
    assert opened(intruder, "write") == opened(intruder, "read") == dead
    for act in ("delete records", *HARMLESS):
        assert opened(intruder, act) == trimmed | dead, act
    assert opened(intruder, "see offsets") == GROUPS
    allowed = ("write", "read", "delete records", "see offsets", *HARMLESS)
    assert beyond(intruder, *allowed) == set()


async def test_the_backups_certificate_sees_offsets_and_no_record(walled) -> None:
    processed = {t.name for t in TOPICS.values() if t.in_groups}
    intruder = await broken_into(walled, BACKUP)
    assert opened(intruder, "describe") == processed
    assert opened(intruder, "see offsets") == GROUPS
    assert beyond(intruder, "describe", "see offsets") == set()
    async with Progress.of(Kafka.of(walled.link(BACKUP)), services_in_groups()) as progress:
        ends = await progress.ends()
        assert {place.rpartition("/")[0] for place in ends} == processed
        await progress.behind(ends)


async def test_recognition_cannot_write_to_the_topics_of_ingest_identity_or_hotlist(walled) -> None:
    """The finding that this wall closes: one forged key made an administrator."""
    intruder = await broken_into(walled, "recognition")
    for name in (
        "alpr.key.published",
        "alpr.read.recorded",
        "alpr.read.backfilled",
        "alpr.hit.raised",
    ):
        assert ("write", name) in intruder.tried - intruder.opened
    assert opened(intruder, "read") == {
        "alpr.capture.received",
        "alpr.capture.backfilled",
        "alpr.policy.loaded",
    }


async def test_every_service_has_its_topics_and_rights_after_the_command(walled) -> None:
    for service in services():
        await TopicsCheck(Kafka.of(walled.link(service)), service).ping()


async def test_only_audit_can_read_the_disk_usage_of_kafka(walled) -> None:
    [disk] = await disks(Kafka.of(walled.link("audit")))
    assert 0 < disk.used < 1
    with pytest.raises(Unavailable, match="ClusterAuthorizationFailed"):
        await disks(Kafka.of(walled.link("hotlist")))


async def test_the_topics_command_repairs_changed_configs_and_acls(walled) -> None:
    topics = Kafka.of(walled.link("topics"))
    admin = topics.admin()
    await admin.start()
    try:
        await changed(admin)
    finally:
        await admin.close()
    with pytest.raises(Unavailable, match=r"alpr\.hit\.raised has other configs"):
        await TopicsCheck(Kafka.of(walled.link("hotlist")), "hotlist").ping()
    forger = Intruder(Kafka.of(walled.link("recognition")), "recognition")
    await forger.try_everything({"alpr.key.published"}, set())
    assert ("write", "alpr.key.published") in forger.opened, "the rule took effect"

    done = await ensure_topics(topics)
    assert [line for line in done if line.startswith("alpr.hit.raised: retention.ms=")]
    assert [
        line for line in done if "recognition write topic alpr.key.published: no longer" in line
    ]
    assert [line for line in done if "User:somebody" in line and "not a rule of ours" in line]
    await TopicsCheck(Kafka.of(walled.link("hotlist")), "hotlist").ping()
    forger = Intruder(Kafka.of(walled.link("recognition")), "recognition")
    await forger.try_everything({"alpr.key.published"}, set())
    assert forger.opened == set()


async def changed(admin) -> None:
    """Have another retention and two rules too many, as a careless administrator would."""
    from shared.kafka.requests import AlterConfigsRequest, ask, create_acls

    other = [(2, "alpr.hit.raised", [("retention.ms", 0, "1")])]
    assert (await ask(admin, AlterConfigsRequest(other, False))).responses[0][0] == 0
    rows = [
        (2, "alpr.key.published", 3, "User:CN=recognition", "*", 4, 3),
        (2, "alpr.hit.raised", 3, "User:somebody", "*", 3, 3),
    ]
    made = await ask(admin, create_acls(rows))
    assert [code for code, _ in made.creation_responses] == [0, 0]
    await asyncio.sleep(1)
