"""Audit publishes the time up to which the log is complete: correct without traffic and while audit is stopped."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import OffsetAndMetadata
from sqlalchemy import text

from deploy.kafka.run import ApacheKafka
from services.audit.actions.writer import Writer
from services.audit.main import build_app
from services.audit.settings import Settings
from services.audit.workers.coverage import CoverageReport, committed
from services.registry import SPECS
from shared.core.errors import DependencyDown, Unavailable
from shared.events import LogCovered
from shared.kafka.bus import KafkaBus
from shared.kafka.client import Kafka
from shared.kafka.settings import KafkaSettings
from shared.kafka.topics_admin import ensure_topics
from shared.service.api_runtime import ApiRuntime
from shared.testing import all_mac_keys, eventually, mac_key, mac_key_text
from tests.integration.audit.conftest import SEED, an_attempt

pytestmark = pytest.mark.clause("wall/log-behind")

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
ONE, TWO = ("alpr.hit.raised", 0), ("alpr.hit.raised", 1)


def test_the_log_covers_the_newest_time_whose_ends_are_all_committed(runtime):
    coverage = CoverageReport(runtime)
    times = [NOON + timedelta(seconds=10 * n) for n in range(5)]
    coverage.note(times[0], {ONE: 0, TWO: 0}, {})
    assert coverage._until == times[0], "where nothing is published, there is nothing to cover"
    coverage.note(times[1], {ONE: 5, TWO: 3}, {ONE: 5, TWO: 2})
    assert coverage._until == times[0], "one partition is not there yet"
    coverage.note(times[2], {ONE: 9, TWO: 3}, {ONE: 5, TWO: 3})
    assert coverage._until == times[1]
    coverage.note(times[3], {ONE: 9, TWO: 3}, {ONE: 9, TWO: 3})
    assert coverage._until == times[3]


class Offsets:
    """Answers as Kafka's clients do, for one partition."""

    def __init__(self, committed, begin):
        self.committed, self.begin = committed, begin

    async def list_consumer_group_offsets(self, group):
        return {TopicPartition(*ONE): OffsetAndMetadata(self.committed, "")}

    async def beginning_offsets(self, partitions):
        return dict.fromkeys(partitions, self.begin)


@pytest.mark.parametrize(
    ("offset", "begin", "done"), [(-1, 0, 0), (-1, 7, 7), (3, 7, 7), (8, 7, 8), (9, 7, 9)]
)
async def test_events_that_kafka_deleted_do_not_keep_the_log_behind(offset, begin, done):
    """Audit can no longer append them; access would be refused for ever."""
    kafka = Offsets(offset, begin)
    assert await committed(kafka, kafka, {ONE: 9}) == {ONE: done}


@pytest.mark.parametrize("end", [0, 5])
async def test_behind_for_more_than_a_minute_is_a_finding(app, runtime, query, end):
    """Also for a log that has not caught up once since its process started."""
    coverage = CoverageReport(runtime)
    since = runtime.clock.now()
    coverage.note(since, {ONE: end}, {})
    await coverage.check_lag(since + timedelta(seconds=60))
    assert await query("SELECT 1 FROM findings WHERE kind = 'log_behind'") == []
    for later in (61, 90):
        await coverage.check_lag(since + timedelta(seconds=later))
    [(details,)] = await query("SELECT details FROM findings WHERE kind = 'log_behind'")
    assert details == {"since": since.isoformat(), "delay_s": 61}
    await coverage.check_lag(since + timedelta(hours=1))
    assert len(await query("SELECT 1 FROM findings WHERE kind = 'log_behind'")) == 2


async def test_a_log_that_is_up_to_date_is_not_behind_however_long_it_runs(app, runtime, query):
    coverage = CoverageReport(runtime)
    now = runtime.clock.now() + timedelta(hours=1)
    coverage.note(now, {ONE: 1}, {ONE: 1})
    await coverage.check_lag(now + timedelta(seconds=60))
    assert await query("SELECT 1 FROM findings WHERE kind = 'log_behind'") == []


@pytest.fixture(params=["embedded", pytest.param("apache", marks=pytest.mark.apache)])
def bootstrap(request, tmp_path):
    """Each kind of Kafka."""
    if request.param == "embedded":
        yield request.getfixturevalue("broker").bootstrap
    else:
        with ApacheKafka(tmp_path / "apache") as kafka:
            yield kafka.bootstrap


async def newest(bootstrap):
    """Return the newest time that audit published."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    try:
        partition = TopicPartition(LogCovered.TOPIC, 0)
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        if end == 0:
            return None
        consumer.seek(partition, end - 1)
        import msgspec

        value = (await consumer.getone(partition)).value
        return msgspec.json.decode(value, type=LogCovered).covered_until
    finally:
        await consumer.stop()


async def test_a_stopped_log_is_reported_behind_and_a_quiet_one_is_not(
    settings, bootstrap, objects, authority, policy, monkeypatch
):
    here = KafkaSettings(kafka_bootstrap=bootstrap, kafka_allow_one_copy=True)
    await ensure_topics(Kafka.of(here))
    own = Settings(
        **settings.model_dump()
        | {
            "event_mac_key": mac_key_text("audit"),
            "kafka_bootstrap": bootstrap,
            "kafka_empty_fetch_pause_ms": 5,
            "kafka_allow_one_copy": True,
        },
        audit_event_mac_keys=all_mac_keys(),
        audit_signing_key=__import__("base64").b64encode(SEED).decode(),
        audit_values_key=__import__("base64").b64encode(SEED).decode(),
    )
    runtime = ApiRuntime(
        SPECS["audit"], own, objects=objects, people=authority.people, policy=policy
    )
    app = build_app(own, runtime)
    coverage = CoverageReport(runtime)
    bus = KafkaBus(bootstrap, "retention", mac_key=mac_key("retention"))
    take = Writer.append
    stands_still = False

    async def perhaps(writer, messages):
        if stands_still:
            raise DependencyDown("the log stands still")
        await take(writer, messages)

    monkeypatch.setattr(Writer, "append", perhaps)
    async with app.router.lifespan_context(app):

        async def covered_after(moment):
            with suppress(Unavailable):  # a fresh Kafka names no coordinator of a group at first
                await coverage.report()
            return (until := await newest(bootstrap)) is not None and until > moment

        began = runtime.clock.now()
        await eventually(lambda: covered_after(began), within_s=30, every_s=0.2)
        stands_still = True
        await bus.publish([an_attempt(runtime.clock)])
        behind_since = runtime.clock.now()
        for _ in range(5):
            await coverage.report()
        assert coverage._until < behind_since
        stands_still = False
        await eventually(lambda: covered_after(behind_since), within_s=60, every_s=0.2)
        async with runtime.db.begin() as connection:
            count = await connection.execute(
                text("SELECT count(*) FROM entries WHERE kind = 'access.attempted'")
            )
            assert count.scalar_one() == 1
            loaded = await connection.execute(
                text("SELECT count(*) FROM entries WHERE kind = 'policy.loaded'")
            )
            assert loaded.scalar_one() == 1
    await coverage.close()
    await bus.stop()
