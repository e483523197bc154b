"""Recognition's runtime: Kafka, objects and workers. It has no tables and no users."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.recognition.workers.pool import WorkerPool
from shared.core.clock import Clock
from shared.kafka.bus import Bus, KafkaBus
from shared.kafka.consumer import Subscription
from shared.objects.store import ObjectStore
from shared.service.runtime import Runtime, RuntimeService, states_of
from shared.service.settings import ApiSettings


class FrameRuntime(Runtime):
    """A runtime without Postgres and without user accounts.

    It starts workers, producer and consumer, in this order. It stops the consumer first, so that no new frame
    starts; a frame in progress is dropped, and Kafka delivers it again.
    """

    def __init__(
        self,
        settings: ApiSettings,
        pool: WorkerPool,
        *,
        bus: Bus | None = None,
        objects: ObjectStore | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__("recognition", settings, bus=bus, objects=objects, clock=clock)
        self._follower = None  # recognition checks no tokens
        self.pool = pool

    async def begin(self, subscriptions: Sequence[Subscription]) -> None:
        """Start the service. Raises: WorkerDoesNotStart, Unavailable."""
        await self.pool.start()
        if isinstance(self.bus, KafkaBus):
            await self.patiently("Kafka", self.bus.start)
        if self.live:
            self.follow_the_others()
            await self.bus.publish([self.policy_loaded()])
            for subscription in subscriptions:
                self.consume(subscription)

    async def stop(self) -> None:
        """Stop the service."""
        await self.stop_tasks()
        for consumer in self._consumers:
            await consumer.stop()
        await self.pool.close()
        if isinstance(self.bus, KafkaBus):
            await self.bus.stop()

    async def check(self) -> dict[str, str]:
        """Return the state of each dependency: "ok" or what is wrong."""
        pings = {"kafka": self.bus.ping, "objects": self.objects.ping}
        state = await states_of(self.with_topics(pings))
        self.say_of_copies(state)
        state["workers"] = "ok" if self.pool.workers else "not started"
        return state | self.own_states()


@dataclass(frozen=True)
class RecognitionService(RuntimeService):
    """One process of recognition."""

    runtime: FrameRuntime
