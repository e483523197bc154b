"""Follows changes of devices, in no group: each process must hear of every change."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from aiokafka import TopicPartition

from services.ingest.cache import DeviceCache
from shared.codec import Message, decode
from shared.consumer import is_being_cancelled, pace
from shared.errors import AlprError
from shared.events import DeviceChanged, Event
from shared.kafka import Kafka
from shared.topics import topic_of

log = logging.getLogger(__name__)


class DeviceFollower:
    """Has the cache read again each device that an event names."""

    def __init__(self, kafka: Kafka | str, cache: DeviceCache, *, idle_pause_s: float = 0) -> None:
        self._kafka = Kafka.at(kafka)
        self._cache = cache
        self._idle_pause_s = idle_pause_s
        self._handlers: Mapping[type[Event], Callable[[Sequence[Any]], Awaitable[None]]] = {
            DeviceChanged: self._changed
        }
        self._task: asyncio.Task[None] | None = None
        self.following = asyncio.Event()
        """Set once changes are heard of; what came before has been read from the registry."""

    def start(self) -> None:
        """Begin in the background."""
        self._task = asyncio.create_task(self._run(), name="device follower")

    async def stop(self) -> None:
        """Stop following."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _changed(self, events: Sequence[DeviceChanged]) -> None:
        await self._cache.refresh({event.device_id for event in events})

    async def _run(self) -> None:
        while True:
            try:
                await self._follow()
            except asyncio.CancelledError:
                if is_being_cancelled():
                    raise
                log.warning("a Kafka client task was cancelled; following devices again in 1 s")
            except Exception:
                log.exception("following devices failed; again in 1 s, and meanwhile they are read")
            self.following.clear()
            await asyncio.sleep(1)

    async def _follow(self) -> None:
        consumer = self._kafka.consumer(
            enable_auto_commit=False,
            auto_offset_reset="latest",
            fetch_max_wait_ms=250,
        )
        try:
            await consumer.start()
            topics = [topic_of(event) for event in self._handlers]
            partitions = [TopicPartition(t.name, n) for t in topics for n in range(t.partitions)]
            consumer.assign(partitions)
            if self._idle_pause_s:
                pace(consumer, self._idle_pause_s)
            await consumer.seek_to_end(*partitions)
            await self._cache.load()  # whatever changed before the end that is followed from
            self.following.set()
            while True:
                for records in (await consumer.getmany(timeout_ms=1000)).values():
                    await self._work(records)
        finally:
            await consumer.stop()

    async def _work(self, records: Sequence[Any]) -> None:
        events = [event for record in records if (event := _event(record)) is not None]
        for kind, handler in self._handlers.items():
            if chosen := [event for event in events if isinstance(event, kind)]:
                await handler(chosen)


def _event(record: Any) -> Event | None:
    headers = dict(record.headers)
    place = (record.topic, record.partition, record.offset)
    try:
        return decode(Message(*place, record.key, record.value, headers))
    except AlprError as exc:  # the cache reads all devices soon in any case
        log.error("%s offset %d not understood: %s", record.topic, record.offset, exc.title)
        return None
