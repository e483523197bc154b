"""Lists of the records that runs destroyed: written at a run's end, deleted when no service needs them."""

import logging
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.store.purged import Purged
from services.retention.store.runs import Runs
from shared.core.errors import Unavailable
from shared.events import PurgeList
from shared.objects.purge_list import ListWriter, folder_of
from shared.service.api_runtime import ApiRuntime

log = logging.getLogger(__name__)

LIST_RETENTION = timedelta(days=30)
"""Age at which a list is deleted; until then Kafka can deliver the event that names it."""

CLEARED_AT_ONCE = 50_000
ENDED_AT_ONCE = 50


class PurgeLists:
    """Writes and deletes the lists of purge runs (docs/purge-list.md)."""

    def __init__(self, runtime: ApiRuntime) -> None:
        self._runtime = runtime

    async def write(self, connection: AsyncConnection, run_id: UUID, before: datetime) -> PurgeList:
        """Write the list of a run. The caller's transaction has locked the run, so no step adds to it.

        Raises: Unavailable if the object store does not accept it.
        """
        await Purged(connection).adopt(run_id, before)
        writer = ListWriter(self._runtime.objects, run_id, before)
        return await writer.write(
            Purged(connection).of_run(run_id), Purged(connection).held(before)
        )

    async def clear(self) -> None:
        """Delete the stored ids of runs whose lists are written."""
        cleared = CLEARED_AT_ONCE
        while cleared == CLEARED_AT_ONCE:
            async with self._runtime.db.begin() as connection:
                cleared = await Purged(connection).clear(CLEARED_AT_ONCE)

    async def end_old(self) -> None:
        """Delete lists older than `LIST_RETENTION`; a failed deletion is retried in the next turn."""
        now = self._runtime.clock.now()
        async with self._runtime.db.begin() as connection:
            runs = await Runs(connection).lists_past(now - LIST_RETENTION, ENDED_AT_ONCE)
        for run_id in runs:
            try:
                await self._delete(run_id)
            except Unavailable as exc:
                log.warning("the list of purge %s is not deleted yet: %s", run_id, exc.detail)
                return
            async with self._runtime.db.begin() as connection:
                await Runs(connection).end_list(run_id, now)

    async def _delete(self, run_id: UUID) -> None:
        objects, folder = self._runtime.objects, folder_of(run_id)
        while found := await objects.page(folder):
            for one in found:
                await objects.delete(one.key)
