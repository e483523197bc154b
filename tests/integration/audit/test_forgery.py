"""Events that do not prove who made them: never appended, dead-lettered, and a finding (ADR-0022)."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import msgspec
import pytest
from sqlalchemy import text

from services.audit.actions.producer_keys import Forged
from services.audit.actions.upgrade import ends_of_audited
from services.audit.actions.writer import Writer
from services.audit.main import build_app
from services.audit.service import AuditService
from services.audit.settings import Settings
from services.audit.store.before_macs import BeforeMacs
from services.audit.workers.erasing import Eraser
from services.registry import SPECS
from shared.events import AccessAttempted, HotListChanged, PolicyLoaded
from shared.kafka import dead_letters
from shared.kafka.bus import KafkaBus
from shared.kafka.client import Kafka
from shared.kafka.codec import encode
from shared.kafka.consumer import SomeRefused
from shared.kafka.event_mac import MAC, MAC_KEY, with_mac
from shared.kafka.topics import TOPICS
from shared.kafka.topics_admin import ensure_topics
from shared.postgres.database import Database
from shared.postgres.outbox import Relay, emit
from shared.service.api_runtime import ApiRuntime
from shared.service.running import service_of
from shared.testing import FakeBus, all_mac_keys, eventually, mac_key, mac_key_text
from tests.integration.audit.conftest import SEED, a_disclosure, an_actor, an_attempt
from tests.integration.audit.erasing import OLD, purge
from tests.integration.audit.messages import message_of
from tests.integration.audit.sealed_events import a_hit

__all__ = ["purge"]

pytestmark = pytest.mark.clause("wall/mac")

FINDINGS = "SELECT subject, details FROM findings WHERE kind = 'forged_event' ORDER BY raised_at"


def made_by(key, event, source):
    """Return a message that names `source` as its maker, with the MAC of `key`."""
    record = with_mac(encode(event, source), mac_key(key))
    return message_of(event, source)._replace(headers=dict(record.headers))


def without_mac(message):
    headers = {n: v for n, v in message.headers.items() if n not in (MAC, MAC_KEY)}
    return message._replace(headers=headers)


@pytest.fixture
def refused(writer, query):
    """Has audit consume messages of which it must refuse one; returns that one's finding."""

    async def append(*messages, forged):
        with pytest.raises(SomeRefused) as raised:
            await writer.append(list(messages))
        [(message, why)] = raised.value.refused
        assert message is forged
        assert isinstance(why, Forged)
        [(subject, details)] = await query(FINDINGS)
        assert details["topic"] == forged.topic
        assert await query("SELECT 1 FROM entries WHERE event_id = :id", id=_id(forged)) == []
        return subject, details

    return append


def _id(message):
    return message.headers["ce_id"].decode()


async def test_an_event_without_a_mac_is_refused_and_those_beside_it_are_appended(
    refused, query, clock
):
    forged = without_mac(message_of(an_attempt(clock)))
    before, after = message_of(an_attempt(clock)), message_of(an_attempt(clock))
    subject, details = await refused(before, forged, after, forged=forged)
    assert (subject, details["claimed_source"]) == ("unknown", "retention")
    assert details["kafka_place"] == f"{AccessAttempted.TOPIC}/0/0"
    assert await query("SELECT count(*) FROM entries") == [(2,)]


async def test_a_finding_about_a_forged_event_contains_no_text_of_it(refused, clock):
    forged = without_mac(message_of(an_attempt(clock, request_id="7ABC123")))
    headers = {**forged.headers, "ce_source": b"/plateward/7ABC123"}
    forged = forged._replace(headers=headers)
    subject, details = await refused(forged, forged=forged)
    assert "7ABC" not in f"{subject} {details}"


async def test_a_service_that_claims_another_source_is_refused_and_named(refused, clock):
    forged = made_by("hotlist", an_attempt(clock, service="hotlist"), "retention")
    subject, details = await refused(forged, forged=forged)
    assert (subject, details["key_owner"]) == ("hotlist", "hotlist")
    assert details["claimed_source"] == "retention"


