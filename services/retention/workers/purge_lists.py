"""Lists of the records that runs destroyed: written at a run's end, deleted when no service needs them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from services.retention.store.runs import Runs
from services.retention.store.slices import BUCKETS, DIGEST_BYTES, KINDS, NOWHERE, Slices
from shared.core.errors import Unavailable
from shared.events import PurgeList
from shared.objects.purge_list import Kind, ListWriter, folder_of, lines_of
from shared.service.api_runtime import ApiRuntime

log = logging.getLogger(__name__)

LIST_RETENTION = timedelta(days=30)
"""Age at which a list is deleted; until then Kafka can deliver the event that names it."""

CLEARED_AT_ONCE = 20
"""Slices deleted in one transaction."""

ENDED_AT_ONCE = 50


class PurgeLists:
    """Writes and deletes the lists of purge runs (docs/purge-list.md)."""

    def __init__(self, runtime: ApiRuntime) -> None:
        self._runtime = runtime

    async def write(self, run_id: UUID, before: datetime) -> PurgeList:
        """Write the list of a run, a bucket of digests at a time; no transaction lasts longer than one query.

        Raises: Unavailable if the object store does not accept it.
        """
        writer = ListWriter(self._runtime.objects, run_id, before)
        return await writer.write(self._purged(run_id), self._held(before))

    async def _purged(self, run_id: UUID) -> AsyncIterator[Sequence[bytes]]:
        for kind in KINDS:
            for bucket in range(BUCKETS):
                async with self._runtime.db.begin() as connection:
                    found, held = await Slices(connection).purged(run_id, kind, bucket)
                yield await asyncio.to_thread(_lines, kind, found, held)

    async def _held(self, before: datetime) -> AsyncIterator[Sequence[bytes]]:
        for kind in KINDS:
            after: UUID | None = NOWHERE
            while after is not None:
                async with self._runtime.db.begin() as connection:
                    found = await Slices(connection).held(kind, before, after)
                yield lines_of(kind, [digest.bytes for digest in found])
                after = found[-1] if found else None

    async def clear(self) -> None:
        """Delete the slices that no run needs any more, such as those of runs whose lists are written."""
        cleared = CLEARED_AT_ONCE
        while cleared == CLEARED_AT_ONCE:
            async with self._runtime.db.begin() as connection:
                cleared = await Slices(connection).clear(CLEARED_AT_ONCE)

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


def _lines(kind: Kind, found: bytes, held: set[bytes]) -> list[bytes]:
    """Return the lines of digests that lie one after the other in `found`, except held ones, in a list's order."""
    digests = {found[n : n + DIGEST_BYTES] for n in range(0, len(found), DIGEST_BYTES)}
    return lines_of(kind, sorted(digests - held))
