"""The runtime while stores are slow, while tasks fail, and when a client will not stop."""

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import httpx
import pytest
from prometheus_client import REGISTRY

from services.registry import SPECS, names
from shared.accounts.known_accounts import People
from shared.core import patience
from shared.core.errors import DependencyDown, Unavailable
from shared.core.periodic import PeriodicTask
from shared.core.policy import load_policy
from shared.core.problem_codes import Common
from shared.events import Event, PolicyLoaded
from shared.http.app import create_app
from shared.kafka import client as kafka
from shared.kafka.consumer import AnySubscription, Subscription
from shared.kafka.event_mac import NoMacKey
from shared.service import resources
from shared.service.api_runtime import ApiRuntime, ApiService, OutboxResource
from shared.service.resources import Ping, is_ok, start_all, states_of, stop_all
from shared.service.runtime import Runtime, RuntimeService, Task
from shared.service.settings import ApiSettings, WorkerSettings
from shared.service.spec import Kind
from shared.testing import FakeBus, FakeClock, FakeObjects
from shared.testing.sample import SAMPLE

POLICY = load_policy(Path(__file__).parents[3] / "policy.toml")


def a_runtime(**settings: float) -> ApiRuntime:
    common = ApiSettings(**settings)
    return ApiRuntime(SAMPLE, common, bus=FakeBus(), objects=FakeObjects(), policy=POLICY)


class Store:
    """A store that answers at a set call of its start, and records its calls."""

    def __init__(
        self, name: str, log: list[str], *, answers_at: int = 1, patience_s: float = 0
    ) -> None:
        self.name = name
        self.patience_s = patience_s
        self.calls = 0
        self._log = log
        self._answers_at = answers_at

    async def start(self) -> None:
        self.calls += 1
        if self.calls < self._answers_at:
            raise DependencyDown("it does not answer")
        self._log.append(f"{self.name} starts")

    async def stop(self) -> None:
        self._log.append(f"{self.name} stops")

    async def ping(self) -> None:
        if self.calls < self._answers_at:
            raise DependencyDown("it does not answer")

    def pings(self) -> dict[str, Ping]:
        return {self.name: self.ping}