async def test_a_service_that_records_an_access_to_another_service_is_refused(refused, clock):
    forged = made_by("hotlist", an_attempt(clock, service="retention"), "hotlist")
    subject, _ = await refused(forged, forged=forged)
    assert subject == "hotlist"


async def test_a_service_is_refused_on_a_topic_that_is_not_its_own(refused, clock):
    changed = HotListChanged(
        occurred_at=clock.now(), actor=an_actor(), list_id=uuid4(), change="entry_removed"
    )
    forged = made_by("retention", changed, "retention")
    subject, details = await refused(forged, forged=forged)
    assert (subject, details["topic"]) == ("retention", HotListChanged.TOPIC)


@pytest.mark.parametrize("part", ["key", "body", "header", "another topic", "added header", "form"])
async def test_an_event_that_was_changed_after_it_was_made_is_refused(refused, clock, part):
    true = message_of(an_attempt(clock))
    body = msgspec.json.decode(true.value) | {"allowed": False}
    forged = {
        "key": true._replace(key=b"another"),
        "body": true._replace(value=msgspec.json.encode(body)),
        "header": true._replace(headers={**true.headers, "ce_time": b"2026-01-01T00:00:00+00:00"}),
        "added header": true._replace(headers={**true.headers, "ce_x": b"y"}),
        "form": true._replace(headers={**true.headers, "content-type": b"text/json"}),
        "another topic": true._replace(
            topic="alpr.records.disclosed",
            headers={**true.headers, "ce_type": b"alpr.records.disclosed.v1"},
        ),
    }[part]
    await refused(forged, forged=forged)


async def test_a_mac_by_an_unknown_key_or_under_anothers_key_id_is_refused(writer, clock, query):
    true = message_of(an_attempt(clock))
    stranger = true._replace(headers={**true.headers, MAC_KEY: b"retention.0000000000000000"})
    borrowed = true._replace(headers={**true.headers, MAC_KEY: mac_key("ingest").id.encode()})
    with pytest.raises(SomeRefused) as raised:
        await writer.append([stranger, borrowed])
    assert [m for m, _ in raised.value.refused] == [stranger, borrowed]
    assert await query("SELECT count(*) FROM entries") == [(0,)]


async def test_a_replayed_genuine_event_is_logged_once(writer, query, clock):
    message = message_of(an_attempt(clock))
    for offset in range(3):
        await writer.append([message._replace(offset=offset), message._replace(partition=2)])
    assert await query("SELECT count(*) FROM entries") == [(1,)]
    assert await query(FINDINGS) == []


async def test_an_event_with_the_id_of_a_logged_one_and_other_content_is_refused(
    writer, query, clock
):
    """Only what the log has unchanged is a redelivery from before MACs."""
    logged = message_of(an_attempt(clock))
    await writer.append([logged])
    body = logged.value.replace(b"Officer Seven", b"Officer Eight")
    forged = without_mac(logged._replace(offset=1, value=body))
    with pytest.raises(SomeRefused) as raised:
        await writer.append([without_mac(logged), forged])
    assert [message for message, _ in raised.value.refused] == [forged]
    [(_, details)] = await query(FINDINGS)
    assert details["kafka_place"] == f"{AccessAttempted.TOPIC}/0/1"


async def test_a_forged_event_under_the_id_of_a_logged_one_is_refused(writer, query, clock):
    true = an_attempt(clock)
    await writer.append([message_of(true)])
    forged = without_mac(message_of(msgspec.structs.replace(true, allowed=False)))
    with pytest.raises(SomeRefused) as raised:
        await writer.append([forged])
    assert [message for message, _ in raised.value.refused] == [forged]
    assert len(await query(FINDINGS)) == 1
    assert await query("SELECT count(*), bool_and(allowed) FROM entries") == [(1, True)]


