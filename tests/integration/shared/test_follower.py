"""Followers of topics on a real broker: what each gets, from where, and when it has caught up."""

import asyncio

import pytest

from shared.core.errors import DependencyDown, Unavailable
from shared.core.problem_codes import Common
from shared.events import DocumentDestroyed, LimitLifted, LogCovered
from shared.kafka import follower
from shared.kafka.codec import Record, encode
from shared.kafka.follower import TopicFollower
from shared.testing import eventually
from tests.integration.shared.outboxes import finding


class Learner:
    """Learns how far the log covers events, as a service does."""

    def __init__(self, broker, event=LogCovered, **more):
        self.seen = []
        self.begun = 0
        self.fault = None
        self.follower = TopicFollower(
            broker.bootstrap,
            "test follower",
            [event],
            learn=self.learn,
            begun=self.begin,
            idle_pause_s=0.005,
            **more,
        )

    async def begin(self):
        self.begun += 1
        self.seen.append("begun")

    async def learn(self, events):
        if self.fault is not None:
            raise self.fault
        self.seen += [event.covered_until for event in events]


@pytest.fixture
async def started(broker, kafka, monkeypatch):
    """Start a learner and return it once it has caught up."""
    monkeypatch.setattr(follower, "AGAIN_AFTER_S", 0.1)
    running = []

    async def start(kind=Learner, **more):
        learner = kind(broker, **more)
        running.append(learner)
        learner.follower.start()
        await asyncio.wait_for(learner.follower.caught_up.wait(), 20)
        return learner

    yield start
    for learner in running:
        await learner.follower.stop()


@pytest.fixture
def covered(kafka, clock):
    """Publish that the log covers events up to a new time; returns that time."""

    async def publish():
        clock.advance(seconds=1)
        await kafka.publish([LogCovered(occurred_at=clock.now(), covered_until=clock.now())])
        return clock.now()

    return publish


@pytest.mark.parametrize(
    ("where", "known"),
    [
        ({"from_start": True}, 2),
        ({"from_start": True, "newest": [LogCovered]}, 1),
        ({"from_start": True, "from_now": [LogCovered]}, 0),
        ({"from_start": False}, 0),
    ],
    ids=["all", "the newest", "from now", "new ones"],
)
async def test_a_follower_gets_earlier_events_as_it_wants_them_and_then_all(
    started, covered, where, known
):
    earlier = [await covered(), await covered()]
    learner = await started(**where)
    later = [await covered(), await covered()]
    await eventually(lambda: learner.seen[-2:] == later)
    assert learner.seen[0] == "begun", "earlier state is loaded before the first event"
    wanted = [*earlier[2 - known :], *later]
    assert learner.seen[-len(wanted) :] == wanted
    if known < 2:  # from the start, the topic has events of other tests as well
        assert learner.seen == ["begun", *wanted]


async def test_a_follower_has_caught_up_once_it_has_every_earlier_event_of_every_partition(
    started, kafka, clock
):
    """The other partitions have none, and it knows so at once."""

    class Finding(Learner):
        async def learn(self, events):
            self.seen += [event.subject for event in events]

    earlier = encode(finding(clock, "earlier"), "test")
    await kafka.publish_records([earlier._replace(topic=DocumentDestroyed.TOPIC)])
    learner = await started(kind=Finding, event=DocumentDestroyed, from_start=True)
    assert learner.seen == ["begun", "earlier"]


async def test_a_follower_of_the_newest_event_catches_up_although_there_is_none(started):
    learner = await started(event=LimitLifted, from_start=True, newest=[LimitLifted])
    assert learner.seen == ["begun"]
    assert learner.begun == 1


async def test_a_record_that_does_not_decode_stops_no_follower(started, covered, kafka):
    learner = await started(from_start=False)
    await kafka.publish_records([Record(LogCovered.TOPIC, b"log", b"not json", [])])
    later = await covered()
    await eventually(lambda: learner.seen == ["begun", later])
    assert learner.begun == 1


async def test_a_follower_that_failed_has_not_caught_up_until_it_has_loaded_all_again(
    started, covered
):
    learner = await started(from_start=False)
    await learner.follower.ping()
    learner.fault = Unavailable(Common.DATABASE_AWAY)
    await covered()
    await eventually(lambda: learner.follower.failing)
    with pytest.raises(DependencyDown):
        await learner.follower.ping()
    learner.fault = None
    await asyncio.wait_for(learner.follower.caught_up.wait(), 20)
    await learner.follower.ping()
    assert learner.begun == 2
    last = await covered()
    await eventually(lambda: learner.seen[-1] == last)


async def test_a_follower_has_not_caught_up_while_earlier_state_is_not_loaded(broker, kafka):
    learner = Learner(broker, from_start=False)
    gate = asyncio.Event()
    learner.follower._begun = gate.wait
    learner.follower.start()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(learner.follower.caught_up.wait(), 1)
    gate.set()
    await asyncio.wait_for(learner.follower.caught_up.wait(), 20)
    await learner.follower.stop()
