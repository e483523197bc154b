"""A backup waits for the consumer groups; a restore sets them back to the offsets that it recorded, and no further."""

import asyncio
import tempfile
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka.admin import RecordsToDelete
from aiokafka.structs import OffsetAndMetadata
from sqlalchemy import text

from local.backup.database import snapshot_of
from local.backup.installation import installation
from local.backup.offsets import Progress, committed, rewind, rewound, services_in_groups
from local.backup.waiting import ROUNDS, wait
from local.stack.broker import Broker
from local.stack.postgres import Postgres
from shared.core.errors import DependencyDown
from shared.events import PeriodFixed
from shared.kafka.client import Kafka, stop_client
from shared.kafka.topics import TOPICS
from shared.kafka.topics_admin import ensure_topics
from shared.postgres.database import Database, database_of
from shared.postgres.outbox import emit
from shared.testing import mac_key
from tests.integration.backup.installing import VKEY, partition_of, publish

READS, DISCLOSED = "alpr.read.recorded/0", "alpr.records.disclosed/1"
FRAMES, RECOGNISED = "alpr.capture.received/2", "alpr.read.recognised/1"
ENTRY = "alpr.period.fixed/0"


def test_only_offsets_past_the_recorded_ones_go_back():
    recorded = {"audit": {DISCLOSED: 7}, "retention-records": {READS: 40}}
    present = {
        "audit": {DISCLOSED: 7},
        "retention-records": {READS: 55, "alpr.read.recorded/1": 3},
        "hotlist-alpr.read.recorded": {READS: 5},
    }
    assert rewound(recorded, present) == {
        "retention-records": {READS: 40, "alpr.read.recorded/1": 0},
        "hotlist-alpr.read.recorded": {READS: 0},
    }
    assert rewound(recorded, {"audit": {DISCLOSED: 2}}) == {}  # a new Kafka


@pytest.fixture
def kafka(tmp_path):
    """A broker of one test's own, with all topics."""
    with Broker(tmp_path / "broker") as broker:
        asyncio.run(ensure_topics(broker.bootstrap))
        yield broker.bootstrap


@pytest.fixture
async def live(place, kafka):
    """An installation with some entries and objects, whose Kafka is known."""
    place.live = replace(place.live, kafka=kafka)
    await place.fill()
    await relay(place)
    return place


async def relay(place):
    """Empty audit's outbox, as its relay does once Kafka has the events."""
    async with (
        database_of(place.live.database, "audit") as database,
        database.begin() as connection,
    ):
        await connection.execute(text("DELETE FROM outbox"))


async def test_a_group_is_set_back_at_the_broker(kafka):
    await commit(kafka, "audit", DISCLOSED, 7)
    recorded = await committed(kafka)
    assert recorded["audit"][DISCLOSED] == 7
    await commit(kafka, "audit", DISCLOSED, 12)
    assert await rewind(kafka, recorded) == {"audit": {DISCLOSED: 7}}
    assert await committed(kafka) == recorded


@pytest.mark.clause("wall/backup")
async def test_a_backup_waits_until_every_group_has_committed_what_kafka_has(live, kafka):
    await publish(kafka, READS, 3)
    began_at = datetime.now(UTC)
    making = asyncio.create_task(live.back_up())
    await commit(kafka, "retention-records", READS, 3)
    await asyncio.sleep(1)
    assert not making.done(), "hotlist has committed nothing"
    committed_at = datetime.now(UTC)
    await commit(kafka, "hotlist-alpr.read.recorded", READS, 3)
    made = await making
    manifest, waiting = made.manifest, made.waiting
    assert not manifest.behind
    assert began_at <= manifest.complete_to < committed_at <= manifest.made_at
    assert 1 <= waiting.waited_s < 60
    assert manifest.offsets["hotlist-alpr.read.recorded"] == {READS: 3}
    signed = await live.backups.manifest(manifest.name, [VKEY])
    assert signed.complete_to == manifest.complete_to


