"""Kafka goes away and comes back: meanwhile no request is acknowledged, and all goes on after."""

import asyncio
import gc
import os
import signal
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from local.stack.broker import Broker
from shared.accounts.known_accounts import FOLLOWED
from shared.core.errors import TooLarge, Unavailable
from shared.events import FindingRaised
from shared.kafka.bus import KafkaBus
from shared.kafka.consumer import Consumer, Subscription
from shared.kafka.follower import TopicFollower
from shared.kafka.topics_admin import ensure_topics
from shared.testing import eventually, mac_key, some_people


@pytest.fixture
def own_broker(tmp_path):
    with Broker(tmp_path / "broker") as broker:
        yield broker


async def test_a_producer_is_replaced_after_kafka_was_away(own_broker, clock):
    await ensure_topics(own_broker.bootstrap)
    bus = KafkaBus(own_broker.bootstrap, "test", timeout_s=1.5, mac_key=mac_key("test"))
    event = FindingRaised(occurred_at=clock.now(), finding_id=uuid4(), kind="t", subject="s")
    seen = []

    async def handle(events):
        seen.extend(event.subject for event in events)

    consumer = Consumer(
        own_broker.bootstrap, Subscription("away", {FindingRaised: handle}), bus, idle_pause_s=0.005
    )
    people = TopicFollower(
        own_broker.bootstrap,
        "people",
        FOLLOWED,
        from_start=True,
        learn=some_people(clock).learn_all,
        idle_pause_s=0.005,
    )
    consumer.start()
    people.start()
    await eventually(lambda: goes(bus, event), within_s=20)
    await eventually(lambda: seen)

    async def known():
        await people.ping()
        return True

    await known_soon(known)
    before = len(seen)
    own_broker.stop()
    with pytest.raises(Unavailable):
        await bus.publish([event])
    with pytest.raises(Unavailable):
        await bus.publish([event] * 40)
    with pytest.raises(Unavailable):
        await bus.ping()
    own_broker.start()

    await eventually(lambda: goes(bus, event), within_s=20)
    await bus.ping()
    await eventually(lambda: len(seen) > before, within_s=30)
    await known_soon(known)
    await people.stop()
    await consumer.stop()
    await bus.stop()


async def test_while_kafka_is_silent_one_caller_waits_and_others_are_refused_at_once(
    own_broker, clock
):
    await ensure_topics(own_broker.bootstrap)
    bus = KafkaBus(own_broker.bootstrap, "test", timeout_s=1.5, mac_key=mac_key("test"))
    event = FindingRaised(occurred_at=clock.now(), finding_id=uuid4(), kind="t", subject="s")
    await eventually(lambda: goes(bus, event), within_s=20)
    process = os.getpgid(own_broker.child.pid)
    os.killpg(process, signal.SIGSTOP)
    try:
        await eventually(lambda: stands_still(own_broker.child.pid))
        first = [asyncio.create_task(bus.publish([event])) for _ in range(5)]
        async with asyncio.timeout(3):
            ends = await asyncio.gather(*first, return_exceptions=True)
        assert [type(end) for end in ends] == [Unavailable] * 5
        async with asyncio.timeout(1):  # a thousand in turn, each of them in a millisecond
            for _ in range(1000):
                with pytest.raises(Unavailable):
                    await bus.publish([event])
    finally:
        os.killpg(process, signal.SIGCONT)

    await eventually(lambda: goes(bus, event), within_s=20)
    await bus.stop()


async def test_an_event_too_large_for_kafka_is_refused_and_later_events_are_published(
    own_broker, clock
):
    await ensure_topics(own_broker.bootstrap)
    bus = KafkaBus(own_broker.bootstrap, "test", mac_key=mac_key("test"))
    event = FindingRaised(occurred_at=clock.now(), finding_id=uuid4(), kind="t", subject="s")
    with pytest.raises(TooLarge):
        await bus.publish([msgspec.structs.replace(event, subject="s" * 2**21)])
    await bus.publish([event])
    await bus.stop()


async def goes(bus, event):
    """Return whether an event is acknowledged; a first connection may need longer than `timeout_s`."""
    try:
        await bus.publish([event])
    except Unavailable:
        return False
    return True


async def known_soon(known):
    async def is_known():
        try:
            return await known()
        except Unavailable:
            return False

    await eventually(is_known, within_s=20)


def stands_still(pid):
    """Return whether every thread of a process is stopped: the signal needs some time to reach them all."""
    states = [
        path.read_text().rpartition(")")[2].split()[0]
        for path in Path(f"/proc/{pid}/task").glob("*/stat")
    ]
    return set(states) == {"T"}


def finding(clock, subject):
    return FindingRaised(occurred_at=clock.now(), finding_id=uuid4(), kind="t", subject=subject)


async def test_a_partition_lost_during_a_batch_passes_to_its_new_owner_without_a_restart(
    own_broker, clock
):
    await ensure_topics(own_broker.bootstrap)
    bus = KafkaBus(own_broker.bootstrap, "test", mac_key=mac_key("test"))
    entered, release = asyncio.Event(), asyncio.Event()
    seen: dict[str, set[str]] = {"first": set(), "second": set()}

    def consumer(name, wait):
        async def handle(events):
            entered.set()
            await wait()
            seen[name] |= {event.subject for event in events}

        return Consumer(
            own_broker.bootstrap,
            Subscription("shared", {FindingRaised: handle}),
            bus,
            idle_pause_s=0.005,
        )

    async def at_once():
        return None

    first, second = consumer("first", release.wait), consumer("second", at_once)
    names = {f"{n}" for n in range(40)}
    await bus.publish([finding(clock, name) for name in sorted(names)])
    first.start()
    await entered.wait()
    second.start()  # gets half of the partitions while the first works on the records of all of them
    await eventually(lambda: names & seen["second"], within_s=20)
    release.set()
    await eventually(lambda: names <= seen["first"], within_s=20)
    more = {f"more {n}" for n in range(40)}
    await bus.publish([finding(clock, name) for name in sorted(more)])
    await eventually(lambda: more <= seen["first"] | seen["second"], within_s=20)
    assert first.failing is None
    assert first.restarts == 0, "it would only make the group rebalance again"
    await first.stop()
    await second.stop()
    await bus.stop()


async def test_a_connection_to_a_broker_that_answers_only_its_first_request_is_closed(own_broker):
    host, port = own_broker.bootstrap.split(":")

    async def answer_once(reader, writer):
        from_broker, to_broker = await asyncio.open_connection(host, int(port))
        to_broker.write(await reader.read(2**16))
        writer.write(await from_broker.read(2**16))
        await reader.read()  # what more is asked gets no answer, until the client closes
        to_broker.close()
        writer.close()

    async with await asyncio.start_server(answer_once, "127.0.0.1", 0) as server:
        bus = KafkaBus(f"127.0.0.1:{server.sockets[0].getsockname()[1]}", "test", timeout_s=0.5)
        with pytest.raises(Unavailable):
            await bus.start()
        await bus.stop()
    del bus
    gc.collect()  # a connection that nothing closed warns here, and a warning fails the test
