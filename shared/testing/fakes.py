"""In-process stand-ins for Kafka, the object store and the clock, for tests only."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from shared.core.errors import NotFound, TooLarge, Unavailable
from shared.core.problem_codes import Common
from shared.events import Event
from shared.kafka.codec import Message, Record, decode, decode_present, encode, encode_all
from shared.kafka.consumer import Handler, MessageHandler
from shared.kafka.event_mac import with_mac
from shared.kafka.topics import TOPICS
from shared.objects.store import PAGE, Level, Stored
from shared.testing.macs import mac_key, maker_of

E = TypeVar("E", bound=Event)

MAX_RECORD_BYTES = 1_048_576
"""The most bytes of a record's value; Kafka's own default."""


class FakeBus:
    """Stores published records; `down` makes it refuse like a Kafka that does not answer.

    Publishes events of audited topics as one of the topic's producers, with its MAC.
    """

    def __init__(self, source: str = "test") -> None:
        self.records: list[Record] = []
        self.down = False
        self._source = source

    async def publish(self, events: Sequence[Event]) -> None:
        """Store `events` as records. Raises: Unavailable while down, TooLarge."""
        await self.publish_records([record for event in events for record in self._records(event)])

    def _records(self, event: Event) -> list[Record]:
        if not TOPICS[event.TOPIC].audited:
            return encode_all([event], self._source)
        maker = maker_of(event.TOPIC, getattr(event, "service", None) or self._source)
        return [with_mac(encode(event, maker), mac_key(maker))]

    async def publish_records(self, records: Sequence[Record]) -> None:
        """Store `records`. Raises: Unavailable while down, TooLarge."""
        if records and self.down:
            raise Unavailable(Common.KAFKA_NOT_ACKNOWLEDGED)
        if any(len(record.value) > MAX_RECORD_BYTES for record in records):
            raise TooLarge(Common.EVENT_TOO_LARGE)
        self.records.extend(records)

    async def ping(self) -> None:
        """Raise Unavailable while down."""
        if self.down:
            raise Unavailable(Common.KAFKA_AWAY)

    def events(self, kind: type[E]) -> list[E]:
        """Return the published events of one type, decoded as a consumer would."""
        found = [
            decode(_message(r, n)) for n, r in enumerate(self.records) if r.topic == kind.TOPIC
        ]
        return [event for event in found if isinstance(event, kind)]

    async def deliver(self, handlers: Mapping[type[Event], Handler]) -> None:
        """Pass each published event to its handler, if it has one, in order; then clear all records."""
        records, self.records = self.records, []
        for number, record in enumerate(records):
            event = decode_present(_message(record, number))
            if (handler := handlers.get(type(event))) is not None:
                await handler([event])

    async def deliver_whole(self, handler: MessageHandler) -> None:
        """Pass all published records to `handler` undecoded, in one call; then clear them."""
        records, self.records = self.records, []
        if records:
            await handler([_message(record, number) for number, record in enumerate(records)])


def _message(record: Record, offset: int) -> Message:
    return Message(record.topic, 0, offset, record.key, record.value, dict(record.headers))


class FakeObjects:
    """Stores bytes by key; `down` makes it refuse. Objects missing in `put_at` count as stored now."""

    def __init__(self) -> None:
        self.stored: dict[str, bytes] = {}
        self.put_at: dict[str, datetime] = {}
        self.down = False

    def _check(self) -> None:
        if self.down:
            raise Unavailable(Common.OBJECT_STORE_AWAY)

    async def put(self, key: str, data: bytes) -> None:
        """Store `data`."""
        self._check()
        self.stored[key] = data

    async def put_file(self, key: str, path: Path) -> None:
        """Store the content of a file."""
        await self.put(key, await asyncio.to_thread(path.read_bytes))

    async def get(self, key: str) -> bytes:
        """Return the stored bytes. Raises: NotFound."""
        self._check()
        if key not in self.stored:
            raise NotFound(Common.OBJECT_MISSING)
        return self.stored[key]

    async def stream(self, key: str) -> AsyncIterator[bytes]:
        """Yield the stored bytes. Raises: NotFound."""
        yield await self.get(key)

    async def delete(self, key: str) -> None:
        """Delete `key`."""
        self._check()
        self.stored.pop(key, None)

    async def delete_all(self, keys: Sequence[str]) -> frozenset[str]:
        """Delete `keys` one by one; return those that were refused."""
        results = await asyncio.gather(*map(self.delete, keys), return_exceptions=True)
        return frozenset(key for key, found in zip(keys, results, strict=True) if found)

    async def level(self, folder: str) -> Level:
        """Return the folders and objects directly in a folder."""
        below = await self.page(folder, limit=len(self.stored))
        start = len(folder) + 1
        return Level(
            list(dict.fromkeys(k[: k.index("/", start)] for k, _ in below if "/" in k[start:])),
            [one for one in below if "/" not in one.key[start:]],
        )

    async def page(
        self, folder: str, *, after: str | None = None, limit: int = PAGE
    ) -> list[Stored]:
        """Return objects in a folder and those below it, by key."""
        self._check()
        now = datetime.now(UTC)
        keys = sorted(k for k in self.stored if k.startswith(f"{folder}/") and k > (after or ""))
        return [Stored(key, self.put_at.get(key, now)) for key in keys[:limit]]

    async def ping(self) -> None:
        """Raise Unavailable while down."""
        self._check()


class FakeClock:
    """A clock that moves only by `advance`."""

    def __init__(self, now: datetime | None = None) -> None:
        self._now = now or datetime(2026, 6, 1, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        """Return the time that was set."""
        return self._now

    def advance(self, **duration: Any) -> None:
        """Move forward by a timedelta's arguments."""
        self._now += timedelta(**duration)
