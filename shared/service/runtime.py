"""The runtime of a service that works events: its resources, followers, consumers and background tasks.

Start: the resources in order, then followers and consumers. The start waits for a slow store.
Stop: background tasks and consumers first, so that no new work starts; then the resources in reverse order.
`shared/service/api_runtime.py` adds Postgres and accounts.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

from prometheus_client import Gauge

from shared.core.clock import Clock, SystemClock
from shared.core.patience import patiently
from shared.core.policy import Policy, load_policy
from shared.events import CheckpointSigned, Event, LogCovered, PolicyLoaded
from shared.kafka.bus import Bus, KafkaBus
from shared.kafka.client import Kafka
from shared.kafka.consumer import AnySubscription, Consumer
from shared.kafka.event_mac import NoMacKey
from shared.kafka.follower import TopicFollower
from shared.kafka.pauses import UNHURRIED
from shared.kafka.topics import topic_of
from shared.kafka.topics_check import TopicsCheck
from shared.objects.opening import open_store
from shared.objects.rights import RIGHTS
from shared.objects.settings import ObjectSettings
from shared.objects.store import ObjectStore
from shared.service.agreement import Agreement
from shared.service.coverage import Coverage
from shared.service.expiry import show_kafka_certificates
from shared.service.resources import OK, Ping, Resource, is_ok, start_all, states_of, stop_all
from shared.service.running import Service
from shared.service.settings import WorkerSettings
from shared.service.spec import Dependency, ServiceSpec
from shared.service.traces import TracesResource, tracer_of

FAILING = Gauge(
    "alpr_dependency_failing",
    "1 if a dependency did not answer the last check of readiness",
    ["service", "dependency"],
)

TASK = "task "
"""Prefix of background tasks' names in the state of a service."""

ONE_COPY = "ok, but a receipt may rest on one broker (KAFKA_ALLOW_ONE_COPY)"

PAUSES = 40
"""A follower's pause after an empty fetch, in multiples of `KAFKA_EMPTY_FETCH_PAUSE_MS`: it learns within 0.4 s.

Ticks arrive every 2 s and are valid for 5 s, so one may be lost and the next one late.
"""


class Task(Protocol):
    """A background task: a PeriodicTask or a TopicFollower."""

    name: str

    @property
    def failing(self) -> str | None:
        """The reason for its failure, or None."""
        ...

    def start(self) -> None:
        """Start in the background."""
        ...

    async def stop(self) -> None:
        """Stop."""
        ...


class KafkaResource:
    """The producer, and the check of the service's topics on a Kafka of its own."""

    name = "Kafka"

    def __init__(self, bus: Bus, topics: TopicsCheck | None, patience_s: float) -> None:
        self.patience_s = patience_s
        self._bus = bus
        self._topics = topics

    async def start(self) -> None:
        """Connect. Raises: Unavailable."""
        if isinstance(self._bus, KafkaBus):
            await self._bus.start()

    async def stop(self) -> None:
        """Flush and disconnect."""
        if isinstance(self._bus, KafkaBus):
            await self._bus.stop()

    def pings(self) -> Mapping[str, Ping]:
        """Return the pings of the producer and of the topics."""
        topics = {} if self._topics is None else {"topics": self._topics.ping}
        return {"kafka": self._bus.ping, **topics}


class ObjectsResource:
    """The object store, which needs no connection."""

    name = "the object store"
    patience_s = 0.0

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    async def start(self) -> None:
        """Do nothing: each call connects."""

    async def stop(self) -> None:
        """Do nothing: no call is left open."""

    def pings(self) -> Mapping[str, Ping]:
        """Return the store's ping."""
        return {Dependency.OBJECTS: self._objects.ping}


