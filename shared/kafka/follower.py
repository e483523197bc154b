"""Follows topics without a consumer group, so that every process gets every event."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.core.errors import AlprError, DependencyDown
from shared.core.periodic import FAILING, cancelled, is_being_cancelled
from shared.events import Event
from shared.kafka.client import Kafka, stop_client
from shared.kafka.codec import Message, decode, headers_of
from shared.kafka.pauses import pace
from shared.kafka.topics import topic_of

log = logging.getLogger(__name__)

AGAIN_AFTER_S = 1.0


class TopicFollower:
    """Passes the events of some types to `learn`, in order within a partition, until stopped.

    After a failure it starts from its first position again, so `learn` may get an event twice. It logs and skips
    records that cannot be decoded: one bad record must not lock everyone out.
    """

    def __init__(
        self,
        kafka: Kafka | str,
        name: str,
        events: Collection[type[Event]],
        *,
        from_start: bool,
        learn: Callable[[Sequence[Any]], Awaitable[None]],
        begun: Callable[[], Awaitable[object]] | None = None,
        newest: Collection[type[Event]] = (),
        from_now: Collection[type[Event]] = (),
        idle_pause_s: float = 0,
    ) -> None:
        """Set up a follower; `start` connects.

        Args:
            kafka: the topics' Kafka.
            name: its name in /readyz, the gauge and log lines.
            events: the types to follow.
            from_start: read the topics from their start; otherwise only new events.
            learn: receives decoded events in batches.
            begun: awaited once the ends are known, before the first event; loads earlier state from elsewhere.
            newest: the types for which, of earlier events, only the newest is read.
            from_now: the types for which no earlier event is read.
            idle_pause_s: pause after an empty fetch, for the embedded broker (ADR-0003).
        """
        self.name = name
        self._kafka = Kafka.at(kafka)
        self._events = tuple(events)
        self._from_start = from_start
        self._learn = learn
        self._begun = begun
        self._newest = frozenset(topic_of(event).name for event in newest)
        self._from_now = frozenset(topic_of(event).name for event in from_now)
        self._idle_pause_s = idle_pause_s
        self._task: asyncio.Task[None] | None = None
        self._failing: str | None = None
        self.caught_up = asyncio.Event()
        """Set once `learn` has had every event published before the start, and `begun` has returned."""

    @property
    def failing(self) -> str | None:
        """Why it is not following, or None while it is."""
        return self._failing

    def start(self) -> None:
        """Start in the background."""
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self) -> None:
        """Stop following."""
        await cancelled(self._task)

    async def ping(self) -> None:
        """Return if it has caught up and is following. Raises: Unavailable otherwise."""
        if not self.caught_up.is_set():
            raise DependencyDown("has not caught up with the events published so far")
        if self._failing is not None:
            raise DependencyDown(self._failing)

    async def _run(self) -> None:
        while True:
            try:
                await self._follow()
            except asyncio.CancelledError:
                if is_being_cancelled():
                    raise
                self._set("a Kafka client task was cancelled")
            except AlprError as exc:
                self._set(exc.detail)
                log.warning("%s waits: %s", self.name, exc.detail)
            except Exception as exc:
                self._set(type(exc).__name__)
                log.exception("%s failed; again in %.0f s", self.name, AGAIN_AFTER_S)
            self.caught_up.clear()
            await asyncio.sleep(AGAIN_AFTER_S)

    async def _follow(self) -> None:
        consumer = self._kafka.consumer(
            enable_auto_commit=False,
            auto_offset_reset="earliest" if self._from_start else "latest",
            fetch_max_wait_ms=250,
        )
        try:
            await consumer.start()
            topics = [topic_of(event) for event in self._events]
            partitions = [TopicPartition(t.name, n) for t in topics for n in range(t.partitions)]
            consumer.assign(partitions)
            if self._idle_pause_s:
                pace(consumer, self._idle_pause_s, self._idle_pause_s)
            ends = await consumer.end_offsets(partitions)
            begins = await consumer.beginning_offsets(partitions)
            for partition, end in ends.items():
                start = begins[partition] if self._from_start else end
                if partition.topic in self._newest:
                    start = max(begins[partition], end - 1)
                if partition.topic in self._from_now:
                    start = end
                consumer.seek(partition, start)
            if self._begun is not None:
                await self._begun()
            while True:
                if not self.caught_up.is_set():
                    await self._see_whether_caught_up(consumer, ends)
                batches = await consumer.getmany(timeout_ms=1000)
                if events := [e for b in batches.values() for r in b if (e := _event(r))]:
                    await self._learn(events)
        finally:
            await stop_client(consumer)

    async def _see_whether_caught_up(
        self, consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]
    ) -> None:
        for partition, end in ends.items():
            if await consumer.position(partition) < end:
                return
        self._set(None)
        self.caught_up.set()

    def _set(self, failing: str | None) -> None:
        self._failing = failing
        FAILING.labels(self.name).set(failing is not None)


def _event(record: Any) -> Event | None:
    if record.value is None:
        return None
    place = (record.topic, record.partition, record.offset)
    try:
        return decode(Message(*place, record.key, record.value, headers_of(record.headers)))
    except (AlprError, ValueError) as exc:
        log.error("%s offset %d cannot be decoded: %s", record.topic, record.offset, exc)
        return None
