"""The resources of a running service, with the order of start and stop.

Start: tables, producer, relay, keys and accounts, consumers; the service is ready once its topics exist. The
start waits for a slow store.
Stop: background tasks and consumers first, so that no new work starts; relay last, so that it publishes finished work.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from fastapi import Request
from pydantic_settings import BaseSettings

from shared.accounts.known_accounts import FOLLOWED, People
from shared.accounts.picture_links import PictureLinks
from shared.core.certificates import Roots, Trust
from shared.core.clock import Clock, SystemClock
from shared.core.errors import Unavailable
from shared.core.patience import patiently
from shared.core.policy import Policy, load_policy
from shared.events import CheckpointSigned, Event, IdentityTicked, LogCovered, PolicyLoaded
from shared.events.signed_captures import CaptureProofs
from shared.kafka.bus import Bus, KafkaBus
from shared.kafka.client import Kafka
from shared.kafka.consumer import AnySubscription, Consumer
from shared.kafka.event_mac import NoMacKey
from shared.kafka.follower import TopicFollower
from shared.kafka.topics import PEOPLE_FOLLOWERS, topic_of
from shared.kafka.topics_check import TopicsCheck
from shared.limits.refusal_log import RefusalLog
from shared.objects.rights import READY_WITHOUT, RIGHTS
from shared.objects.settings import ObjectSettings
from shared.objects.store import ObjectStore, open_store
from shared.postgres.database import Database
from shared.postgres.outbox import Relay, emit
from shared.postgres.schema import prepare
from shared.service.coverage import Coverage
from shared.service.running import Service, service_of
from shared.service.settings import ApiSettings
from shared.service.standing import Standing

log = logging.getLogger(__name__)

TASK = "task "
"""Prefix of background tasks' names in the state of a service."""

ANSWERS_WITHIN_S = 2.0
"""Time limit of a ping; probes have short limits themselves."""

Ping = Callable[[], Awaitable[None]]
OK = "ok"
TICKED = PEOPLE_FOLLOWERS - {"identity", "ingest"}
"""Services that show ALPR data: ready after identity's first current tick. Cameras post without it."""
ONE_COPY = "ok, but a receipt may rest on one broker (KAFKA_ALLOW_ONE_COPY)"


T = TypeVar("T")

PAUSES = 20
"""A follower's pause after an empty fetch, in units of a consumer's first pause: it learns within 0.4 s.

Ticks arrive every 2 s and are valid for 5 s, so one may be lost and the next one late.
"""

UNHURRIED = 50
"""The same pause for events that may be learnt a second later."""


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


