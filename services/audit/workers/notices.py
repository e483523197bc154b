"""Sends new findings to the department, so that people learn of them without opening a page (468.3.1(c), ADR-0075).

Each receiver has its own notices, so that one that is down does not hold up another. A notice is stored before its
first attempt and keeps its id and content, so that a receiver can drop repeats.
"""

import logging
from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

from prometheus_client import Gauge

from services.audit.actions.notices import Receiver, receivers_of
from services.audit.domain.notices import DeliveryFault, is_undeliverable, pause_after
from services.audit.settings import NoticeSettings
from services.audit.store.notices import Claimed, Notices
from shared.core.errors import DependencyDown
from shared.core.periodic import PeriodicTask
from shared.service.api_runtime import ApiRuntime

log = logging.getLogger(__name__)

UNSENT = Gauge("alpr_findings_unsent", "Findings not yet delivered to a receiver", ["receiver"])
DEAD = Gauge(
    "alpr_findings_dead_lettered",
    "Findings whose notice is a dead letter of a receiver",
    ["receiver"],
)

AT_ONCE = 100
LEASE = timedelta(minutes=5)
"""While a process makes an attempt, the others skip the notice; after its crash they retry it after this time."""


class NoticeSender:
    """Delivers notices of findings to one receiver, at least once each."""

    def __init__(self, runtime: ApiRuntime, settings: NoticeSettings, receiver: Receiver) -> None:
        self._runtime = runtime
        self._receiver = receiver
        self._within = timedelta(hours=settings.audit_notice_hours)

    async def send(self) -> int:
        """Send all due notices, each of 100 findings at most; return the number of findings delivered.

        Raises: DependencyDown if the receiver does not accept one; a later run retries, after 15 minutes at most.
        """
        async with self._runtime.db.begin() as connection:
            now = self._runtime.clock.now()
            await Notices(connection).gather(self._receiver.name, uuid4(), now, AT_ONCE)
        delivered, fault = 0, None
        while fault is None and (claimed := await self._claimed()) is not None:
            fault = await self._receiver.deliver(claimed.notice, self._runtime.clock.now())
            await self._record(claimed, fault)
            delivered += 0 if fault else len(claimed.notice.findings)
        await self._show()
        if fault is not None:
            name = self._receiver.name
            raise DependencyDown(f"the receiver {name} did not accept the findings: {fault.why}")
        return delivered

    async def _claimed(self) -> Claimed | None:
        now = self._runtime.clock.now()
        async with self._runtime.db.begin() as connection:
            return await Notices(connection).claim(self._receiver.name, now, now + LEASE)

    async def _record(self, claimed: Claimed, fault: DeliveryFault | None) -> None:
        notice_id, now = claimed.notice.notice_id, self._runtime.clock.now()
        async with self._runtime.db.begin() as connection:
            notices = Notices(connection)
            if fault is None:
                await notices.sent(notice_id, now)
            elif is_undeliverable(fault, claimed.refusals, claimed.tried_at, now, self._within):
                await notices.dead(notice_id, now=now, fault=fault.why)
                log.error(
                    "notice %s is a dead letter of the receiver %s", notice_id, self._receiver.name
                )
            else:
                again = now + pause_after(claimed.attempts)
                await notices.failed(notice_id, again=again, fault=fault.why, refused=fault.refused)

    async def _show(self) -> None:
        name = self._receiver.name
        async with self._runtime.db.begin() as connection:
            counts = await Notices(connection).counts(name)
        UNSENT.labels(name).set(counts.waiting)
        DEAD.labels(name).set(counts.dead)


def notice_tasks(runtime: ApiRuntime, settings: NoticeSettings) -> Iterator[PeriodicTask]:
    """Yield a task for each receiver that is set."""
    receivers = list(receivers_of(settings))
    if not receivers:
        log.warning(
            "neither AUDIT_NOTICE_URL nor AUDIT_MAIL_URL is set: only the console shows findings"
        )
    for receiver in receivers:
        sender = NoticeSender(runtime, settings, receiver)
        yield PeriodicTask(f"notices by {receiver.name}", sender.send, settings.audit_notice_s)
