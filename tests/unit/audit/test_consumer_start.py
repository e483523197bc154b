"""The consumer of the log starts once, after the log has recorded which events need no MAC."""

from types import SimpleNamespace

import pytest

from services.audit.workers import consumer_start
from services.audit.workers.consumer_start import ConsumerStart
from shared.core.errors import DependencyDown


@pytest.mark.parametrize("live", [True, False])
async def test_a_failed_start_is_retried_and_a_finished_one_is_not_repeated(live, monkeypatch):
    order, faults = [], [DependencyDown("Kafka has no topics yet")]

    async def accept(runtime, writer):
        if faults:
            raise faults.pop()
        order.append("recorded")

    monkeypatch.setattr(consumer_start, "accept_in_flight", accept)
    runtime = SimpleNamespace(live=live, consume=order.append)
    start = ConsumerStart(runtime, None, ["subscription"])
    with pytest.raises(DependencyDown):
        await start.start()
    assert order == []
    for _ in range(2):
        await start.start()
    assert order == (["recorded", "subscription"] if live else ["recorded"])