@pytest.mark.clause("wall/backup")
async def test_what_happens_after_the_snapshot_comes_again_and_every_record_has_its_object(
    live, kafka, monkeypatch
):
    """A service stores an object before its record, and commits an offset after what it processed."""

    @asynccontextmanager
    async def then(link):
        async with snapshot_of(link) as snapshot:
            await commit(kafka, "audit", DISCLOSED, 12)
            await live.live.objects.put("captures/d1/2026-06-01/later", b"later")
            yield snapshot

    await commit(kafka, "audit", DISCLOSED, 7)
    monkeypatch.setattr("local.backup.making.snapshot_of", then)
    manifest = (await live.back_up(wait_s=0)).manifest
    assert manifest.offsets["audit"] == {DISCLOSED: 7}
    assert manifest.objects.count == 4


@pytest.mark.clause("wall/backup")
async def test_a_backup_of_services_that_are_behind_names_them_and_is_not_whole(live, kafka):
    await publish(kafka, READS, 3)
    await commit(kafka, "retention-records", READS, 1)
    made = await live.back_up(wait_s=0.5)
    manifest = await live.backups.manifest(made.manifest.name, [VKEY])
    assert manifest.complete_to is None
    assert [(one.group, one.topic, one.records) for one in manifest.behind] == [
        ("hotlist", "alpr.read.recorded", 3),
        ("retention-records", "alpr.read.recorded", 2),
    ]
    assert await live.backups.faults(manifest) == []
    assert made.waiting.waited_s >= 0.5


@pytest.mark.clause("wall/backup")
async def test_what_services_publish_while_a_backup_waits_is_waited_for_too(live, kafka):
    await publish(kafka, FRAMES, 1)
    waiting = asyncio.create_task(wait(live.live.database, kafka, wait_s=30))
    await asyncio.sleep(0.5)
    await publish(kafka, RECOGNISED, 1)  # recognition publishes before it commits
    await commit(kafka, "recognition", FRAMES, 1)
    await commit(kafka, "hotlist-alpr.read.recognised", RECOGNISED, 1)
    await asyncio.sleep(1.5)
    assert not waiting.done(), "the reads are not stored"
    await commit(kafka, "retention-records", RECOGNISED, 1)
    assert (await waiting).complete_to is not None
    assert ROUNDS > 2, "a read's hit has an entry in the log"


@pytest.mark.clause("wall/backup")
async def test_a_backup_waits_for_events_that_no_relay_has_published(live, kafka):
    database = Database(live.live.database, "audit", pool_size=1, mac_key=mac_key("audit"))
    now = datetime.now(UTC)
    async with database.begin() as connection:
        event = PeriodFixed(occurred_at=now, occurred_from=now, occurred_to=now)
        await emit(connection, "audit", event)
    await database.close()
    late = await wait(live.live.database, kafka, wait_s=0.5)
    [behind] = late.behind
    assert (behind.group, behind.records, late.complete_to) == ("outbox of audit", 1, None)
    stopped = await wait(live.live.database, kafka, wait_s=0.5, at_work=False)
    assert stopped.complete_to is not None, "the row stays in the outbox, and is in the backup"
    waiting = asyncio.create_task(wait(live.live.database, kafka, wait_s=30))
    await asyncio.sleep(0.5)
    await publish(kafka, ENTRY, 1)
    await relay(live)
    await asyncio.sleep(1)
    assert not waiting.done(), "audit has not appended it"
    await commit(kafka, "audit", ENTRY, 1)
    assert (await waiting).complete_to is not None


@pytest.mark.clause("wall/backup")
async def test_a_restore_sets_the_groups_back_or_says_that_they_are_not(live, kafka):
    await commit(kafka, "audit", DISCLOSED, 7)
    await live.back_up(wait_s=0)
    await commit(kafka, "audit", DISCLOSED, 12)
    with live.elsewhere() as target:
        done = await live.restore(target)
        assert (done.rewound, done.faults) == ({"audit": {DISCLOSED: 7}}, [])
    assert (await committed(kafka))["audit"] == {DISCLOSED: 7}
    with live.elsewhere("restored_again") as target:
        done = await live.restore(replace(target, kafka="127.0.0.1:1"))
        [fault] = done.faults
    assert fault.endswith("; then run `plateward rewind-consumers`")


