"""What a runtime does while stores are slow, while tasks fail, and when a client will not stop."""

import asyncio
from pathlib import Path

import httpx
import pytest

from shared.core import patience
from shared.core.errors import DependencyDown, Unavailable
from shared.core.periodic import PeriodicTask
from shared.core.policy import load_policy
from shared.http.app import create_app
from shared.kafka import client as kafka
from shared.service.runtime import Runtime, RuntimeService
from shared.service.settings import ApiSettings
from shared.testing import FakeBus, FakeObjects
from shared.testing.sample import SAMPLE

POLICY = load_policy(Path(__file__).parents[3] / "policy.toml")


def a_runtime(**settings: float) -> Runtime:
    common = ApiSettings(**settings)
    return Runtime("test", common, bus=FakeBus(), objects=FakeObjects(), policy=POLICY)


class Slow:
    """A store that answers the third call."""

    def __init__(self) -> None:
        self.calls = 0

    async def connect(self) -> str:
        self.calls += 1
        if self.calls < 3:
            raise DependencyDown("it does not answer")
        return "connected"


async def test_a_store_that_is_slow_at_the_start_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "FIRST_PAUSE_S", 0.01)
    store = Slow()
    assert await a_runtime().patiently("a store", store.connect) == "connected"
    assert store.calls == 3


async def test_patience_with_a_store_ends() -> None:
    store = Slow()
    with pytest.raises(Unavailable, match="does not answer"):
        await a_runtime(start_patience_s=0).patiently("a store", store.connect)
    assert store.calls == 1


async def test_a_failing_task_is_named_by_readyz_and_takes_no_request_away() -> None:
    runtime = a_runtime()

    async def well() -> None:
        return None

    async def fails() -> None:
        raise DependencyDown("the disk is full")

    monkey = {"postgres": well}
    runtime.db.ping = monkey["postgres"]  # type: ignore[method-assign]
    app = create_app(SAMPLE, RuntimeService(runtime), lifespan=None)
    task = PeriodicTask("purger", fails, 3600, at_once=True)
    runtime.run(task)
    try:
        await asyncio.sleep(0.01)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            answer = await client.get("/readyz")
            figures = (await client.get("/metrics")).text
    finally:
        await runtime.stop_tasks()
    assert answer.status_code == 200
    assert answer.json()["task purger"] == "the disk is full"
    assert 'alpr_task_failing{task="purger"} 1.0' in figures


async def test_a_kafka_client_that_does_not_stop_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "STOPS_WITHIN_S", 0.05)

    class Stuck:
        async def stop(self) -> None:
            await asyncio.sleep(3600)

    async with asyncio.timeout(2):
        await kafka.stop_client(Stuck())  # type: ignore[arg-type]