class Runtime:
    """The resources of one service. Tests replace those that are arguments."""

    def __init__(
        self,
        service: str,
        settings: ApiSettings,
        *,
        bus: Bus | None = None,
        objects: ObjectStore | None = None,
        clock: Clock | None = None,
        people: People | None = None,
        policy: Policy | None = None,
        coverage: Coverage | None = None,
    ) -> None:
        self.service = service
        self.settings = settings
        self.policy = policy or load_policy(settings.policy_file)
        self.clock: Clock = clock or SystemClock()
        mac_key = settings.mac_key_of(service)
        if mac_key is None:
            raise NoMacKey
        self.db = Database(
            settings.database_link(),
            service,
            pool_size=settings.database_pool_size,
            mac_key=mac_key,
        )
        self.links = PictureLinks(mac_key)
        self.kafka = Kafka.of(settings)
        self.live = bus is None
        """Whether it follows and consumes: it does on its own Kafka, and not on the bus of a test."""

        self.bus: Bus = bus or KafkaBus(self.kafka, service, mac_key=mac_key)
        self.topics = TopicsCheck(self.kafka, service)
        self._objects = objects or _objects_of(service, settings)
        self.relay = Relay(self.db, self.bus)
        self.refusals = RefusalLog(
            service,
            self.db,
            self.clock,
            burst=settings.refusals_burst,
            per_minute=settings.refusals_per_minute,
            crowded=lambda: self.relay.backlog > settings.max_outbox_backlog // 2,
        )
        self.trust = Trust(Roots.parse(settings.root_public_keys))
        self.people = people or People(settings.token_issuer, self.trust, self.policy, self.clock)
        self.captures = CaptureProofs(
            self.trust, self.clock, unsigned_until=settings.unsigned_captures_until
        )
        idle_s = settings.kafka_empty_fetch_pause_ms / 1000
        self._idle_pause_s = idle_s
        self._follower: TopicFollower | None = None
        if self.live and people is None:
            self._follower = self.follower(
                f"{service} people",
                [*FOLLOWED, IdentityTicked],
                from_start=True,
                from_now=[IdentityTicked],
                learn=self.people.learn_all,
            )
        if coverage is None and self.live and service in topic_of(LogCovered).consumers:
            refuses_s = self.policy.limits.audit_behind_refuses_s
            coverage = Coverage(service, self.clock, refuses_s)
        self.standing = Standing(service, self.policy, coverage)
        self._consumers: list[Consumer] = []
        self._tasks: list[Task] = []

    @property
    def objects(self) -> ObjectStore:
        """The object store. Raises: LookupError in a service that has no rights there."""
        if self._objects is None:
            message = f"{self.service} has no rights in shared/objects/rights.py"
            raise LookupError(message)
        return self._objects

    async def start(self, migrations: Path, subscriptions: Sequence[AnySubscription] = ()) -> None:
        """Start the service; consumers run only on a real Kafka."""
        await self.patiently("Postgres", lambda: prepare(self.db, self.settings, migrations))
        if isinstance(self.bus, KafkaBus):
            await self.patiently("Kafka", self.bus.start)
            self.relay.start()
            self.refusals.start()
            self._tasks.append(self.refusals.telling)
        if self._follower is not None:
            self._follower.start()
        if self.live:
            self.follow_the_others()
            async with self.db.begin() as connection:
                await emit(connection, self.service, self.policy_loaded())
            for subscription in subscriptions:
                self.consume(subscription)

    async def patiently(self, store: str, connect: Callable[[], Awaitable[T]]) -> T:
        """Return the result of `connect`, waiting up to `start_patience_s` for a store that starts slowly.

        Raises: Unavailable if the store does not start in time.
        """
        within_s = self.settings.start_patience_s
        return await patiently(self.service, store, connect, within_s=within_s)

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
                f"{self.service} standing",
                [PolicyLoaded, *newest],
                from_start=True,
                newest=newest,
                learn=self.standing.learn,
                pauses=UNHURRIED,
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
        consumer = Consumer(self.kafka, subscription, self.bus, idle_pause_s=self._idle_pause_s)
        self._consumers.append(consumer)
        consumer.start()
        return consumer

    async def stop(self) -> None:
        """Stop the service."""
        await self.stop_tasks()
        for consumer in self._consumers:
            await consumer.stop()
        if self._follower is not None:
            await self._follower.stop()
        await self.refusals.stop()
        await self.relay.stop()
        if isinstance(self.bus, KafkaBus):
            await self.bus.stop()
        await self.db.close()

    async def check(self) -> dict[str, str]:
        """Return the state of each dependency: "ok" or what is wrong."""
        parts: dict[str, Ping] = {
            "postgres": self.db.ping,
            "kafka": self.bus.ping,
        }
        if self._objects is not None and self.service not in READY_WITHOUT:
            parts["objects"] = self._objects.ping
        if self._follower is not None:
            parts["people"] = self._follower.ping
            if self.service in TICKED and not self.people.was_current:
                parts["identity"] = self.people.ping
        state = await states_of(self.with_topics(parts))
        self.say_of_copies(state)
        if self.service in WORKS_WITHOUT_POSTGRES and state["postgres"] != OK:
            state["postgres"] = f"{OK}, though {state['postgres']}"
        return state | self.own_states()

    def own_states(self) -> dict[str, str]:
        """Return what is wrong in this process itself: consumers, keys and policies, background tasks."""
        failing = [consumer.failing for consumer in self._consumers if consumer.failing]
        stopped = {"consumers": f"stopped: {failing[-1]}"} if failing else {}
        return stopped | self.standing.states() | self.failing_tasks()

    def failing_tasks(self) -> dict[str, str]:
        """Return the errors of background tasks; `/readyz` reports them, and the service stays ready."""
        failing = {f"{TASK}{task.name}": task.failing for task in self._tasks if task.failing}
        if self._follower is not None and self.people.lost_for(self.clock.now()) is not None:
            failing[f"{TASK}identity tick"] = "not heard; what shows ALPR data is refused"
        return failing

    def with_topics(self, parts: Mapping[str, Ping]) -> dict[str, Ping]:
        """Return `parts`, and on a real Kafka the check of its topics."""
        return {**parts, "topics": self.topics.ping} if self.live else dict(parts)

    def say_of_copies(self, state: dict[str, str]) -> None:
        """Add a remark to the state if Kafka may acknowledge events that only one broker has."""
        if state.get("topics") == OK and self.topics.copies == 1:
            state["topics"] = ONE_COPY


WORKS_WITHOUT_POSTGRES = frozenset({"ingest"})
"""Services ready without Postgres: ingest accepts data of known cameras, which it writes to objects and Kafka."""


def is_ok(state: str) -> bool:
    """Return whether the state of a dependency allows readiness; a remark may follow "ok"."""
    return state == OK or state.startswith(f"{OK}, ")


def _objects_of(service: str, settings: BaseSettings) -> ObjectStore | None:
    """Open the object store of a service that has rights there and names it in its settings."""
    if service in RIGHTS and isinstance(settings, ObjectSettings):
        return open_store(settings.object_store_url)
    return None


async def states_of(parts: Mapping[str, Ping]) -> dict[str, str]:
    """Ping all dependencies concurrently; return the state of each: "ok" or what is wrong."""
    states = await asyncio.gather(*(_state(ping) for ping in parts.values()))
    return dict(zip(parts, states, strict=True))


async def _state(ping: Callable[[], Awaitable[None]]) -> str:
    """Return "ok" or what is wrong, within `ANSWERS_WITHIN_S`; a ping that hangs counts as an error."""
    try:
        async with asyncio.timeout(ANSWERS_WITHIN_S):
            await ping()
    except Unavailable as exc:
        return exc.detail
    except TimeoutError:
        return "it does not answer"
    return "ok"


@dataclass(frozen=True)
class RuntimeService(Service):
    """The base of services with a runtime; each service's class adds its other objects."""

    runtime: Runtime

    async def check(self) -> dict[str, str]:
        """Return the state of each dependency: "ok" or what is wrong."""
        return await self.runtime.check()


def runtime_of(request: Request) -> Runtime:
    """Return the runtime of the service that serves `request`."""
    return service_of(request.app, RuntimeService).runtime
