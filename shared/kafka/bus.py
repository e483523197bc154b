"""Publishing to Kafka: idempotent, acks=all, one batch per partition of a request."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Iterable, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from shared.core.errors import DependencyDown, TooLarge, Unavailable
from shared.core.periodic import cancelled
from shared.core.problem_codes import Common
from shared.core.spans import (
    NO_SPAN,
    Attributes,
    Kind,
    Tracer,
    batch_span,
    enclosing_span,
    is_traced,
)
from shared.events import Event
from shared.kafka.client import AWAY, Kafka, stop_client
from shared.kafka.codec import Record, encode_all
from shared.kafka.event_mac import MacKey, all_with_macs
from shared.kafka.topics import named

log = logging.getLogger(__name__)

SINGLE_LIMIT = 16
"""Up to this many records are sent singly, and the producer batches them; more are batched here."""

MAX_BATCH_BYTES = 512 * 1024
MAX_RECORD_BYTES = 1_048_576
"""aiokafka's own limit of a record, with its headers."""


class Bus(Protocol):
    """Publishes events."""

    async def publish(self, events: Sequence[Event]) -> None:
        """Return once Kafka has acknowledged every event. Raises: Unavailable if one is not acknowledged."""
        ...

    async def publish_records(self, records: Sequence[Record]) -> None:
        """Publish encoded records (the outbox, dead letters). Raises: Unavailable."""
        ...

    async def ping(self) -> None:
        """Return if Kafka answers. Raises: Unavailable."""
        ...


