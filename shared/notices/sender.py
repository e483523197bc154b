"""Delivers a service's notices to one receiver, at least once each (ADR-0075).

Each receiver has its own notices, so that one that is down does not hold up another. A notice is stored before its
first attempt and keeps its id and content, so that a receiver can drop repeats.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID, uuid4

from prometheus_client import Gauge

from shared.core.errors import DependencyDown
from shared.notices.message import DeliveryFault, Message, Retries
from shared.notices.receivers import Receiver
from shared.notices.store import Claimed, Notices, Subject
from shared.service.api_runtime import ApiRuntime

log = logging.getLogger(__name__)

T = TypeVar("T")

AT_ONCE = 100
"""The most items of a notice."""


@dataclass(frozen=True)
class Outbound(Generic[T]):
    """A service's notices: what they are about, how they are written, and which gauges count the undelivered ones."""

    items: str
    """What they are about, in the plural: findings."""

    subject: Subject[T]
    message: Callable[[UUID, Sequence[T]], Message]
    """Writes a notice of some items; of none, a test of the receiver."""

    retries: Retries
    unsent: Gauge
    """Items not yet delivered, by receiver."""

    dead_lettered: Gauge
    """Items whose notice is a dead letter, by receiver."""


class NoticeSender(Generic[T]):
    """Delivers notices to one receiver."""

    def __init__(self, runtime: ApiRuntime, outbound: Outbound[T], receiver: Receiver) -> None:
        self._runtime = runtime
        self._outbound = outbound
        self._receiver = receiver

    async def send(self) -> int:
        """Send all due notices, each of 100 items at most; return the number of items delivered.

        Raises: DependencyDown if the receiver does not accept one; a later run retries.
        """
        subject = self._outbound.subject
        async with self._runtime.db.begin() as connection:
            now = self._runtime.clock.now()
            await Notices(connection, subject).gather(self._receiver.name, uuid4(), now, AT_ONCE)
        delivered, fault = 0, None
        while fault is None and (claimed := await self._claimed()) is not None:
            message = self._outbound.message(claimed.notice_id, claimed.items)
            fault = await self._receiver.deliver(message, self._runtime.clock.now())
            await self._record(claimed, fault)
            delivered += 0 if fault else len(claimed.items)
        await self._show()
        if fault is not None:
            name, items = self._receiver.name, self._outbound.items
            raise DependencyDown(f"the receiver {name} did not accept the {items}: {fault.why}")
        return delivered

    async def _claimed(self) -> Claimed[T] | None:
        now = self._runtime.clock.now()
        async with self._runtime.db.begin() as connection:
            notices = Notices(connection, self._outbound.subject)
            return await notices.claim(self._receiver.name, now, now + self._receiver.lease)

    async def _record(self, claimed: Claimed[T], fault: DeliveryFault | None) -> None:
        notice_id, now, retries = (
            claimed.notice_id,
            self._runtime.clock.now(),
            self._outbound.retries,
        )
        async with self._runtime.db.begin() as connection:
            notices = Notices(connection, self._outbound.subject)
            if fault is None:
                await notices.sent(notice_id, now)
            elif retries.are_over(fault, claimed.refusals, claimed.tried_at, now):
                await notices.dead(notice_id, now=now, fault=fault.why)
                log.error(
                    "notice %s is a dead letter of the receiver %s", notice_id, self._receiver.name
                )
            else:
                again = now + retries.pause_after(claimed.attempts)
                await notices.failed(notice_id, again=again, fault=fault.why, refused=fault.refused)

    async def _show(self) -> None:
        name = self._receiver.name
        async with self._runtime.db.begin() as connection:
            counts = await Notices(connection, self._outbound.subject).counts(name)
        self._outbound.unsent.labels(name).set(counts.waiting)
        self._outbound.dead_lettered.labels(name).set(counts.dead)
