"""Kafka goes away and comes back: nothing is acknowledged meanwhile, and all goes on after."""

from uuid import uuid4

import pytest

from deploy.local.broker import Broker
from shared.bus import KafkaBus
from shared.consumer import Consumer, Subscription
from shared.errors import Unavailable
from shared.events import FindingRaised
from shared.people import People, PeopleFollower
from shared.testing import eventually
from shared.topics_admin import ensure_topics


@pytest.fixture
def own_broker(tmp_path):
    with Broker(tmp_path / "broker") as broker:
        yield broker


async def test_a_producer_is_replaced_after_kafka_was_away(own_broker, clock):
    await ensure_topics(own_broker.bootstrap)
    bus = KafkaBus(own_broker.bootstrap, "test", timeout_s=1.5)
    event = FindingRaised(occurred_at=clock.now(), finding_id=uuid4(), kind="t", subject="s")
    seen = []

    async def handle(events):
        seen.extend(event.subject for event in events)

    consumer = Consumer(
        own_broker.bootstrap, Subscription("away", {FindingRaised: handle}), bus, idle_pause_s=0.005
    )
    people = PeopleFollower(own_broker.bootstrap, People("plateward"), idle_pause_s=0.005)
    consumer.start()
    people.start()
    await bus.publish([event])
    await eventually(lambda: len(seen) == 1)

    async def known():
        await people.ping()
        return True

    await known_soon(known)
    own_broker.stop()
    with pytest.raises(Unavailable):
        await bus.publish([event])
    with pytest.raises(Unavailable):
        await bus.publish([event] * 40)
    with pytest.raises(Unavailable):
        await bus.ping()
    own_broker.start()

    async def goes():
        try:
            await bus.publish([event])
        except Unavailable:
            return False
        return True

    await eventually(goes, within_s=20)
    await bus.ping()
    await eventually(lambda: len(seen) >= 2, within_s=30)
    await known_soon(known)
    await people.stop()
    await consumer.stop()
    await bus.stop()


async def known_soon(known):
    async def look():
        try:
            return await known()
        except Unavailable:
            return False

    await eventually(look, within_s=20)
