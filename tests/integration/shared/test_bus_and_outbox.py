"""Outbox, relay, bus, consumer, dead letters and the inbox, on real Postgres and a real broker."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from shared.core.errors import InternalFault, TooLarge
from shared.events import FindingRaised
from shared.kafka import dead_letters
from shared.kafka.codec import Message, Record, encode
from shared.kafka.consumer import Consumer, Subscription
from shared.kafka.topics import TOPICS
from shared.postgres import disclosed_records
from shared.postgres.database import SHARED_MIGRATIONS, Database, first_sight
from shared.postgres.outbox import _ANY, _DROP, COPIED_FROM, INBOX_RETENTION, Relay, emit
from shared.testing import FakeBus, eventually, mac_key
from tests.integration.shared.outboxes import everything, finding


@pytest.fixture
async def db(database_url):
    database = Database(database_url, "sample", mac_key=mac_key("sample"))
    await database.migrate(SHARED_MIGRATIONS / "none")
    yield database
    await database.close()


async def test_events_of_a_rolled_back_transaction_are_not_published(db, clock):
    bus = FakeBus()
    relay = Relay(db, bus)

    async def fail():
        async with db.begin() as connection:
            await emit(connection, "sample", finding(clock, "a"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with db.begin() as connection:
        await emit(connection, "sample", finding(clock, "b"), finding(clock, "c"))
    assert await relay.drain() == 2
    assert [event.subject for event in bus.events(FindingRaised)] == ["b", "c"]
    assert await relay.drain() == 0


@pytest.mark.parametrize("count", [COPIED_FROM - 1, COPIED_FROM])
async def test_many_events_of_one_transaction_are_published_whole_and_in_order(db, clock, count):
    bus = FakeBus()
    events = [finding(clock, f"{number}") for number in range(count)]
    async with db.begin() as connection:
        await emit(connection, "sample", *events)
    assert await Relay(db, bus).drain() == count
    assert bus.events(FindingRaised) == events
    assert all(record.headers for record in bus.records)


async def test_the_outbox_waits_while_kafka_is_down_and_publishes_in_order_afterwards(db, clock):
    bus = FakeBus()
    bus.down = True
    relay = Relay(db, bus, poll_s=0.05)
    relay.start()
    for subject in "abc":
        async with db.begin() as connection:
            await emit(connection, "sample", finding(clock, subject))
    await eventually(lambda: relay.backlog == 3)
    bus.down = False
    await eventually(lambda: len(bus.records) == 3)
    assert [event.subject for event in bus.events(FindingRaised)] == ["a", "b", "c"]
    await relay.stop()


@pytest.mark.parametrize("failure", [RuntimeError, asyncio.CancelledError])
async def test_an_unexpected_failure_does_not_end_a_relay_and_its_stop_publishes_what_is_left(
    db, clock, failure
):
    class Failing(FakeBus):
        fails = 1

        async def publish_records(self, records):
            if records and self.fails:
                self.fails -= 1
                raise failure
            await super().publish_records(records)

    bus = Failing()
    relay = Relay(db, bus, poll_s=0.05)
    relay.start()
    async with db.begin() as connection:
        await emit(connection, "sample", finding(clock, "a"))
    await eventually(lambda: len(bus.records) == 1)
    await relay.stop()
    bus.down = True
    last = Relay(db, bus, poll_s=3600)
    last.start()
    async with db.begin() as connection:
        await emit(connection, "sample", finding(clock, "b"))
    await eventually(lambda: last.backlog == 1)
    bus.down = False
    await last.stop()
    # A relay that is stopped before its commit leaves the event to the next one.
    assert list(dict.fromkeys(event.subject for event in bus.events(FindingRaised))) == ["a", "b"]


class Holding(FakeBus):
    """Publishes nothing until it is let go."""

    def __init__(self):
        super().__init__()
        self.begun, self.go = asyncio.Event(), asyncio.Event()

    async def publish_records(self, records):
        self.begun.set()
        await self.go.wait()
        await super().publish_records(records)


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_an_event_whose_transaction_commits_after_later_ones_were_published_is_not_lost(
    db, clock
):
    bus = Holding()
    relay = Relay(db, bus)
    async with db.begin() as slow:
        await emit(slow, "sample", finding(clock, "began first"))
        async with db.begin() as connection:
            await emit(connection, "sample", finding(clock, "committed first"))
        draining = asyncio.create_task(relay.drain())
        await bus.begun.wait()
    bus.go.set()
    await draining
    await relay.drain()
    subjects = [event.subject for event in bus.events(FindingRaised)]
    assert subjects == ["committed first", "began first"]


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_a_relay_that_waits_for_kafka_holds_up_no_other_services(db, clock, database_url):
    other = Database(database_url, "another", mac_key=mac_key("another"))
    await other.migrate(SHARED_MIGRATIONS / "none")
    bus = Holding()
    async with db.begin() as connection:
        await emit(connection, "sample", finding(clock, "held"))
    async with other.begin() as connection:
        await emit(connection, "another", finding(clock, "free"))
    draining = asyncio.create_task(Relay(db, bus).drain())
    await bus.begun.wait()
    assert await Relay(other, FakeBus()).drain() == 1
    bus.go.set()
    assert await draining == 1
    await other.close()


async def test_a_relay_counts_what_waits_while_another_holds_the_outbox_and_when_it_fails_by_itself(
    db, clock
):
    class Broken(FakeBus):
        async def publish_records(self, records):
            raise RuntimeError("nobody expects this")

    async with db.begin() as connection:
        await emit(connection, "sample", finding(clock, "a"), finding(clock, "b"))
    second = Relay(db, Broken(), poll_s=0.05)
    second.start()
    await eventually(lambda: second.backlog == 2)
    bus = Holding()
    draining = asyncio.create_task(Relay(db, bus).drain())
    await bus.begun.wait()
    async with db.begin() as connection:
        await emit(connection, "sample", finding(clock, "c"))
    await eventually(lambda: second.backlog == 3)
    bus.go.set()
    assert await draining == 3
    await eventually(lambda: second.backlog == 0)
    await second.stop()


async def test_a_relay_counts_what_waits_while_kafka_is_slow_and_never_fails(db, clock):
    class Slow(FakeBus):
        async def publish_records(self, records):
            await asyncio.sleep(0.05)
            await super().publish_records(records)

    async with db.begin() as connection:
        await emit(connection, "sample", *[finding(clock, str(number)) for number in range(40)])
    relay = Relay(db, Slow(), batch=1, poll_s=0.1)
    draining = asyncio.create_task(relay.drain())
    await eventually(lambda: relay.backlog > 20)
    assert await draining == 40
    assert relay.backlog == 0


async def test_each_group_sees_an_event_once_for_as_long_as_kafka_may_repeat_it(db):
    repeated, long_ago = uuid4(), uuid4()

    async def seen(group, event_id):
        async with db.begin() as connection:
            return await first_sight(connection, group, event_id)

    assert [await seen(group, repeated) for group in ("one", "two", "one")] == [True, True, False]
    for event_id, age in ((repeated, INBOX_RETENTION / 2), (long_ago, INBOX_RETENTION * 2)):
        await seen("one", event_id)
        async with db.begin() as connection:
            changed = text("UPDATE inbox SET seen_at = now() - CAST(:age AS interval)"
                           " WHERE event_id = :event_id")  # fmt: skip
            await connection.execute(changed, {"age": age, "event_id": event_id})
    await Relay(db, FakeBus())._prune()
    assert not await seen("one", repeated)
    assert await seen("one", long_ago), "no topic has it any more"


async def test_a_relay_removes_old_inbox_rows_at_its_start_and_each_hour(db, monkeypatch):
    monkeypatch.setattr("shared.postgres.outbox.PRUNE_EVERY_S", 0.2)

    async def see_long_ago():
        async with db.begin() as connection:
            await first_sight(connection, "one", uuid4())
            await connection.execute(text("UPDATE inbox SET seen_at = now() - interval '60 days'"))

    async def is_empty():
        async with db.begin() as connection:
            return not (await connection.execute(text("SELECT count(*) FROM inbox"))).scalar_one()

    await see_long_ago()
    relay = Relay(db, FakeBus(), poll_s=0.1)
    relay.start()
    try:
        await eventually(is_empty)
        await see_long_ago()
        await eventually(is_empty)
    finally:
        await relay.stop()


async def test_a_relay_removes_counts_of_shown_records_once_their_day_is_over(db):
    """A count says how much a person looked at in a day."""
    today = datetime.now(UTC).date()
    days = [today - timedelta(days=ago) for ago in (0, 1, 2, 3, 30)]
    async with db.begin() as connection:
        for day in days:
            await disclosed_records.count(connection, "p-1", day, 5, None)

    async def left():
        async with db.begin() as connection:
            found = await connection.execute(text("SELECT day FROM disclosed_counts ORDER BY day"))
            return list(found.scalars())

    await Relay(db, FakeBus())._prune()
    assert await left() == sorted(days[:3])


async def test_events_that_another_replica_commits_meanwhile_are_published_at_once(
    db, database_url, clock
):
    other = Database(database_url, "sample", mac_key=mac_key("sample"))

    class SlowBus(FakeBus):
        async def publish_records(self, records):
            if not self.records:
                async with other.begin() as connection:
                    await emit(connection, "sample", finding(clock, "b"))
                assert await Relay(other, FakeBus()).drain() == 0  # this one relays
            await super().publish_records(records)

    bus = SlowBus()
    relay = Relay(db, bus)
    async with db.begin() as connection:
        await emit(connection, "sample", finding(clock, "a"))
    assert await relay.drain() == 2
    assert [event.subject for event in bus.events(FindingRaised)] == ["a", "b"]
    assert await relay.drain() == 0
    await other.close()


async def test_events_of_a_replica_that_ended_are_published_by_an_idle_relay(
    db, database_url, clock
):
    other = Database(database_url, "sample", mac_key=mac_key("sample"))
    bus = FakeBus()
    relay = Relay(db, bus, poll_s=0.05)
    relay.start()
    await asyncio.sleep(0.2)  # past the first look, which is made at once
    async with other.begin() as connection:
        await emit(connection, "sample", finding(clock, "a"))
    await eventually(lambda: [event.subject for event in bus.events(FindingRaised)] == ["a"])
    await relay.stop()
    await other.close()


async def test_a_relay_reads_no_deleted_rows_to_learn_whether_more_events_wait(db, clock):
    async with db.begin() as connection:
        await emit(connection, "sample", *(finding(clock, f"{number}") for number in range(5000)))
    relay = Relay(db, FakeBus(), batch=2000)
    assert [await relay.drain(), await relay.drain()] == [5000, 0]
    async with db.begin() as connection:
        for statement, values in ((_ANY, {}), (_DROP, {"seqs": [5000], "last": 5000})):
            explained = text(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement.text}")
            [found] = (await connection.execute(explained, values)).scalar_one()
            assert found["Plan"]["Shared Hit Blocks"] < 30, statement.text


async def test_a_transaction_with_too_large_an_event_is_rolled_back_and_delays_no_other(db, clock):
    bus = FakeBus()
    relay = Relay(db, bus)

    async def too_much():
        async with db.begin() as connection:
            await first_sight(connection, "an effect", uuid4())
            await emit(
                connection, "sample", finding(clock, "small"), finding(clock, "x" * 1_000_000)
            )

    with pytest.raises(TooLarge, match="request less"):
        await too_much()
    async with db.begin() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM inbox"))).scalar_one() == 0
        await emit(connection, "sample", finding(clock, "small"))
    assert await relay.drain() == 1


async def test_a_batch_is_consumed_once_and_its_bad_event_is_dead_lettered(
    db, kafka, broker, clock
):
    seen: list[str] = []
    group = f"group-{uuid4()}"

    def dead():
        labels = {"group": group, "topic": FindingRaised.TOPIC}
        return REGISTRY.get_sample_value("alpr_dead_letters_total", labels)

    async def handle(events):
        for event in events:
            if event.subject == "refuse":
                raise InternalFault("refused by a rule")
        async with db.begin() as connection:
            new = [e for e in events if await first_sight(connection, group, e.event_id)]
            seen.extend(event.subject for event in new)

    consumer = Consumer(
        broker.bootstrap, Subscription(group, {FindingRaised: handle}), kafka, idle_pause_s=0.005
    )
    consumer.start()
    events = [finding(clock, f"{n}") for n in range(500)]
    await kafka.publish(events)
    await kafka.publish(events)  # delivered twice, worked once
    await kafka.publish([finding(clock, "refuse")])
    await kafka.publish_records([Record(FindingRaised.TOPIC, b"k", b"not json", [])])
    broken = encode(finding(clock, "of another form"), "test")
    await kafka.publish_records([broken._replace(value=b'{"kind": "7ABC123"}')])
    await kafka.publish([finding(clock, "last")])
    await eventually(lambda: len(seen) >= 501, within_s=20)
    reasons = await read_dead(broker.bootstrap, group)
    await consumer.stop()
    ours = [s for s in seen if s.isdigit()]
    assert sorted(ours, key=int) == [str(n) for n in range(500)]
    assert len(reasons) == dead() == 3
    assert any("does not decode: Object missing required field" in r for r in reasons)
    assert "7ABC123" not in str(reasons), "an operator's list shows them"
    assert any("InternalFault: refused by a rule" in r for r in reasons)
    assert any("InternalFault: event type '' is not known" in r for r in reasons)


async def read_dead(bootstrap, group):
    from aiokafka import AIOKafkaConsumer

    topic = TOPICS[FindingRaised.TOPIC].dead
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    found = []

    async def all_found():
        for records in (await consumer.getmany(timeout_ms=200)).values():
            for record in records:
                headers = dict(record.headers)
                if headers["dead_group"].decode() == group:
                    found.append(headers["dead_reason"].decode())
        return len(found) >= 3

    await eventually(all_found)
    await consumer.stop()
    return found


async def test_an_unexpected_failure_keeps_the_offset_and_is_retried(kafka, broker, clock):
    attempts: list[str] = []

    async def handle(events):
        for event in events:
            attempts.append(event.subject)
            if event.subject == "flaky" and attempts.count("flaky") == 1:
                raise RuntimeError("the database went away")

    group = f"group-{uuid4()}"
    consumer = Consumer(
        broker.bootstrap, Subscription(group, {FindingRaised: handle}), kafka, idle_pause_s=0.005
    )

    def failing():
        return REGISTRY.get_sample_value("alpr_consumer_failing", {"group": group})

    await kafka.publish([finding(clock, "flaky")])
    consumer.start()
    assert failing() == 0
    await eventually(lambda: failing() == 1, within_s=20)
    await eventually(lambda: attempts.count("flaky") == 2, within_s=20)
    await eventually(lambda: failing() == 0)
    await consumer.stop()


async def test_shared_tables_are_created_in_the_services_schema(db):
    async with db.begin() as connection:
        rows = await connection.execute(
            text("SELECT table_name FROM information_schema.tables WHERE table_schema = 'sample'")
        )
        assert {"outbox", "inbox"} <= set(rows.scalars())


@pytest.mark.clause("wall/kafka")
async def test_an_operator_lists_dead_letters_with_reasons_and_replays_them_once(
    kafka, broker, clock, capsys
):
    topic = TOPICS[FindingRaised.TOPIC]
    refused = finding(clock, "to be replayed")
    group = f"group-{uuid4()}"

    async def refuse(events):
        raise InternalFault("not now")

    consumer = Consumer(
        broker.bootstrap, Subscription(group, {FindingRaised: refuse}), kafka, idle_pause_s=0.005
    )
    mac = [("plateward_mac", b"m" * 32), ("plateward_mac_key", b"k1")]
    sent = encode(refused, "test")
    sent = sent._replace(headers=[*sent.headers, *mac])
    await kafka.publish_records([sent])
    [original] = [
        r for r in await everything(broker.bootstrap, topic.name) if r.value == sent.value
    ]
    message = Message(
        topic.name, original.partition, original.offset, *sent[1:3], dict(sent.headers)
    )
    await consumer.dead_letter(message, InternalFault("not now"))
    forged = finding(clock, "forged")
    await consumer.dead_letter(
        message._replace(value=encode(forged, "test").value), InternalFault("as if refused")
    )
    listed = await dead_letters.listed(broker.bootstrap)
    assert ("InternalFault: not now", str(refused.event_id)) in [
        (letter.reason, letter.event_id) for letter in listed
    ]
    assert "to be replayed" not in str(listed), "bodies are not shown"
    assert await dead_letters.replay(broker.bootstrap, topic) >= 1
    assert "differs from the record that was refused: skipped" in capsys.readouterr().out
    assert await dead_letters.replay(broker.bootstrap, topic) == 0
    back = await everything(broker.bootstrap, topic.name)
    assert [r.value for r in back].count(sent.value) == 2
    assert encode(forged, "test").value not in [r.value for r in back]
    again = [r for r in back if r.value == sent.value][-1]
    assert [(name, bytes(value)) for name, value in again.headers] == sent.headers
