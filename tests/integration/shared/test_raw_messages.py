"""A consumer of undecoded messages, as audit's: what it puts aside, and what it tries again."""

from uuid import uuid4

import pytest

from shared.core.errors import InternalFault, Unavailable
from shared.core.problem_codes import Common
from shared.events import FindingRaised
from shared.kafka.codec import encode
from shared.kafka.consumer import Consumer, RawSubscription, SomeRefused
from shared.kafka.dead_letters import listed
from shared.testing import eventually
from tests.integration.shared.outboxes import finding


class Appender:
    """Appends messages, refuses those of its choice, and may be without its store."""

    def __init__(self, broker, kafka):
        self.appended, self.refused = [], set()
        self.away = False
        self.group = f"raw-{uuid4()}"
        subscription = RawSubscription(self.group, [FindingRaised], self.append)
        self.bootstrap = broker.bootstrap
        self.consumer = Consumer(broker.bootstrap, subscription, kafka, idle_pause_s=0.005)

    async def append(self, messages):
        if self.away:
            raise Unavailable(Common.DATABASE_AWAY)
        bad = [one for one in messages if one.value in self.refused]
        self.appended += [one.value for one in messages if one.value not in self.refused]
        if bad:
            raise SomeRefused([(one, InternalFault("a rule refuses it")) for one in bad])

    async def put_aside(self):
        """Return the ids of the events that its group put aside."""
        return [one.event_id for one in await listed(self.bootstrap) if one.group == self.group]


@pytest.fixture
async def appender(broker, kafka, clock):
    """A consumer that has caught up."""
    found = Appender(broker, kafka)
    mark = encode(finding(clock, "first"), "test")
    await kafka.publish_records([mark])
    found.consumer.start()
    await eventually(lambda: mark.value in found.appended, within_s=20)
    yield found
    await found.consumer.stop()


@pytest.mark.clause("468.6/unalterable")
async def test_no_message_is_put_aside_because_its_store_is_away(appender, kafka, clock):
    appender.away = True
    [one] = sent = [encode(finding(clock, "while it is away"), "test")]
    await kafka.publish_records(sent)
    await eventually(lambda: appender.consumer.restarts >= 2, within_s=20)
    appender.away = False
    await eventually(lambda: one.value in appender.appended, within_s=20)
    assert await appender.put_aside() == []


@pytest.mark.clause("468.6/unalterable")
async def test_every_message_that_a_handler_refused_is_put_aside_and_no_other(
    appender, kafka, clock
):
    events = [finding(clock, f"{number}") for number in range(6)]
    sent = [encode(event, "test")._replace(key=b"one partition") for event in events]
    appender.refused = {sent[1].value, sent[4].value}
    await kafka.publish_records(sent)
    await eventually(lambda: sent[5].value in appender.appended, within_s=20)
    refused = [str(events[1].event_id), str(events[4].event_id)]
    await eventually(lambda: has_put_aside(appender, refused), within_s=20)
    others = [one.value for one in sent if one.value not in appender.refused]
    assert [value for value in appender.appended if value in others] == others


async def has_put_aside(appender, wanted):
    return await appender.put_aside() == wanted
