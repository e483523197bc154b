"""Notices what changes of live hits after they were raised, so that open pages show it at once (ADR-0122).

Some changes have a moment of their own (a person acknowledges a hit, a version of a list comes into force) and send a
notice; others come with time (an entry expires, an urgent hit stays unanswered or unfinished), so this also compares
every few seconds.
"""

from datetime import timedelta

from prometheus_client import Gauge

from services.hotlist.settings import Settings
from services.hotlist.store.announcements import Announcements
from services.hotlist.store.standings import Standings
from shared.core.periodic import PeriodicTask
from shared.service.api_runtime import ApiRuntime

UNANSWERED = Gauge(
    "alpr_alerts_unanswered",
    "Urgent alerts that no person has acknowledged, verified or disposed of within the set time",
)


class HitChanges:
    """Compares live hits with what the streams last had of them. Wake `task` when one may have changed."""

    def __init__(self, runtime: ApiRuntime, settings: Settings) -> None:
        self.task = PeriodicTask(
            "changes of hits", self._compare, settings.hotlist_poll_s, at_once=True, drain=True
        )
        self._runtime = runtime
        self._patrol = timedelta(hours=runtime.policy.limits.hits_without_purpose_h)
        self._answer_within = timedelta(seconds=settings.hotlist_answer_within_s)
        self._finish_within = timedelta(seconds=settings.hotlist_finish_within_s)

    async def _compare(self) -> None:
        now = self._runtime.clock.now()
        async with self._runtime.db.begin() as connection:
            compared = await Standings(connection).renew(
                now=now,
                fresh_since=now - self._patrol,
                answer_by=now - self._answer_within,
                finish_by=now - self._finish_within,
            )
            await Announcements(connection).forget(now - self._patrol)
        UNANSWERED.set(compared.unanswered)
