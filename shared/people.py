"""Follows identity's keys and accounts, so that tokens are checked offline and revoked within seconds."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.codec import Message, decode
from shared.consumer import is_being_cancelled, pace
from shared.errors import AlprError, CredentialEnded, Unavailable
from shared.events import AccountChanged, Event, KeyPublished
from shared.kafka import Kafka
from shared.tokens import KeyRing

log = logging.getLogger(__name__)

REPLAYED = (KeyPublished, AccountChanged)


class People:
    """What a service knows of keys and accounts: enough to check a token, nothing more."""

    def __init__(self, issuer: str) -> None:
        self.keys = KeyRing(issuer)
        self._changed_at: dict[str, datetime] = {}
        self._valid_from: dict[str, datetime] = {}
        self._barred: dict[str, str] = {}

    def learn(self, event: Event) -> None:
        """Take in one event."""
        if isinstance(event, KeyPublished):
            self.keys.add(event.kid, event.jwk, event.not_after)
        elif isinstance(event, AccountChanged):
            account = str(event.account_id)
            if event.occurred_at < self._changed_at.get(account, event.occurred_at):
                return  # identity knows its own changes before Kafka brings the earlier ones
            self._changed_at[account] = event.occurred_at
            self._valid_from[account] = event.tokens_valid_from
            self._barred.pop(account, None)
            if event.status != "active":
                self._barred[account] = event.status

    def check(self, claims: dict[str, Any]) -> None:
        """Raise CredentialEnded if the account of `claims` may not act, or its token was revoked."""
        account = str(claims["sub"])
        if (status := self._barred.get(account)) is not None:
            raise CredentialEnded(f"this account is {status}")
        issued = datetime.fromtimestamp(float(claims["iat"]), UTC)
        valid_from = self._valid_from.get(account)
        if valid_from is not None and issued < valid_from:
            raise CredentialEnded("this token was revoked")


class PeopleFollower:
    """Replays the topics from their start, then follows them; no group, every process reads all."""

    def __init__(self, kafka: Kafka | str, people: People, *, idle_pause_s: float = 0) -> None:
        self._kafka = Kafka.at(kafka)
        self._people = people
        self._idle_pause_s = idle_pause_s
        self._task: asyncio.Task[None] | None = None
        self._caught_up = asyncio.Event()
        self._failing = False

    def start(self) -> None:
        """Begin in the background."""
        self._task = asyncio.create_task(self._run(), name="people follower")

    async def stop(self) -> None:
        """Stop following."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def ping(self) -> None:
        """Return once everything published so far is known. Raises: Unavailable before that."""
        if not self._caught_up.is_set() or self._failing:
            raise Unavailable("keys and accounts are not yet known")

    async def _run(self) -> None:
        while True:
            try:
                await self._follow()
            except asyncio.CancelledError:
                if is_being_cancelled():
                    raise
                self._failing = True
            except Exception:
                self._failing = True
                log.exception("following keys and accounts failed; again in 1 s")
            await asyncio.sleep(1)

    async def _follow(self) -> None:
        consumer = self._kafka.consumer(
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=250,
        )
        try:
            await consumer.start()
            partitions = [TopicPartition(event.TOPIC, 0) for event in REPLAYED]
            consumer.assign(partitions)
            if self._idle_pause_s:
                pace(consumer, self._idle_pause_s)
            ends = await consumer.end_offsets(partitions)
            await consumer.seek_to_beginning(*partitions)
            while True:
                for records in (await consumer.getmany(timeout_ms=1000)).values():
                    for record in records:
                        self._learn(record)
                if not self._caught_up.is_set() or self._failing:
                    await self._look_whether_caught_up(consumer, ends)
        finally:
            await consumer.stop()

    def _learn(self, record: Any) -> None:
        if record.value is None:
            return
        headers = dict(record.headers)
        message = Message(
            record.topic, record.partition, record.offset, record.key, record.value, headers
        )
        try:
            self._people.learn(decode(message))
        except (AlprError, ValueError) as exc:  # one bad record must not lock everybody out
            log.error("%s offset %d not understood: %s", record.topic, record.offset, exc)

    async def _look_whether_caught_up(
        self, consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]
    ) -> None:
        for partition, end in ends.items():
            if await consumer.position(partition) < end:
                return
        self._failing = False
        self._caught_up.set()
