"""Reports what a service counts for the public figures, once for each month that has ended."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from msgspec import structs

from shared.core.ids import derive_id
from shared.core.months import Month, month_before
from shared.core.periodic import PeriodicTask
from shared.events import MonthCounted
from shared.postgres.database import first_sight, is_seen
from shared.postgres.outbox import emit
from shared.service.api_runtime import ApiRuntime

EVERY_S = 900.0

REPORTED_WITHIN = timedelta(days=14)
"""After the month's end. Later, what is stored says little of it, and the inbox may no longer know of the report."""

_INBOX = "month counts"

Count = Callable[[Month], Awaitable[MonthCounted]]
"""Counts for a month that has ended."""


class MonthReport:
    """Publishes `month.counted` of the last month. Of several replicas one does, and a month is reported once."""

    def __init__(self, runtime: ApiRuntime, count: Count) -> None:
        self._runtime = runtime
        self._count = count
        self.task = PeriodicTask("month counts", self.send_if_due, EVERY_S)

    async def send_if_due(self) -> bool:
        """Report the last month unless that was done or is too late; return whether this run did it.

        Raises: Unavailable.
        """
        now, db, service = self._runtime.clock.now(), self._runtime.db, self._runtime.service
        month = month_before(now, self._runtime.policy.department.time_zone)
        event_id = derive_id("month-counted", service, month.name)
        if now - month.end > REPORTED_WITHIN:
            return False
        async with db.begin() as connection:
            if await is_seen(connection, _INBOX, event_id):
                return False
        counted = await self._count(month)
        async with db.begin() as connection:
            if not await first_sight(connection, _INBOX, event_id):
                return False
            await emit(connection, service, structs.replace(counted, event_id=event_id))
        return True