@pytest.mark.clause("wall/backup")
def test_an_operator_sets_the_groups_back(place, kafka, run, as_live, monkeypatch):
    asyncio.run(place.fill(objects=0))
    asyncio.run(commit(kafka, "audit", DISCLOSED, 7))
    monkeypatch.setenv("KAFKA_BOOTSTRAP", kafka)
    to = str(place.folder / "backups")
    run("backup", "--to", to, "--without-keys", "--wait-s", "0")
    asyncio.run(commit(kafka, "audit", DISCLOSED, 12))
    code, answer = run("rewind-consumers", "--from", to, "--vkey", VKEY.vkey)
    assert (code, answer) == (0, {"rewound": {"audit": {DISCLOSED: 7}}})
    assert asyncio.run(committed(kafka))["audit"] == {DISCLOSED: 7}


async def test_readers_without_a_group_cannot_be_behind(live, kafka):
    await publish(kafka, "alpr.device.changed/0", 1)
    await publish(kafka, "alpr.log.covered/0", 1)
    await commit(kafka, "audit", "alpr.device.changed/0", 1)
    assert (await wait(live.live.database, kafka, wait_s=0)).behind == ()


async def test_topics_that_kafka_does_not_describe_do_not_pass_for_processed():
    class Refusing:
        async def describe_topics(self, names):
            return [{"topic": name, "error_code": 29, "partitions": []} for name in names]

    progress = Progress(Refusing(), None, {"alpr.read.recorded": ["hotlist"]})
    with pytest.raises(DependencyDown, match=r"does not describe alpr\.read\.recorded"):
        await progress.ends()


def test_a_backup_waits_for_every_service_that_processes_a_topic():
    waits = services_in_groups()
    assert waits["alpr.read.recorded"] == {"hotlist", "retention"}
    for topic in TOPICS.values():
        processing = waits.get(topic.name, frozenset())
        assert processing <= topic.consumers
        assert ("audit" in processing) == topic.audited, topic.name
        if topic.followed or topic.replayed:
            assert processing <= {"audit"}, topic.name
        else:
            assert processing == topic.consumers, topic.name


async def test_records_that_are_deleted_were_processed(live, kafka):
    """A group whose offset Kafka has forgotten begins at the first record that is there."""
    await publish(kafka, READS, 3)
    await commit(kafka, "hotlist-alpr.read.recorded", READS, 3)
    await commit(kafka, "retention-records", READS, 3)
    admin = Kafka.at(kafka).admin()
    await admin.start()
    await admin.delete_records({partition_of(READS): RecordsToDelete(3)})
    await admin.close()
    services = {"alpr.read.recorded": ["hotlist", "retention", "stranger"]}
    assert (await wait(live.live.database, kafka, wait_s=0, services=services)).behind == ()


def test_the_broker_of_a_stack_that_is_down_is_asked(repository):
    given = {"POLICY_FILE": str(repository / "policy.toml")}
    with tempfile.TemporaryDirectory(prefix="stack-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # the server's account passes through
        with Postgres(folder / "postgres"):
            pass
        with installation(folder, given) as without:
            assert (without.kafka, without.at_work) == (None, True)
        with Broker(folder / "broker") as broker:
            asyncio.run(ensure_topics(broker.bootstrap))
            asyncio.run(publish(broker.bootstrap, READS, 1))
        with installation(folder, given) as source:
            assert not source.at_work
            assert asyncio.run(first_of(source.kafka, READS)) == b"0"


async def first_of(bootstrap, place):
    """Return the first record of a partition."""
    consumer = Kafka.at(bootstrap).consumer(enable_auto_commit=False)
    await consumer.start()
    consumer.assign([partition_of(place)])
    await consumer.seek_to_beginning()
    record = await consumer.getone()
    await stop_client(consumer)
    return record.value


async def commit(bootstrap, group, place, offset):
    partition = partition_of(place)
    consumer = Kafka.at(bootstrap).consumer(group_id=group, enable_auto_commit=False)
    await consumer.start()
    consumer.assign([partition])
    await consumer.commit({partition: OffsetAndMetadata(offset, "")})
    await stop_client(consumer)