class Runtime:
    """What a service that works events has. Tests replace the bus, the objects, the clock and the policy."""

    settings: WorkerSettings

    def __init__(
        self,
        spec: ServiceSpec,
        settings: WorkerSettings,
        *,
        bus: Bus | None = None,
        objects: ObjectStore | None = None,
        clock: Clock | None = None,
        policy: Policy | None = None,
        coverage: Coverage | None = None,
    ) -> None:
        """Raises: NoMacKey, PolicyFault."""
        self.service = service = spec.name
        self.settings = settings
        self.policy = policy or load_policy(settings.policy_file)
        self.clock: Clock = clock or SystemClock()
        mac_key = settings.mac_key_of(service)
        if mac_key is None:
            raise NoMacKey
        self.mac_key = mac_key
        self.kafka = Kafka.of(settings)
        show_kafka_certificates(service, settings)
        self.live = bus is None
        """Whether it follows and consumes: it does on its own Kafka, and not on the bus of a test."""

        self.tracer = tracer_of(service, settings)
        """None unless OTEL_EXPORTER_OTLP_ENDPOINT is set."""

        self.bus: Bus = bus or KafkaBus(self.kafka, service, mac_key=mac_key, tracer=self.tracer)
        self.topics = TopicsCheck(self.kafka, service)
        self._objects = objects or _objects_of(service, settings)
        self._idle_pause_s = settings.kafka_empty_fetch_pause_ms / 1000
        if coverage is None and self.live and self._follows(LogCovered):
            refuses_s = self.policy.limits.audit_behind_refuses_s
            ready_without = Dependency.AUDIT_LOG in spec.ready_without
            coverage = Coverage(service, self.clock, refuses_s, ready_without=ready_without)
        self.agreement = Agreement(service, self.policy, coverage)
        topics = self.topics if self.live else None
        self.resources: list[Resource] = [
            *([] if self.tracer is None else [TracesResource(self.tracer)]),
            KafkaResource(self.bus, topics, settings.start_patience_s),
        ]
        """In the order of their start."""

        if self._objects is not None and Dependency.OBJECTS not in spec.ready_without:
            self.resources.append(ObjectsResource(self._objects))
        self._consumers: list[Consumer] = []
        self._tasks: list[Task] = []

    @property
    def objects(self) -> ObjectStore:
        """The object store. Raises: LookupError in a service that has no rights there."""
        if self._objects is None:
            message = f"{self.service} has no rights in shared/objects/rights.py"
            raise LookupError(message)
        return self._objects

    async def start(self) -> None:
        """Start the resources; followers run only on a real Kafka.

        Kafka may accept a connection and not yet store a record: the announcement waits for it as the resources do.

        Raises: Unavailable.
        """
        await start_all(self.service, self.resources)
        if self.live:
            self.follow_the_others()
            loaded, within_s = self.policy_loaded(), self.settings.start_patience_s
            await patiently(
                self.service, "its first event", lambda: self.announce(loaded), within_s=within_s
            )

    async def announce(self, event: Event) -> None:
        """Publish an event about the service itself."""
        await self.bus.publish([event])

    def policy_loaded(self) -> PolicyLoaded:
        """Return the event that announces, at a service's start, the policy that it loaded."""
        policy = self.policy
        return PolicyLoaded(
            occurred_at=self.clock.now(),
            service=self.service,
            digest=policy.digest,
            version=policy.version,
        )

    def follow_the_others(self) -> None:
        """Follow the audit log's progress and newest checkpoint, and the other services' policies."""
        newest = [e for e in (LogCovered, CheckpointSigned) if self._follows(e)]
        self.run(
            self.follower(
                f"{self.service} agreement",
                [PolicyLoaded, *newest],
                from_start=True,
                newest=newest,
                learn=self.agreement.learn,
                pauses=UNHURRIED.longest,
            )
        )

    def _follows(self, event: type[Event]) -> bool:
        return self.service in topic_of(event).consumers

    def follower(
        self,
        name: str,
        events: Collection[type[Event]],
        *,
        from_start: bool,
        learn: Callable[[Sequence[Any]], Awaitable[None]],
        begun: Callable[[], Awaitable[object]] | None = None,
        newest: Collection[type[Event]] = (),
        from_now: Collection[type[Event]] = (),
        pauses: int = PAUSES,
    ) -> TopicFollower:
        """Return a follower of topics on this runtime's Kafka; `run` starts it."""
        return TopicFollower(
            self.kafka,
            name,
            events,
            from_start=from_start,
            learn=learn,
            begun=begun,
            newest=newest,
            from_now=from_now,
            idle_pause_s=self._idle_pause_s * pauses,
        )

    def add(self, resource: Resource) -> None:
        """Add a resource of the service's own, which starts after the others."""
        self.resources.append(resource)

    def run(self, *tasks: Task) -> None:
        """Start background tasks; the runtime stops them in reverse order, and `/readyz` reports them."""
        for task in tasks:
            self._tasks.append(task)
            task.start()

    async def stop_tasks(self) -> None:
        """Stop the background tasks, before the rest of the runtime."""
        while self._tasks:
            await self._tasks.pop().stop()

    def consume(self, subscription: AnySubscription) -> Consumer:
        """Start a consumer; the runtime stops it."""
        consumer = Consumer(
            self.kafka,
            subscription,
            self.bus,
            idle_pause_s=self._idle_pause_s,
            tracer=self.tracer,
        )
        self._consumers.append(consumer)
        consumer.start()
        return consumer

    async def stop(self) -> None:
        """Stop the service."""
        await self.stop_tasks()
        for consumer in self._consumers:
            await consumer.stop()
        await stop_all(self.resources)

    async def check(self) -> dict[str, str]:
        """Return the state of each dependency: "ok" or what is wrong."""
        state = await states_of(self.resources)
        for name, one in state.items():
            FAILING.labels(self.service, name).set(not is_ok(one))
        if state.get("topics") == OK and self.topics.copies == 1:
            state["topics"] = ONE_COPY
        failing = [consumer.failing for consumer in self._consumers if consumer.failing]
        stopped = {"consumers": f"stopped: {failing[-1]}"} if failing else {}
        return state | stopped | self.agreement.states() | self.failing_tasks()

    def failing_tasks(self) -> dict[str, str]:
        """Return the errors of background tasks; `/readyz` reports them, and the service stays ready."""
        return {f"{TASK}{task.name}": task.failing for task in self._tasks if task.failing}


