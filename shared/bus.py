"""Publishing to Kafka: idempotent, acks=all, one batch per partition of a request."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared.codec import Record, encode_all
from shared.errors import Unavailable
from shared.events import Event

log = logging.getLogger(__name__)

SINGLE_LIMIT = 16
"""Up to this many records go one by one, which the producer batches itself; more are built here."""

MAX_BATCH_BYTES = 512 * 1024


class Bus(Protocol):
    """Where events go."""

    async def publish(self, events: Sequence[Event]) -> None:
        """Return once every event is acknowledged by Kafka. Raises: Unavailable if one is not."""
        ...

    async def publish_records(self, records: Sequence[Record]) -> None:
        """Publish what is encoded already (the outbox, dead letters). Raises: Unavailable."""
        ...

    async def ping(self) -> None:
        """Return if Kafka answers. Raises: Unavailable."""
        ...


class KafkaBus:
    """A producer that is replaced when it breaks.

    aiokafka's idempotent producer stays broken for good after some errors (a batch that ran out of
    time leaves a gap in its sequence), so after any failure the next publish starts a fresh one.
    """

    def __init__(self, bootstrap: str, source: str, *, timeout_s: float = 10) -> None:
        self._bootstrap = bootstrap
        self._source = source
        self._timeout_s = timeout_s
        self._producer: AIOKafkaProducer | None = None
        self._lock = asyncio.Lock()

    async def start(self) -> None:
        """Connect. Raises: Unavailable."""
        await self._ready()

    async def stop(self) -> None:
        """Flush and disconnect."""
        async with self._lock:
            producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def publish(self, events: Sequence[Event]) -> None:
        """Return once every event is acknowledged by all in-sync replicas."""
        await self.publish_records(encode_all(events, self._source))

    async def publish_records(self, records: Sequence[Record]) -> None:
        """Return once every record is acknowledged; on failure some may have been taken."""
        if not records:
            return
        producer = await self._ready()
        try:
            async with asyncio.timeout(self._timeout_s):
                if len(records) <= SINGLE_LIMIT:
                    await _send_singly(producer, records)
                else:
                    await _send_batches(producer, records)
        except (KafkaError, TimeoutError) as exc:
            log.warning("publish failed: %s", type(exc).__name__)
            await self._discard(producer)
            raise Unavailable("Kafka did not acknowledge") from exc

    async def ping(self) -> None:
        """Return if a broker answers a metadata request."""
        producer = await self._ready()
        try:
            async with asyncio.timeout(2):
                await producer.client.fetch_all_metadata()
        except (KafkaError, TimeoutError) as exc:
            raise Unavailable("Kafka does not answer") from exc

    async def _ready(self) -> AIOKafkaProducer:
        if self._producer is not None:
            return self._producer
        async with self._lock:
            if self._producer is None:
                self._producer = await self._connect()
            return self._producer

    async def _connect(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            acks="all",
            enable_idempotence=True,
            # Events of one batch are much alike: a tenth of the bytes, for 0.2 us a read. The embedded
            # broker, which rewrites its log as JSON every 3 s, spends a fifteenth (ADR-0003).
            compression_type="zstd",
            linger_ms=0,
            max_batch_size=MAX_BATCH_BYTES,
            request_timeout_ms=int(self._timeout_s * 1000),
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                await producer.start()
        except (KafkaError, TimeoutError, OSError) as exc:
            await _stop_quietly(producer)
            raise Unavailable("Kafka does not answer") from exc
        return producer

    async def _discard(self, broken: AIOKafkaProducer) -> None:
        async with self._lock:
            if self._producer is not broken:
                return
            self._producer = None
        await _stop_quietly(broken)


async def _stop_quietly(producer: AIOKafkaProducer) -> None:
    """Stop a broken producer; what it still holds is not sent, and was not acknowledged."""
    try:
        async with asyncio.timeout(1):
            await producer.stop()
    except (KafkaError, TimeoutError, OSError) as exc:
        log.info("a broken producer did not stop cleanly: %s", type(exc).__name__)
    finally:
        # A stop that ran out of time was still flushing: its sender would go on and reconnect.
        if producer._sender is not None:
            await producer._sender.close()
        await producer.client.close()


async def _send_singly(producer: AIOKafkaProducer, records: Iterable[Record]) -> None:
    pending = [
        await producer.send(r.topic, value=r.value, key=r.key, headers=r.headers) for r in records
    ]
    await asyncio.gather(*pending)


async def _send_batches(producer: AIOKafkaProducer, records: Iterable[Record]) -> None:
    by_partition: dict[tuple[str, int], list[Record]] = defaultdict(list)
    by_key: dict[tuple[str, bytes], list[Record]] = {}  # aiokafka takes 5 us to hash a key
    for record in records:
        members = by_key.get((record.topic, record.key))
        if members is None:
            ids = sorted(await producer.partitions_for(record.topic))
            partition = producer._partitioner(record.key, ids, ids)
            members = by_key[record.topic, record.key] = by_partition[record.topic, partition]
        members.append(record)
    pending = []
    for (topic, partition), members in by_partition.items():
        batch = producer.create_batch()
        for record in members:
            fields = {"key": record.key, "value": record.value, "headers": record.headers}
            if batch.append(timestamp=None, **fields) is None:
                pending.append(await producer.send_batch(batch, topic, partition=partition))
                batch = producer.create_batch()
                if batch.append(timestamp=None, **fields) is None:
                    raise Unavailable("an event is larger than a Kafka batch")
        pending.append(await producer.send_batch(batch, topic, partition=partition))
    await asyncio.gather(*pending)