@pytest.mark.parametrize("service", names(Kind.API))
def test_readiness_waits_for_a_tick_of_identity_in_services_with_alpr_data(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = ApiRuntime(SPECS[service], ApiSettings(), objects=FakeObjects(), policy=POLICY)
    [people] = [resource for resource in runtime.resources if resource.name == "keys and accounts"]
    assert ("identity" in people.pings()) is (service not in {"identity", "ingest"})
    assert "people" in people.pings()
    monkeypatch.setattr(People, "was_current", True)
    assert list(people.pings()) == ["people"], "a later silence refuses access, and is not unready"


async def test_refusals_that_cannot_be_recorded_are_a_failing_task() -> None:
    runtime = a_runtime()
    assert runtime.failing_tasks() == {}
    runtime.refusals.recording._set("the database does not answer")
    assert runtime.failing_tasks() == {"task refusals of sample": "the database does not answer"}


@pytest.mark.parametrize(("service", "ready"), [("ingest", True), ("audit", False)])
async def test_ingest_alone_is_ready_while_the_log_is_too_far_behind(
    service: str, ready: bool
) -> None:
    clock = FakeClock(datetime(2026, 11, 27, 12, tzinfo=UTC))
    runtime = ApiRuntime(
        SPECS[service], ApiSettings(), objects=FakeObjects(), policy=POLICY, clock=clock
    )
    clock.advance(seconds=POLICY.limits.audit_behind_refuses_s + 1)
    assert is_ok(runtime.agreement.states()["audit_log"]) is ready


async def test_resources_start_in_order_and_stop_in_reverse() -> None:
    log: list[str] = []
    stores = [Store(name, log) for name in ("first", "second", "third")]
    await start_all("test", stores)
    assert await states_of(stores) == {"first": "ok", "second": "ok", "third": "ok"}
    await stop_all(stores)
    assert log == [
        *("first starts", "second starts", "third starts"),
        *("third stops", "second stops", "first stops"),
    ]


async def test_start_stops_at_a_store_that_does_not_answer_and_all_can_be_stopped() -> None:
    log: list[str] = []
    stores = [Store("first", log), Store("away", log, answers_at=2), Store("last", log)]
    with pytest.raises(Unavailable, match="does not answer"):
        await start_all("test", stores)
    assert log == ["first starts"]
    assert (await states_of(stores))["away"] == "it does not answer"
    await stop_all(stores)
    assert log[1:] == ["last stops", "away stops", "first stops"]


async def test_a_ping_that_fails_in_an_unforeseen_way_hides_no_other_state() -> None:
    class Odd(Store):
        async def ping(self) -> None:
            raise LookupError("7ABC123")

    states = await states_of([Store("well", [], answers_at=0), Odd("odd", [])])
    assert states == {"well": "ok", "odd": "it fails: LookupError"}


async def test_a_runtime_starts_its_own_resources_after_the_shared_ones() -> None:
    log: list[str] = []
    settings = WorkerSettings()
    own = Store("own", log)
    runtime = Runtime(
        SPECS["recognition"],
        settings,
        bus=FakeBus(),
        objects=FakeObjects(),
        policy=POLICY,
    )
    runtime.add(own)
    assert [resource.name for resource in runtime.resources] == ["Kafka", "the object store", "own"]
    await runtime.start()
    assert await runtime.check() == {"kafka": "ok", "objects": "ok", "own": "ok", "policy": "ok"}
    await runtime.stop()
    assert log == ["own starts", "own stops"]


async def test_a_dependency_that_hangs_is_reported_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(Store):
        async def ping(self) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr(resources, "ANSWERS_WITHIN_S", 0.01)
    async with asyncio.timeout(5):
        states = await states_of([Store("well", [], answers_at=0), Silent("silent", [])])
    assert states == {"well": "ok", "silent": "it does not answer"}


async def test_a_dependency_that_does_not_answer_is_a_metric_until_it_does() -> None:
    own = Store("own", [], answers_at=1)
    runtime = Runtime(
        SPECS["recognition"],
        WorkerSettings(),
        bus=FakeBus(),
        objects=FakeObjects(),
        policy=POLICY,
    )
    runtime.add(own)
    for failing in (1, 0):
        await runtime.check()
        for dependency, state in (("own", failing), ("kafka", 0)):
            labels = {"service": "recognition", "dependency": dependency}
            assert REGISTRY.get_sample_value("alpr_dependency_failing", labels) == state
        await own.start()


class SlowBus(FakeBus):
    """A Kafka that connects at once, and does not acknowledge the first records in time."""

    def __init__(self, refuses: int) -> None:
        super().__init__()
        self.attempts: list[Event] = []
        self._refuses = refuses

    async def publish(self, events: Sequence[Event]) -> None:
        self.attempts.append(*events)
        if len(self.attempts) <= self._refuses:
            raise Unavailable(Common.KAFKA_NOT_ACKNOWLEDGED)
        await super().publish(events)


def announcing(bus: FakeBus, patience_s: float, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """Return recognition's runtime on a Kafka that counts as its own, without followers."""
    settings = WorkerSettings(start_patience_s=patience_s)
    runtime = Runtime(SPECS["recognition"], settings, bus=bus, objects=FakeObjects(), policy=POLICY)
    runtime.live = True
    monkeypatch.setattr(runtime, "follow_the_others", lambda: None)
    monkeypatch.setattr(patience, "FIRST_PAUSE_S", 0.01)
    return runtime


async def test_a_start_repeats_its_first_event_until_kafka_has_stored_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bus = SlowBus(refuses=2)
    await announcing(bus, 5, monkeypatch).start()
    assert len(bus.attempts) == 3
    assert len({id(event) for event in bus.attempts}) == 1, "the same event, with the same id"
    assert [event.service for event in bus.events(PolicyLoaded)] == ["recognition"]


async def test_a_start_fails_if_kafka_does_not_store_its_first_event_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bus = SlowBus(refuses=1)
    with pytest.raises(Unavailable):
        await announcing(bus, 0, monkeypatch).start()
    assert len(bus.attempts) == 1


class Steps(RuntimeService):
    """A service that records its steps; the step named `failing` fails."""

    log: ClassVar[list[str]]
    failing: ClassVar[str]

    def note(self, step: str) -> None:
        self.log.append(step)
        if step == self.failing:
            raise DependencyDown(f"{step} fails")

    async def prepare(self) -> None:
        self.note("prepare")

    def consume(self, subscriptions: Sequence[AnySubscription]) -> None:
        self.note("consume")

    def tasks(self) -> Sequence[Task]:
        self.note("tasks")
        return ()

    async def finish(self) -> None:
        self.note("finish")


class Noted:
    """A background task, or another part, that records when it is started and stopped."""

    failing: str | None = None

    def __init__(self, name: str, log: list[str]) -> None:
        self.name = name
        self._log = log

    def start(self) -> None:
        self._log.append(f"{self.name} starts")

    async def stop(self) -> None:
        self._log.append(f"{self.name} stops")


async def test_background_tasks_end_in_reverse_before_the_service_finishes_its_work() -> None:
    class WithTasks(Steps):
        def tasks(self) -> Sequence[Task]:
            return [Noted("first", self.log), Noted("second", self.log)]

    Steps.log, Steps.failing = [], ""
    runtime = Runtime(
        SPECS["recognition"], WorkerSettings(), bus=FakeBus(), objects=FakeObjects(), policy=POLICY
    )
    runtime.add(Store("own", Steps.log))
    async with WithTasks(runtime).running():
        Steps.log.clear()
    assert Steps.log == ["second stops", "first stops", "finish", "own stops"]


async def test_a_consumer_that_has_stopped_ends_readiness_and_all_stop_before_the_stores(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log: list[str] = []
    consumers = [Noted("consumer 1", log), Noted("consumer 2", log)]
    waiting = iter(consumers)
    monkeypatch.setattr("shared.service.runtime.Consumer", lambda *_, **__: next(waiting))
    runtime = Runtime(
        SPECS["recognition"], WorkerSettings(), bus=FakeBus(), objects=FakeObjects(), policy=POLICY
    )
    runtime.add(Store("own", log))
    for _ in consumers:
        runtime.consume(Subscription("sample", {}))
    assert "consumers" not in await runtime.check()
    consumers[0].failing = "the disk is full"
    state = (await runtime.check())["consumers"]
    assert state == "stopped: the disk is full"
    assert not is_ok(state)
    log.clear()
    await runtime.stop()
    assert sorted(log[:2]) == ["consumer 1 stops", "consumer 2 stops"]
    assert log[2:] == ["own stops"]


def test_a_service_without_a_key_for_its_events_does_not_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("EVENT_MAC_KEY")
    with pytest.raises(NoMacKey):
        a_runtime()


async def test_the_outbox_publishes_the_last_counts_of_refusals_before_it_stops() -> None:
    log: list[str] = []
    outbox = OutboxResource(Noted("relay", log), Noted("refusals", log), relays=True)
    await outbox.start()
    log.clear()
    await outbox.stop()
    assert log == ["refusals stops", "relay stops"]


START = ["own starts", "prepare", "consume", "tasks", "serve"]
"""The steps of a start in order."""


@pytest.mark.parametrize(
    ("failing", "started", "stopped"),
    [
        ("", START, ["finish", "own stops"]),
        ("own", [], ["own stops"]),
        ("prepare", START[:2], ["finish", "own stops"]),
        ("consume", START[:3], ["finish", "own stops"]),
        ("tasks", START[:4], ["finish", "own stops"]),
        ("serve", START, ["finish", "own stops"]),
        ("finish", START, ["finish", "own stops"]),
    ],
)
async def test_a_service_stops_its_started_parts_whichever_step_fails(
    failing: str, started: list[str], stopped: list[str]
) -> None:
    log: list[str] = []
    settings = WorkerSettings()
    runtime = Runtime(
        SPECS["recognition"], settings, bus=FakeBus(), objects=FakeObjects(), policy=POLICY
    )
    runtime.add(Store("own", log, answers_at=2 if failing == "own" else 1))
    Steps.log, Steps.failing = log, failing
    service = Steps(runtime)
    expected = pytest.raises(Unavailable) if failing else nullcontext()
    with expected:
        async with service.running():
            service.note("serve")
    assert log == [*started, *stopped]


def test_an_api_starts_its_tables_first_and_its_outbox_after_kafka() -> None:
    names = [resource.name for resource in a_runtime().resources]
    assert names == [
        "Postgres",
        "the state after a restore",
        "Kafka",
        "the object store",
        "the outbox",
    ]


@pytest.mark.parametrize("patience_s", [0, 7])
def test_a_start_waits_for_postgres_and_for_kafka_as_long_as_the_settings_say(
    patience_s: float,
) -> None:
    waits = {r.name: r.patience_s for r in a_runtime(start_patience_s=patience_s).resources}
    assert waits == {
        "Postgres": patience_s,
        "the state after a restore": 0,
        "Kafka": patience_s,
        "the object store": 0,
        "the outbox": 0,
    }


async def test_a_start_waits_for_a_slow_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "FIRST_PAUSE_S", 0.01)
    store = Store("a store", [], answers_at=3, patience_s=5)
    await start_all("test", [store])
    assert store.calls == 3


async def test_a_store_that_is_away_long_is_asked_again_at_bounded_intervals(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(patience, "MAX_PAUSE_S", 0.002)
    store = Store("a store", [], answers_at=15, patience_s=5)  # doubling would take 16 s
    await start_all("test", [store])
    assert store.calls == 15


async def test_a_start_fails_if_a_store_does_not_answer_in_time() -> None:
    store = Store("a store", [], answers_at=3)
    with pytest.raises(Unavailable, match="does not answer"):
        await start_all("test", [store])
    assert store.calls == 1


async def test_a_failing_task_is_named_by_readyz_without_failing_readiness() -> None:
    runtime = a_runtime()

    async def well() -> None:
        return None

    async def fails() -> None:
        raise DependencyDown("the disk is full")

    monkey = {"postgres": well}
    runtime.db.ping = monkey["postgres"]  # type: ignore[method-assign]
    app = create_app(SAMPLE, ApiService(runtime), lifespan=None)
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


async def test_a_kafka_client_that_does_not_stop_is_abandoned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kafka, "STOPS_WITHIN_S", 0.05)

    class Stuck:
        async def stop(self) -> None:
            await asyncio.sleep(3600)

    async with asyncio.timeout(2):
        await kafka.stop_client(Stuck())  # type: ignore[arg-type]