def _objects_of(service: str, settings: WorkerSettings) -> ObjectStore | None:
    """Open the object store of a service that has rights there and names it in its settings."""
    if service in RIGHTS and isinstance(settings, ObjectSettings):
        return open_store(settings.object_store_url)
    return None


@dataclass(frozen=True)
class RuntimeService(Service):
    """The base of services with a runtime; each service's class adds its other objects.

    `running` starts and stops every service in one order; a service overrides its steps where it has work for them.
    """

    runtime: Runtime

    @asynccontextmanager
    async def running(
        self,
        subscriptions: Sequence[AnySubscription] = (),
        followers: Sequence[TopicFollower] = (),
    ) -> AsyncIterator[None]:
        """Start the service, and stop it at the end, also if a step of its start fails.

        Start: the runtime's resources, `prepare`, consumers, background tasks, followers of topics. Stop: followers and
        background tasks, `finish`, then consumers and resources in reverse order. Consumers and followers run only on a
        real Kafka.
        """
        try:
            await self.runtime.start()
            try:
                await self.prepare()
                self.consume(subscriptions)
                self.runtime.run(*self.tasks())
                if self.runtime.live:
                    self.runtime.run(*followers)
                with self.serving():
                    yield
            finally:
                await self.runtime.stop_tasks()
                await self.finish()
        finally:
            await self.runtime.stop()

    async def prepare(self) -> None:
        """Prepare the service, once its resources have started. Raises: Unavailable."""

    def consume(self, subscriptions: Sequence[AnySubscription]) -> None:
        """Start the consumers; they run only on a real Kafka."""
        if self.runtime.live:
            for subscription in subscriptions:
                self.runtime.consume(subscription)

    def tasks(self) -> Sequence[Task]:
        """Return the background tasks, not started."""
        return ()

    def serving(self) -> AbstractContextManager[None]:
        """Return what surrounds the time in which the service answers requests."""
        return nullcontext()

    async def finish(self) -> None:
        """Finish work after the background tasks have stopped, also if `prepare` failed."""

    async def check(self) -> dict[str, str]:
        """Return the state of each dependency: "ok" or what is wrong."""
        return await self.runtime.check()
