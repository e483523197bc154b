"""Lists of the records that runs destroyed: written at a run's end, deleted when no service needs them."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from uuid import UUID

from services.retention.store.runs import Runs
from services.retention.store.slices import BUCKETS, NOWHERE, Slices
from shared.core.errors import Unavailable
from shared.events import PurgeList
from shared.objects.purge_list import DIGEST_BYTES, KINDS, Kind, ListWriter, Page, folder_of
from shared.service.api_runtime import ApiRuntime

log = logging.getLogger(__name__)

LIST_RETENTION = timedelta(days=30)
"""Age at which a list is deleted; until then Kafka can deliver the event that names it."""

READ_AT_ONCE = 100_000
"""Digests that one query reads, about, unless a single bucket has more."""

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

    async def _purged(self, run_id: UUID) -> AsyncIterator[Page]:
        async with self._runtime.db.begin() as connection:
            sizes = await Slices(connection).sizes(run_id)
        for kind in KINDS:
            if kind not in sizes:
                continue
            at_once = max(1, min(BUCKETS, BUCKETS * READ_AT_ONCE // sizes[kind]))
            for first in range(0, BUCKETS, at_once):
                buckets = range(first, min(first + at_once, BUCKETS))
                async with self._runtime.db.begin() as connection:
                    found, held = await Slices(connection).purged(run_id, kind, buckets)
                yield await asyncio.to_thread(_page, kind, found, held)

    async def _held(self, before: datetime) -> AsyncIterator[Page]:
        for kind in KINDS:
            after: UUID | None = NOWHERE
            while after is not None:
                async with self._runtime.db.begin() as connection:
                    found = await Slices(connection).held(kind, before, after)
                yield Page(kind, [digest.bytes for digest in found])
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


def _page(kind: Kind, found: bytes, held: bytes) -> Page:
    """Return the records of digests that lie one after the other in `found`, except those in `held`."""
    return Page(kind, sorted(_digests(found) - _digests(held)))


def _digests(joined: bytes) -> set[bytes]:
    return {joined[n : n + DIGEST_BYTES] for n in range(0, len(joined), DIGEST_BYTES)}
