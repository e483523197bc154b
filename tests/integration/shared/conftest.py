"""Fixtures of the tests of what services share."""

import pytest

from shared.kafka.bus import KafkaBus
from shared.kafka.topics_admin import ensure_topics
from shared.testing import mac_key


@pytest.fixture
async def kafka(broker):
    """A bus to the broker, which has its topics."""
    await ensure_topics(broker.bootstrap)
    bus = KafkaBus(broker.bootstrap, "test", mac_key=mac_key("test"))
    await bus.start()
    yield bus
    await bus.stop()
