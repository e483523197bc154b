"""Offsets are committed after the effect, not for each batch, soon when there is no more, and at a stop (ADR-0087)."""

import asyncio
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from shared.core.errors import Unavailable
from shared.core.problem_codes import Common
from shared.events import FindingRaised
from shared.kafka import offsets
from shared.kafka.consumer import FIRST_PAUSE_S, Consumer, Subscription
from shared.kafka.topics import topic_of
from shared.testing import eventually
from tests.integration.shared.outboxes import finding


@pytest.fixture
def commits(monkeypatch):
    """Return the commits of all consumers, as they are made."""
    made = []
    commit = AIOKafkaConsumer.commit

    async def counted(self, processed):
        made.append(dict(processed))
        await commit(self, processed)

    monkeypatch.setattr(AIOKafkaConsumer, "commit", counted)
    return made


class Finding:
    """A consumer of findings, in a group of its own that begins with the next one."""

    def __init__(self, broker, kafka):
        self.seen = []
        self.group = f"group-{uuid4()}"
        self.bootstrap = broker.bootstrap
        self.fault = None
        subscription = Subscription(self.group, {FindingRaised: self.handle})
        self.handle_now = self.remember
        self.consumer = Consumer(broker.bootstrap, subscription, kafka, idle_pause_s=0.005)

    async def handle(self, events):
        if self.fault is not None:
            raise self.fault
        await self.handle_now(events)

    async def remember(self, events):
        self.seen += [event.subject for event in events]

    async def committed(self):
        """Return how many records the group has committed."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            found = await admin.list_consumer_group_offsets(self.group)
        finally:
            await admin.close()
        return sum(max(0, at.offset) for at in found.values())


@pytest.fixture
async def group(broker, kafka, clock):
    """A consumer that has caught up."""
    found = Finding(broker, kafka)
    mark = str(uuid4())
    await kafka.publish([finding(clock, mark)])
    found.consumer.start()
    await eventually(lambda: mark in found.seen, within_s=20)
    yield found
    await found.consumer.stop()


async def test_many_small_batches_are_committed_together_and_soon(group, kafka, clock, commits):
    begun_s = asyncio.get_running_loop().time()
    for number in range(50):
        await kafka.publish([finding(clock, f"{number}")])
        await eventually(lambda number=number: f"{number}" in group.seen, every_s=0.001)
    took_s = asyncio.get_running_loop().time() - begun_s
    assert len(commits) <= took_s / offsets.COMMIT_EVERY_S + 2
    last = await kafka_end(group.bootstrap)

    async def is_committed():
        return await group.committed() == last

    await eventually(is_committed, within_s=3)


@pytest.mark.clause("468.5/transfer")
@pytest.mark.parametrize(
    "fault", [ZeroDivisionError(), Unavailable(Common.DATABASE_AWAY)], ids=["a fault", "Postgres"]
)
async def test_what_a_handler_failed_on_is_not_committed(group, kafka, clock, commits, fault):
    """It is handled later; only what a rule refuses is put aside as a dead letter."""
    await settled(commits)
    group.fault = fault
    before = await group.committed()
    await kafka.publish([finding(clock, "failed")])
    await eventually(lambda: group.consumer.restarts >= 2, within_s=10)
    assert await group.committed() == before
    group.fault = None
    await eventually(lambda: "failed" in group.seen, within_s=20)
    await eventually(lambda: group.consumer._pause_s == FIRST_PAUSE_S)


async def test_what_was_processed_is_committed_at_the_stop(
    group, kafka, clock, commits, monkeypatch
):
    await settled(commits)
    monkeypatch.setattr(offsets, "COMMIT_EVERY_S", 60)
    await kafka.publish([finding(clock, "last but one")])
    await eventually(lambda: "last but one" in group.seen)
    await kafka.publish([finding(clock, "last")])
    await eventually(lambda: "last" in group.seen)
    last = await kafka_end(group.bootstrap)
    assert await group.committed() < last
    await group.consumer.stop()
    assert await group.committed() == last


@pytest.mark.clause("468.5/transfer")
async def test_what_a_handler_has_not_finished_is_not_committed_at_the_stop(
    group, kafka, clock, commits, monkeypatch
):
    await settled(commits)
    before = await group.committed()
    begun = asyncio.Event()

    async def handle(events):
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(group, "handle_now", handle)
    await kafka.publish([finding(clock, "unfinished")])
    await asyncio.wait_for(begun.wait(), 10)
    await group.consumer.stop()
    assert await group.committed() == before


async def settled(commits):
    """Wait until no commit has come for a while."""
    count = -1
    while len(commits) != count:
        count = len(commits)
        await asyncio.sleep(3 * offsets.COMMIT_EVERY_S)


async def kafka_end(bootstrap):
    """Return how many records the topic of findings has had."""
    topic = topic_of(FindingRaised)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    try:
        partitions = [TopicPartition(topic.name, n) for n in range(topic.partitions_on(1))]
        return sum((await consumer.end_offsets(partitions)).values())
    finally:
        await consumer.stop()


@pytest.mark.parametrize("within_s", [1, 60])
async def test_events_that_take_longer_than_the_subscription_allows_go_to_another_process_too(
    group, broker, kafka, clock, within_s
):
    await group.consumer.stop()
    subscription = Subscription(group.group, {FindingRaised: group.handle}, poll_within_s=within_s)
    both = [Consumer(broker.bootstrap, subscription, kafka, idle_pause_s=0.005) for _ in range(2)]
    mark = str(uuid4())

    async def handle(events):
        await group.remember(events)
        if mark in {event.subject for event in events}:
            await asyncio.sleep(6)

    group.handle_now = handle
    for consumer in both:
        consumer.start()
    try:
        await asyncio.sleep(3)  # until both are in the group
        await kafka.publish([finding(clock, mark)])
        await eventually(lambda: mark in group.seen, within_s=20)
        await asyncio.sleep(8)
        assert (group.seen.count(mark) > 1) is (within_s < 6)
    finally:
        for consumer in both:
            await consumer.stop()