async def test_a_changed_outbox_row_is_refused(database_url, repository, clock, refused, as_owner):
    db = Database(database_url, "retention", mac_key=mac_key("retention"))
    await db.migrate(repository / "services/retention/migrations")
    bus = FakeBus()
    async with db.begin() as connection:
        await emit(connection, "retention", an_attempt(clock))
    async with as_owner("retention") as connection:
        await connection.execute(
            text(
                "UPDATE outbox SET value = convert_to(replace(convert_from(value, 'UTF8'),"
                " 'Officer Seven', 'Officer Eight'), 'UTF8')"
            )
        )
    assert await Relay(db, bus).drain() == 1
    await db.close()
    [record] = bus.records
    assert b"Officer Eight" in record.value
    forged = message_of(an_attempt(clock))._replace(
        key=record.key, value=record.value, headers=dict(record.headers)
    )
    await refused(forged, forged=forged)


def with_last_key(settings, until):
    """Return audit's settings while retention changes its key: the tests' key is the previous one, until then."""
    new = b64encode(bytes(range(1, 33))).decode()
    both = all_mac_keys().replace(
        f"retention:{mac_key_text('retention')}",
        f"retention:{new} retention:{mac_key_text('retention')}@{until.isoformat()}",
    )
    return Settings(**settings.model_dump() | {"audit_event_mac_keys": both})


async def test_a_services_previous_key_is_accepted_only_until_its_end(
    app, runtime, clock, query, audit_settings
):
    end = clock.now() + timedelta(days=30)
    writer = Writer(runtime, with_last_key(audit_settings, end))
    writer.producer_keys.check_ends(clock.now())
    await writer.append([message_of(an_attempt(clock))])
    clock.advance(days=30)
    with pytest.raises(SomeRefused):
        await writer.append([message_of(an_attempt(clock))])
    assert await query("SELECT count(*) FROM entries") == [(1,)]


async def test_an_event_whose_key_ends_before_its_batch_is_sealed_again_is_refused(
    app, runtime, clock, query, purge, deliver, audit_settings, monkeypatch
):
    """It is neither appended nor lost: the consumer dead-letters what an append reports as refused."""
    await deliver(a_hit(clock, captured_at=datetime(OLD.year, OLD.month, OLD.day, 9, tzinfo=UTC)))
    await purge(follow=False)
    writer = Writer(runtime, with_last_key(audit_settings, clock.now() + timedelta(hours=1)))
    late = message_of(a_disclosure(clock, an_attempt(clock), day=OLD))
    batches, of = [], writer._batches.of

    async def of_and_erase(messages):
        batches.append(await of(messages))
        if len(batches) == 1:
            await Eraser(runtime, Writer(runtime, audit_settings)).catch_up()
            clock.advance(hours=1)
        return batches[-1]

    monkeypatch.setattr(writer._batches, "of", of_and_erase)
    with pytest.raises(SomeRefused) as raised:
        await writer.append([late])
    assert [message for message, _ in raised.value.refused] == [late]
    assert len(batches) == 2
    assert await query("SELECT 1 FROM entries WHERE event_id = :id", id=_id(late)) == []
    assert len(await query(FINDINGS)) == 1


async def test_a_previous_key_is_accepted_for_at_most_30_days(runtime, clock, audit_settings):
    late = with_last_key(audit_settings, clock.now() + timedelta(days=31))
    with pytest.raises(ValueError, match="a previous key of retention is accepted for 30 days"):
        Writer(runtime, late).producer_keys.check_ends(clock.now())


async def test_events_without_macs_from_before_the_upgrade_are_accepted_for_a_week(
    writer, query, clock
):
    old, new = (without_mac(message_of(an_attempt(clock)))._replace(offset=n) for n in (6, 7))
    writer.producer_keys.accept_unsigned({(AccessAttempted.TOPIC, 0): 7}, clock.now())
    with pytest.raises(SomeRefused) as raised:
        await writer.append([old, new, old._replace(partition=1, headers=new.headers)])
    assert len(raised.value.refused) == 2
    assert await query("SELECT event_id::text FROM entries") == [(_id(old),)]
    clock.advance(days=7)
    with pytest.raises(SomeRefused):
        await writer.append([without_mac(message_of(an_attempt(clock)))])
    await writer.append([old])  # it is in the log already: no entry, no forgery
    assert len(await query(FINDINGS)) == 2