class KafkaBus:
    """A producer that is replaced when it breaks.

    aiokafka's idempotent producer stays broken after some errors (a batch that timed out leaves a gap in its sequence),
    so a fresh one is started after any failure. Until it is ready, every caller gets Unavailable at once: a camera that
    must retry anyway should not wait first.
    """

    def __init__(
        self,
        kafka: Kafka | str,
        source: str,
        *,
        timeout_s: float = 5,
        mac_key: MacKey | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        """`mac_key` is required to publish audited events without the outbox; `tracer` for spans of the outbox."""
        self._kafka = Kafka.at(kafka)
        self._source = source
        self._mac_key = mac_key
        self._tracer = tracer
        self._timeout_s = timeout_s
        self._producer: AIOKafkaProducer | None = None
        self._away = False
        """The last connection attempt failed."""

        self._fault = AWAY
        """Why it failed."""

        self._connecting: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._sending: set[asyncio.Timeout] = set()

    async def start(self) -> None:
        """Connect. Raises: Unavailable."""
        await self._ready()

    async def stop(self) -> None:
        """Flush and disconnect."""
        await cancelled(self._connecting)
        producer, self._producer = self._producer, None
        if producer is not None:
            await stop_client(producer)
        await asyncio.gather(*self._closing)

    async def publish(self, events: Sequence[Event]) -> None:
        """Return once every event is acknowledged by all in-sync replicas."""
        with _span_of(
            event.TOPIC for event in events
        ):  # the events' headers name it as their parent
            records = encode_all(events, self._source)
            await self._publish(all_with_macs(records, self._mac_key))

    async def publish_records(self, records: Sequence[Record]) -> None:
        """Return once every record is acknowledged; after a failure some may be in Kafka."""
        with self._span_of_records(records):
            await self._publish(records)

    def _span_of_records(self, records: Sequence[Record]) -> AbstractContextManager[None]:
        """Return the span of publishing what was encoded in other work: its records name their own parents."""
        if self._tracer is None or is_traced():
            return _span_of(record.topic for record in records)
        topic = named(record.topic for record in records)
        traceparents = (dict(record.headers).get("traceparent") for record in records)
        return batch_span(
            self._tracer,
            f"publish {topic}",
            Kind.PRODUCER,
            traceparents,
            _attributes(topic, len(records)),
        )

    async def _publish(self, records: Sequence[Record]) -> None:
        if not records:
            return
        producer = await self._ready()
        patience = asyncio.timeout(self._timeout_s)  # ends earlier if the producer is discarded
        try:
            async with patience:
                self._sending.add(patience)
                try:
                    if len(records) <= SINGLE_LIMIT:
                        await _send_singly(producer, records)
                    else:
                        await _send_batches(producer, records)
                finally:
                    self._sending.discard(patience)
        except MessageSizeTooLargeError as exc:  # the producer itself is fine
            raise TooLarge(Common.EVENT_TOO_LARGE) from exc
        except (KafkaError, TimeoutError) as exc:
            self._discard(producer, exc)
            raise Unavailable(Common.KAFKA_NOT_ACKNOWLEDGED) from exc

    async def ping(self) -> None:
        """Return if a broker answers a metadata request."""
        try:
            producer = await self._ready()
        except Unavailable as exc:  # readiness shows the reason, API callers do not see it
            raise DependencyDown(self._fault) from exc
        try:
            async with asyncio.timeout(2):
                await producer.client.fetch_all_metadata()
        except (KafkaError, TimeoutError) as exc:
            raise Unavailable(Common.KAFKA_AWAY) from exc

    async def _ready(self) -> AIOKafkaProducer:
        """Return the producer. Raises: Unavailable, at once if the last connection attempt failed."""
        if self._producer is None:
            if self._connecting is None or self._connecting.done():
                self._connecting = asyncio.create_task(self._connect(), name="connect to Kafka")
            if not self._away:
                await asyncio.shield(self._connecting)
        if self._producer is None:
            raise Unavailable(Common.KAFKA_AWAY)
        return self._producer

    async def _connect(self) -> None:
        """Try once to start a producer; concurrent callers share one attempt."""
        producer = self._kafka.producer(
            acks="all",
            enable_idempotence=True,
            # Events of one batch resemble each other: zstd leaves a tenth of the bytes, for 0.2 us a read. The
            # embedded broker, which rewrites its log as JSON every 3 s, needs a fifteenth (ADR-0003).
            compression_type="zstd",
            linger_ms=0,
            max_batch_size=MAX_BATCH_BYTES,
            max_request_size=MAX_RECORD_BYTES,
            partitioner=partition_of,
            request_timeout_ms=int(self._timeout_s * 1000),
        )
        starting = asyncio.create_task(producer.start(), name="start a producer")
        try:
            async with asyncio.timeout(self._timeout_s):
                await asyncio.shield(starting)
        except (KafkaError, TimeoutError, OSError):
            self._close(producer, starting)
            self._away = True
            await self._ask_why()
        except BaseException:
            self._close(producer, starting)
            raise
        else:
            self._producer, self._away, self._fault = producer, False, AWAY

    async def _ask_why(self) -> None:
        """Find out why Kafka cannot be reached, and log each new reason once."""
        before, self._fault = self._fault, await self._kafka.fault()
        if self._fault not in {before, AWAY}:
            log.error("%s", self._fault)

    def _discard(self, broken: AIOKafkaProducer, why: BaseException) -> None:
        """Discard a producer; all callers that wait for its acknowledgements fail now, not one by one."""
        if self._producer is not broken:
            return
        log.warning("publishing to Kafka failed: %s", type(why).__name__)
        self._producer, self._away = None, True
        now = asyncio.get_running_loop().time()
        for patience in self._sending:
            if not patience.expired():
                patience.reschedule(now)
        self._close(broken)

    def _close(
        self, producer: AIOKafkaProducer, starting: asyncio.Task[None] | None = None
    ) -> None:
        closing = asyncio.create_task(self._end(producer, starting), name="close a broken producer")
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def _end(self, producer: AIOKafkaProducer, starting: asyncio.Task[None] | None) -> None:
        if starting is not None:
            # aiokafka closes its first connection when a request has timed out, but not when it is cancelled.
            await asyncio.wait({starting}, timeout=self._timeout_s)
            await cancelled(starting)
        await _stop_quietly(producer)


def _span_of(topics: Iterable[str]) -> AbstractContextManager[None]:
    """Return a span of the current work for records of these topics; does nothing unless the work is sampled."""
    if not is_traced():
        return NO_SPAN
    each = list(topics)
    topic = named(each)
    return enclosing_span(f"publish {topic}", Kind.PRODUCER, _attributes(topic, len(each)))


def _attributes(topic: str, count: int) -> Attributes:
    return {
        "messaging.system": "kafka",
        "messaging.operation.type": "send",
        "messaging.destination.name": topic,
        "messaging.batch.message_count": count,
    }


async def _stop_quietly(producer: AIOKafkaProducer) -> None:
    """Stop a broken producer; its remaining records are not sent, and were not acknowledged."""
    try:
        async with asyncio.timeout(1):
            await producer.stop()
    except (KafkaError, TimeoutError, OSError) as exc:
        log.info("a broken producer did not stop cleanly: %s", type(exc).__name__)
    finally:
        # After a timeout the producer would still flush: close its sender, which otherwise reconnects.
        if producer._sender is not None:
            await producer._sender.close()
        await producer.client.close()


async def _send_singly(producer: AIOKafkaProducer, records: Iterable[Record]) -> None:
    pending = [
        await producer.send(r.topic, value=r.value, key=r.key, headers=r.headers) for r in records
    ]
    await _all_of(pending)


async def _send_batches(producer: AIOKafkaProducer, records: Iterable[Record]) -> None:
    by_partition: dict[tuple[str, int], list[Record]] = defaultdict(list)
    partitions: dict[str, list[int]] = {}
    for record in records:
        if _is_too_large(record):
            raise TooLarge(Common.EVENT_TOO_LARGE)
        ids = partitions.get(record.topic)
        if ids is None:
            ids = partitions[record.topic] = sorted(await producer.partitions_for(record.topic))
        by_partition[record.topic, partition_of(record.key, ids, ids)].append(record)
    pending = []
    for (topic, partition), members in by_partition.items():
        batch = producer.create_batch()
        for record in members:
            fields = {"key": record.key, "value": record.value, "headers": record.headers}
            if batch.append(timestamp=None, **fields) is None:
                pending.append(await producer.send_batch(batch, topic, partition=partition))
                batch = producer.create_batch()
                batch.append(timestamp=None, **fields)  # a batch always has room for its first
        pending.append(await producer.send_batch(batch, topic, partition=partition))
    await _all_of(pending)


def _is_too_large(record: Record) -> bool:
    """Whether aiokafka would refuse to send a record singly; the broker's refusal would break the producer."""
    if len(record.value) <= MAX_BATCH_BYTES:
        return False
    size: int = DefaultRecordBatchBuilder.estimate_size_in_bytes(*record[1:])
    return size > MAX_RECORD_BYTES


async def _all_of(pending: Sequence[Awaitable[object]]) -> None:
    if len(pending) == 1:
        await pending[0]  # the usual case; `gather` costs as much as encoding the record
    else:
        await asyncio.gather(*pending)


def partition_of(key: bytes, every: Sequence[int], _: object) -> int:
    """Return the partition of a key, the same as aiokafka's own partitioner, which takes 5 µs to hash it each time."""
    return every[_place_of(key, len(every))]


@lru_cache(maxsize=16_384)
def _place_of(key: bytes, count: int) -> int:
    place: int = _partitioner(key, range(count), ())
    return place


_partitioner = DefaultPartitioner()
