"""What a running service holds, started and stopped in order.

Start: tables, producer, relay, keys and accounts, consumers; the service is ready once its topics are there.
Stop: consumers first, so that no new work begins; relay last, so that what was done is told.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from fastapi import Request

from shared.bus import Bus, KafkaBus
from shared.clock import Clock, SystemClock
from shared.consumer import AnySubscription, Consumer
from shared.db import Database
from shared.errors import Unavailable
from shared.kafka import Kafka
from shared.objects import ObjectStore, open_store
from shared.outbox import Relay
from shared.people import People, PeopleFollower
from shared.policy import Policy, load_policy
from shared.refusal_log import RefusalLog
from shared.schema import prepare
from shared.settings import CommonSettings
from shared.topics_check import TopicsCheck

log = logging.getLogger(__name__)

ANSWERS_WITHIN_S = 2.0
"""What takes longer to answer a ping counts as away; probes have little patience themselves."""

Ping = Callable[[], Awaitable[None]]
OK = "ok"
ONE_COPY = "ok, but a receipt may rest on one broker (KAFKA_ALLOW_ONE_COPY)"


class Runtime:
    """One service's parts. Everything that a test replaces is an argument."""

    def __init__(
        self,
        service: str,
        settings: CommonSettings,
        *,
        bus: Bus | None = None,
        objects: ObjectStore | None = None,
        clock: Clock | None = None,
        people: People | None = None,
        policy: Policy | None = None,
    ) -> None:
        self.service = service
        self.settings = settings
        self.policy = policy or load_policy(settings.policy_file)
        self.clock: Clock = clock or SystemClock()
        self.db = Database(settings.database_link(), service, pool_size=settings.database_pool_size)
        self.brokers = Kafka.of(settings)
        self.kafka = bus is None
        self.bus: Bus = bus or KafkaBus(self.brokers, service)
        self.topics = TopicsCheck(self.brokers, service)
        self.objects: ObjectStore = objects or open_store(settings.object_store_url)
        self.relay = Relay(self.db, self.bus)
        self.refusals = RefusalLog(
            service,
            self.db,
            self.clock,
            burst=settings.refusals_burst,
            per_minute=settings.refusals_per_minute,
            crowded=lambda: self.relay.backlog > settings.max_outbox_backlog // 2,
        )
        self.people = people or People(settings.token_issuer)
        idle_s = settings.kafka_empty_fetch_pause_ms / 1000
        self._idle_pause_s = idle_s
        self._follower: PeopleFollower | None = None
        if self.kafka and people is None:
            self._follower = PeopleFollower(self.brokers, self.people, idle_pause_s=idle_s)
        self._consumers: list[Consumer] = []

    async def start(self, migrations: Path, subscriptions: Sequence[AnySubscription] = ()) -> None:
        """Bring the service up; consumers run only on a real Kafka."""
        await prepare(self.db, self.settings, migrations)
        if isinstance(self.bus, KafkaBus):
            await self.bus.start()
            self.relay.start()
            self.refusals.start()
        if self._follower is not None:
            self._follower.start()
        if self.kafka:
            for subscription in subscriptions:
                self.consume(subscription)

    def consume(self, subscription: AnySubscription) -> Consumer:
        """Start one more consumer; it stops with the runtime."""
        consumer = Consumer(self.brokers, subscription, self.bus, idle_pause_s=self._idle_pause_s)
        self._consumers.append(consumer)
        consumer.start()
        return consumer

    async def stop(self) -> None:
        """Take the service down."""
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
        """Return the state of each part that the service needs: "ok" or what is wrong."""
        parts: dict[str, Ping] = {
            "postgres": self.db.ping,
            "kafka": self.bus.ping,
            "objects": self.objects.ping,
        }
        if self._follower is not None:
            parts["people"] = self._follower.ping
        state = await states_of(self.with_topics(parts))
        self.say_of_copies(state)
        for consumer in self._consumers:
            if consumer.failing:
                state["consumers"] = f"standing still: {consumer.failing}"
        return state

    def with_topics(self, parts: Mapping[str, Ping]) -> dict[str, Ping]:
        """Return `parts`, and on a real Kafka the look at its topics."""
        return {**parts, "topics": self.topics.ping} if self.kafka else dict(parts)

    def say_of_copies(self, state: dict[str, str]) -> None:
        """Have readiness name that what Kafka acknowledges may rest on one broker."""
        if state.get("topics") == OK and self.topics.copies == 1:
            state["topics"] = ONE_COPY


def is_ok(state: str) -> bool:
    """Tell whether a part's state lets the service be ready; after "ok" there may be a remark."""
    return state == OK or state.startswith(f"{OK}, ")


async def states_of(parts: Mapping[str, Ping]) -> dict[str, str]:
    """Return each part's state by its ping, asked side by side: "ok" or what is wrong."""
    states = await asyncio.gather(*(_state(ping) for ping in parts.values()))
    return dict(zip(parts, states, strict=True))


async def _state(ping: Callable[[], Awaitable[None]]) -> str:
    """Return "ok" or what is wrong, in time for whoever asks: what hangs is not well."""
    try:
        async with asyncio.timeout(ANSWERS_WITHIN_S):
            await ping()
    except Unavailable as exc:
        return exc.detail
    except TimeoutError:
        return "it does not answer"
    return "ok"


def runtime_of(request: Request) -> Runtime:
    """Return the runtime of the app that serves `request`."""
    runtime = request.app.state.runtime
    assert isinstance(runtime, Runtime)  # noqa: S101 - for the type checker; create_app sets it
    return runtime
