"""Consumes Kafka topics in batches, commits afterwards, and dead-letters refused events.

Delivery is at least once. A handler's effect happens once, by derived ids or by the inbox. An event that a rule refuses
becomes a dead letter with its reason, a read without the others of its record (ADR-0055); after any other failure the
consumer retries from its committed offset. Turns and lag count reads, not records.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from prometheus_client import Counter, Gauge

from shared.core.errors import AlprError, InternalFault, TooLarge, Unavailable
from shared.core.periodic import cancelled, is_being_cancelled
from shared.core.spans import (
    NO_SPAN,
    Attributes,
    Kind,
    Tracer,
    batch_span,
    is_traced,
    traces_of_events,
)
from shared.core.trace import set_traceparent, valid_traceparent
from shared.events import Event, GroupedEvent
from shared.kafka.bus import Bus
from shared.kafka.client import Kafka, stop_client
from shared.kafka.codec import Message, Record, count_of, decode_present, headers_of, part_of
from shared.kafka.consumer_lag import ConsumerLag
from shared.kafka.offsets import Offsets
from shared.kafka.pauses import UNHURRIED, Pauses, pace
from shared.kafka.topics import TOPICS, named, topic_of

log = logging.getLogger(__name__)

One = TypeVar("One")

Handler = Callable[[Sequence[Any]], Awaitable[None]]
"""Handles events of one type, in order. Raises AlprError if retrying cannot help."""

MessageHandler = Callable[[Sequence[Message]], Awaitable[None]]
"""Handles undecoded messages. Raises AlprError if retrying cannot help, SomeRefused if it knows which messages it
refused and has processed the others."""

FAILING = Gauge("alpr_consumer_failing", "1 while a consumer is stopped by a failure", ["group"])
DEAD = Counter("alpr_dead_letters", "Reads and other events dead-lettered", ["group", "topic"])

POLL_WITHIN_S = 300.0
FIRST_PAUSE_S = 0.2
MAX_PAUSE_S = 5.0


class SomeRefused(InternalFault):
    """A handler processed a batch except these messages, each with its refusal."""

    def __init__(self, refused: Sequence[tuple[Message, AlprError]]) -> None:
        super().__init__(f"{len(refused)} messages were refused")
        self.refused = refused


@dataclass(frozen=True)
class Subscription:
    """A consumer group with a handler for each type of event."""

    group: str
    handlers: Mapping[type[Event], Handler]
    max_records: int = 1000
    """The most events that a handler gets at once; reads count, not their records."""
    gather_s: float = 0
    """After a small batch, wait this long so that the next one grows; for handlers with a transaction per batch."""
    pauses: Pauses = UNHURRIED
    """`PROMPT` if a person waits for the effect."""
    poll_within_s: float = POLL_WITHIN_S
    """The longest that the events of a poll may take. After that Kafka gives them to another process, and again later,
    so a handler that is always slower would handle the same ones for ever."""

    @property
    def events(self) -> Collection[type[Event]]:
        """The types that it handles."""
        return self.handlers.keys()


@dataclass(frozen=True)
class RawSubscription:
    """A consumer group with one handler for undecoded messages: it gets all messages of a poll in one call."""

    group: str
    events: Collection[type[Event]]
    handler: MessageHandler
    max_records: int = 1000
    gather_s: float = 0
    pauses: Pauses = UNHURRIED
    poll_within_s: float = POLL_WITHIN_S


AnySubscription = Subscription | RawSubscription


class Consumer:
    """Runs one subscription until stopped."""

    def __init__(
        self,
        kafka: Kafka | str,
        subscription: AnySubscription,
        bus: Bus,
        *,
        idle_pause_s: float = 0,
        tracer: Tracer | None = None,
    ) -> None:
        self._kafka = Kafka.at(kafka)
        self._subscription = subscription
        self._bus = bus
        self._tracer = tracer
        self._idle_pause_s = idle_pause_s
        self._task: asyncio.Task[None] | None = None
        self._failing: str | None = None
        self._pause_s = FIRST_PAUSE_S
        self._lag = ConsumerLag(subscription.group)
        self._put_aside: set[tuple[object, ...]] = set()
        """The dead letters of the present turn: a turn that is retried writes none of them again."""
        self.restarts = 0
        """How often it has restarted after a failure."""

    @property
    def group(self) -> str:
        """Its consumer group."""
        return self._subscription.group

    @property
    def failing(self) -> str | None:
        """Why the consumer is stopped, or None while it works."""
        return self._failing

    def _set_failing(self, why: str | None) -> None:
        self._failing = why
        FAILING.labels(self._subscription.group).set(why is not None)

    def start(self) -> None:
        """Start consuming in the background."""
        self._set_failing(None)
        self._task = asyncio.create_task(self._run(), name=f"consumer {self._subscription.group}")

    async def stop(self) -> None:
        """Leave the group; uncommitted messages will be delivered again."""
        await cancelled(self._task)
        self._lag.forget()

    async def _run(self) -> None:
        """Consume; after a failure, resume at the committed offset after a growing pause."""
        while True:
            try:
                await self._consume()
            except asyncio.CancelledError:
                if is_being_cancelled():
                    raise
                self._set_failing("a Kafka client task was cancelled")
            except Unavailable as exc:
                self._set_failing(type(exc).__name__)
                log.warning("consumer %s waits: %s", self._subscription.group, exc.detail)
            except Exception as exc:
                self._set_failing(type(exc).__name__)
                log.exception(
                    "consumer %s stopped; again in %.1f s", self._subscription.group, self._pause_s
                )
            self.restarts += 1
            await asyncio.sleep(self._pause_s)
            self._pause_s = min(self._pause_s * 2, MAX_PAUSE_S)

    async def _consume(self) -> None:
        topics = [topic_of(event).name for event in self._subscription.events]
        consumer = self._kafka.consumer(
            *topics,
            group_id=self._subscription.group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_interval_ms=round(1000 * self._subscription.poll_within_s),
            session_timeout_ms=10_000,
            heartbeat_interval_ms=2_000,
            fetch_max_wait_ms=250,
        )
        offsets = Offsets(consumer, self._subscription.group)
        try:
            await consumer.start()
            if self._idle_pause_s:
                pauses = self._subscription.pauses
                pace(
                    consumer,
                    self._idle_pause_s * pauses.first,
                    self._idle_pause_s * pauses.longest,
                )
            most = self._subscription.max_records
            while True:
                batches = await consumer.getmany(
                    timeout_ms=round(offsets.poll_s * 1000),
                    max_records=max(1, int(most / self._lag.per_record)),
                )
                await self._lag.follow(consumer)
                count = sum(_count(record) for raw in batches.values() for record in raw)
                if batches:
                    self._lag.per_record = count / sum(map(len, batches.values()))
                for turn in turns(batches, most):
                    await self._work(turn)
                    self._put_aside.clear()
                    offsets.add(self._processed(consumer, turn))
                    await offsets.commit_due()
                    self._pause_s = FIRST_PAUSE_S
                await offsets.commit_due()
                self._set_failing(None)
                if 0 < count < most // 2:
                    await asyncio.sleep(self._subscription.gather_s)
        finally:
            await offsets.commit_last()
            await stop_client(consumer)

    async def _work(self, batches: dict[TopicPartition, list[Any]]) -> None:
        subscription = self._subscription
        # Messages of all partitions together: one poll costs one call and one transaction.
        messages = [_message(record) for raw in batches.values() for record in raw]
        with self._span(messages):
            if isinstance(subscription, RawSubscription):
                await self._hand_over(subscription.handler, messages)
            else:
                await self._handle(subscription, messages)

    def _processed(
        self, consumer: AIOKafkaConsumer, turn: Mapping[TopicPartition, list[Any]]
    ) -> dict[TopicPartition, int]:
        """Return the offsets after those of a turn, and measure how far the consumer is behind."""
        processed = {}
        for partition in turn.keys() & consumer.assignment():  # a rebalance may have removed one
            after = turn[partition][-1].offset + 1
            processed[partition] = after
            self._lag.set(partition, (consumer.highwater(partition) or after) - after)
        return processed

    def _span(self, messages: Sequence[Message]) -> AbstractContextManager[None]:
        """Return the span of a batch; without a tracer it does nothing."""
        if self._tracer is None:
            return NO_SPAN
        topic = named(message.topic for message in messages)
        attributes: Attributes = {
            "messaging.system": "kafka",
            "messaging.operation.type": "process",
            "messaging.destination.name": topic,
            "messaging.consumer.group.name": self._subscription.group,
            "messaging.batch.message_count": len(messages),
        }
        traceparents = (message.headers.get("traceparent") for message in messages)
        return batch_span(self._tracer, f"process {topic}", Kind.CONSUMER, traceparents, attributes)

    async def _hand_over(self, handler: MessageHandler, messages: Sequence[Message]) -> None:
        try:
            await handler(messages)
            return
        except Unavailable:
            raise
        except SomeRefused as exc:
            for message, why in exc.refused:
                await self.dead_letter(message, why)
            return
        except AlprError as exc:
            if len(messages) == 1:
                await self.dead_letter(messages[0], exc)
                return
        for half in _halves_of(messages):
            await self._hand_over(handler, half)

    async def _handle(self, subscription: Subscription, messages: Sequence[Message]) -> None:
        decoded: list[tuple[Message, Event]] = []
        for message in messages:
            try:
                decoded.append((message, decode_present(message)))
            except AlprError as exc:
                await self.dead_letter(message, exc)
        with _traces_of(decoded):
            for event_type, run in groupby(decoded, key=lambda pair: type(pair[1])):
                await self._dispatch(subscription.handlers[event_type], list(run))

    async def _dispatch(self, handler: Handler, run: Sequence[tuple[Message, Event]]) -> None:
        if not is_traced():
            set_traceparent(run[0][0].headers.get("traceparent"))
        try:
            await handler([event for _, event in run])
            return
        except Unavailable:
            raise
        except AlprError as exc:
            if len(run) == 1:
                run = _halves(*run[0])
            if len(run) == 1:
                await self.dead_letter(run[0][0], exc)
                return
        for half in _halves_of(run):
            await self._dispatch(handler, half)

    async def dead_letter(self, message: Message, exc: AlprError) -> None:
        """Publish `message` as a dead letter with its reason; returns once Kafka has acknowledged it.

        A message that is too large for a dead letter is named there by its place alone.
        """
        place = (message.topic, message.partition, message.offset, message.value)
        if place in self._put_aside:
            return
        DEAD.labels(self._subscription.group, message.topic).inc()
        log.warning("dead letter from %s offset %d: %s", message.topic, message.offset, exc.title)
        reason = {
            "dead_group": self._subscription.group,
            "dead_reason": f"{type(exc).__name__}: {exc.detail}"[:1000],
            "dead_partition": str(message.partition),
            "dead_offset": str(message.offset),
            "dead_at": datetime.now(UTC).isoformat(),
        }
        added = [(name, value.encode()) for name, value in reason.items()]
        headers = [*message.headers.items(), *added]
        dead = TOPICS[message.topic].dead
        record = Record(dead, message.key or b"", message.value or b"", headers)
        try:
            await self._bus.publish_records([record])
        except TooLarge:
            # Compressed by its producer, or with less room left than the reason needs: only its place goes there.
            await self._bus.publish_records([Record(dead, b"", b"", added)])
        self._put_aside.add(place)


def turns(
    batches: Mapping[TopicPartition, list[Any]], most: int
) -> Iterator[dict[TopicPartition, list[Any]]]:
    """Yield the records of a poll in turns of at most `most` reads, or of one record that has more."""
    turn: dict[TopicPartition, list[Any]] = {}
    filled = 0
    for partition, records in batches.items():
        for record in records:
            count = _count(record)
            if filled and filled + count > most:
                yield turn
                turn, filled = {}, 0
            turn.setdefault(partition, []).append(record)
            filled += count
    if turn:
        yield turn


def _halves_of(run: Sequence[One]) -> tuple[Sequence[One], Sequence[One]]:
    """Return both halves of a batch of which one was refused: halving finds it, the others stay in large batches."""
    middle = len(run) // 2
    return run[:middle], run[middle:]


def _count(record: Any) -> int:
    return count_of(headers_of(record.headers))


def _halves(message: Message, event: Event) -> list[tuple[Message, Event]]:
    """Return a record of several reads or passes as two records, any other alone."""
    if not isinstance(event, GroupedEvent) or len(event.records) < 2:
        return [(message, event)]
    return [(part_of(message, half), half) for half in event.halves()]


def _message(record: Any) -> Message:
    return Message(
        record.topic,
        record.partition,
        record.offset,
        record.key,
        record.value,
        headers_of(record.headers),
    )


def _traces_of(decoded: Sequence[tuple[Message, Event]]) -> AbstractContextManager[None]:
    """Return a context in which handlers find the trace of each event, if the batch has a span."""
    if not is_traced():
        return NO_SPAN
    found = {
        event.event_id: traceparent
        for message, event in decoded
        if (traceparent := valid_traceparent(message.headers.get("traceparent"))) is not None
    }
    return traces_of_events(found)