@pytest.fixture
async def on_kafka(settings, broker, objects, authority, policy):
    """Make the audit service on a real broker."""
    await ensure_topics(broker.bootstrap)

    def make():
        own = Settings(
            **settings.model_dump()
            | {
                "event_mac_key": mac_key_text("audit"),
                "kafka_bootstrap": broker.bootstrap,
                "kafka_empty_fetch_pause_ms": 5,
            },
            audit_event_mac_keys=all_mac_keys(),
            audit_signing_key=b64encode(SEED).decode(),
            audit_values_key=b64encode(SEED).decode(),
        )
        runtime = ApiRuntime(
            SPECS["audit"], own, objects=objects, people=authority.people, policy=policy
        )
        return runtime, build_app(own, runtime)

    return make


async def test_an_event_written_straight_into_kafka_is_refused_as_forged(on_kafka, broker, clock):
    runtime, app = on_kafka()
    framing = an_attempt(clock, actor=an_actor(name="Officer Framed"))
    bus = KafkaBus(broker.bootstrap, "recognition", mac_key=mac_key("retention"))

    async def rows(statement):
        async with runtime.db.begin() as connection:
            return (await connection.execute(text(statement))).all()

    async with app.router.lifespan_context(app):
        await bus.publish_records([encode(framing, "retention")])
        await eventually(lambda: rows(FINDINGS), within_s=30)
        true = an_attempt(clock)
        await bus.publish_records([with_mac(encode(true, "retention"), mac_key("retention"))])
        await eventually(lambda: rows("SELECT 1 FROM entries WHERE kind = 'access.attempted'"))
        names = await rows("SELECT person_name FROM entries WHERE kind = 'access.attempted'")
        assert names == [(true.actor.name,)]
        listed = await dead_letters.listed(broker.bootstrap)
        [reason] = [one.reason for one in listed if one.event_id == str(framing.event_id)]
        assert "Forged: the event has no MAC" in reason
        assert await dead_letters.replay(broker.bootstrap, TOPICS[AccessAttempted.TOPIC]) >= 1
    await bus.stop()


async def test_an_upgraded_log_accepts_old_kafka_records_and_a_new_log_refuses_them(
    on_kafka, broker, clock, settings, database_url
):
    async def recorded(runtime):
        async with runtime.db.begin() as connection:
            return await BeforeMacs(connection).recorded()

    runtime, app = on_kafka()
    async with app.router.lifespan_context(app):
        ends, _ = await eventually(lambda: recorded(runtime), within_s=30)
        assert set(ends.values()) == {0}, "a log without entries is no old one"

    db = Database(database_url, "audit", pool_size=1)
    async with db.begin() as connection:  # as a log of before MACs
        await connection.execute(text("ALTER TABLE before_macs DISABLE TRIGGER ALL"))
        await connection.execute(text("DELETE FROM before_macs"))
        await connection.execute(text("ALTER TABLE before_macs ENABLE TRIGGER ALL"))
    bus = KafkaBus(broker.bootstrap, "retention", mac_key=mac_key("retention"))
    runtime, app = on_kafka()
    await runtime.db.ping()
    writer = service_of(app, AuditService).writer
    await writer.append([message_of(an_attempt(clock))])
    old = an_attempt(clock)
    await bus.publish_records([encode(old, "retention")])
    now = await ends_of_audited(Kafka.at(broker.bootstrap))
    async with app.router.lifespan_context(app):
        ends, _ = await eventually(lambda: recorded(runtime), within_s=30)
        later = await ends_of_audited(Kafka.at(broker.bootstrap))
        own = {place for place in ends if place[0] == PolicyLoaded.TOPIC}
        assert {p: n for p, n in ends.items() if p not in own} == {
            p: n for p, n in now.items() if p not in own
        }
        # Each start announces its policy by the outbox, which may reach Kafka before the ends are noted.
        assert all(now[place] <= ends[place] <= later[place] for place in own)

        async def arrived():
            async with runtime.db.begin() as connection:
                found = await connection.execute(
                    text("SELECT 1 FROM entries WHERE event_id = :id"), {"id": old.event_id}
                )
                return found.all()

        await eventually(arrived, within_s=30)
    await bus.stop()
    await db.close()
