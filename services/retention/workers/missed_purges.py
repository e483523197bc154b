"""Announces records that are long past the schedule while no purge reaches them (policy 468.3.1(f), ADR-0120)."""

from datetime import timedelta
from functools import partial

from services.retention.domain.destruction import Basis
from services.retention.store.holds import HoldsInForce
from services.retention.store.missed_purges import MissedPurges
from shared.core.periodic import PeriodicTask
from shared.events import PurgeMissed
from shared.postgres.outbox import emit
from shared.service.api_runtime import ApiRuntime

EVERY_S = 6 * 3600


def task(runtime: ApiRuntime) -> PeriodicTask:
    """Return the task that announces them."""
    return PeriodicTask("missed purges", partial(announce_missed, runtime), EVERY_S, at_once=True)


async def announce_missed(runtime: ApiRuntime) -> bool:
    """Announce the oldest day of overdue records, once for each such day; return whether it was announced now."""
    policy, now = runtime.policy.retention, runtime.clock.now()
    grace = timedelta(days=policy.overdue_days)
    async with runtime.db.begin() as connection:
        missed = MissedPurges(connection, await HoldsInForce(connection).all())
        oldest_on = await missed.oldest_day(Basis.of(policy).due(now) - grace)
        if oldest_on is None or await missed.is_reached(oldest_on, now - grace):
            return False
        if not await missed.report(oldest_on):
            return False
        event = PurgeMissed(
            occurred_at=now,
            oldest_on=oldest_on,
            schedule_days=policy.schedule_days,
            overdue_days=policy.overdue_days,
        )
        await emit(connection, runtime.service, event)
    return True
