"""A consumer outlives each failure of its client, and is back soon however long the failure lasted."""

import asyncio

import pytest
from aiokafka.errors import KafkaConnectionError

from shared.core.errors import Unavailable
from shared.core.problem_codes import Common
from shared.events import FindingRaised
from shared.kafka import consumer
from shared.kafka.client import Kafka
from shared.kafka.consumer import Consumer, Subscription
from shared.testing import FakeBus, eventually

FAULTS = [KafkaConnectionError(), Unavailable(Common.DATABASE_AWAY), asyncio.CancelledError()]


async def handle(events):
    raise AssertionError


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
async def test_a_consumer_tries_again_after_each_failure_and_never_pauses_longer_than_the_limit(
    monkeypatch, fault
):
    monkeypatch.setattr(consumer, "MAX_PAUSE_S", 2 * consumer.FIRST_PAUSE_S / 100)
    monkeypatch.setattr(consumer, "FIRST_PAUSE_S", consumer.FIRST_PAUSE_S / 100)

    def fails(*topics, **options):
        raise fault

    monkeypatch.setattr(Kafka, "consumer", fails)
    failing = Consumer("127.0.0.1:1", Subscription("failing", {FindingRaised: handle}), FakeBus())
    failing._pause_s = consumer.FIRST_PAUSE_S
    failing.start()
    try:
        await eventually(lambda: failing.restarts >= 20, within_s=10)
        assert failing.failing is not None
    finally:
        await failing.stop()
