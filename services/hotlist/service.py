"""The object that the routes of a running hotlist use."""

import logging
from asyncio import Semaphore
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Annotated
from uuid import uuid4

from services.hotlist.domain.problem_codes import Code
from services.hotlist.settings import Settings
from services.hotlist.store.lists import CHANNEL as LISTS_CHANNEL
from services.hotlist.store.raised import CHANNEL as ALERTS_CHANNEL
from services.hotlist.store.standings import CHANNEL as HITS_CHANNEL
from services.hotlist.workers.announcing import announcing_tasks
from services.hotlist.workers.broadcast import Broadcaster, Encode, EncodeEnd
from services.hotlist.workers.hit_changes import HitChanges
from services.hotlist.workers.index_refresh import Refresher
from services.hotlist.workers.matcher import Matcher
from services.hotlist.workers.month_counts import MonthCounter
from services.hotlist.workers.notices import Notices
from shared.core.errors import Unavailable
from shared.core.periodic import PeriodicTask
from shared.events.signed_captures import CaptureProofs
from shared.postgres.month_secrets import MonthSecrets
from shared.postgres.unit_of_work import UnitOfWork
from shared.service.api_runtime import ApiRuntime, ApiService
from shared.service.month_counts import MonthReport
from shared.service.running import needs
from shared.service.runtime import Task
from shared.service.stopping import before_stop

log = logging.getLogger(__name__)

MAX_UPLOADS = 2
"""The most uploads at a time in one process."""


@dataclass(frozen=True)
class HotlistService(ApiService):
    """One process of hotlist: the matcher and the streams, started after the database is ready."""

    settings: Settings
    secrets: MonthSecrets
    proofs: CaptureProofs
    """Verifies that ingest signed the captures of reads."""

    refresher: Refresher
    broadcaster: Broadcaster
    hit_changes: HitChanges
    matcher: Matcher
    notices: Notices
    month_report: MonthReport
    announcing: Sequence[PeriodicTask]
    """Sends urgent alerts to the department's receivers, one task each."""

    uploads: Semaphore = field(default_factory=lambda: Semaphore(MAX_UPLOADS))
    """Limits the uploads in progress; an upload holds it until it has arrived."""

    @classmethod
    def of(
        cls, runtime: ApiRuntime, settings: Settings, encode: Encode, encode_end: EncodeEnd
    ) -> "HotlistService":
        """Return the service, not started; `encode` and `encode_end` write what the stream sends."""
        own = uuid4().hex
        secrets = runtime.month_secrets(settings.id_vault)
        proofs = CaptureProofs(
            runtime.trust, runtime.clock, unsigned_until=settings.unsigned_captures_until
        )
        refresher = Refresher(runtime, settings)
        broadcaster = Broadcaster(runtime, settings, encode, encode_end)
        announcing = tuple(announcing_tasks(runtime, settings))
        raised = (broadcaster.task.wake, *(task.wake for task in announcing))
        matcher = Matcher(runtime, settings, refresher, raised, own, secrets)
        hit_changes = HitChanges(runtime, settings)
        channels = {
            LISTS_CHANNEL: (refresher.task.wake, hit_changes.task.wake),
            ALERTS_CHANNEL: raised,
            HITS_CHANNEL: (hit_changes.task.wake,),
        }
        notices = Notices(settings.database_link(), channels, own)
        month_report = MonthReport(runtime, MonthCounter(runtime).count)
        return cls(
            runtime,
            settings,
            secrets,
            proofs,
            refresher,
            broadcaster,
            hit_changes,
            matcher,
            notices,
            month_report,
            announcing,
        )

    def tasks(self) -> Sequence[Task]:
        """Return the tasks: secrets, the index, alert streams and their changes, notices, counts, announcements."""
        return (
            self.secrets.reloading,
            self.refresher.task,
            self.broadcaster.task,
            self.hit_changes.task,
            self.notices.task,
            self.month_report.task,
            *self.announcing,
        )

    @contextmanager
    def serving(self) -> Iterator[None]:
        """End the streams at the signal to stop, because the server waits for them, and at the stop."""
        try:
            with before_stop(self.broadcaster.close):
                yield
        finally:
            self.broadcaster.close()

    @asynccontextmanager
    async def changing(self) -> AsyncIterator[UnitOfWork]:
        """Open a transaction and refresh this process's index after commit; replicas follow soon after."""
        async with self.runtime.db.begin() as connection:
            yield UnitOfWork(connection, self.runtime.service, self.runtime.clock)
        try:
            await self.refresher.refresh()
        except Unavailable as exc:  # already committed; the refresher retries by itself
            log.warning("hot lists not refreshed after a change: %s", exc.detail)

    @asynccontextmanager
    async def uploading(self) -> AsyncIterator[None]:
        """Limit the uploads in progress: each holds a database connection until it has arrived.

        Raises: Unavailable when `MAX_UPLOADS` are in progress.
        """
        if self.uploads.locked():
            raise Unavailable(Code.SHEET_UPLOADS_BUSY, retry_after_s=10)
        async with self.uploads:
            yield


Running = Annotated[HotlistService, needs(HotlistService)]
