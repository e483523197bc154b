"""Empties the lists of objects and plates that purge steps leave.

No transaction is open while the object store deletes. Storing reads waits for the deletion of plates, so each
transaction of it is short: it deletes as many as the last ones did in `FORGET_FOR_S`.
"""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from time import perf_counter

from sqlalchemy.exc import DBAPIError

from services.retention.store.cleanup_queue import BEGINNING, CleanupQueue
from services.retention.store.locks import LOCK_NOT_AVAILABLE
from shared.postgres.database import sqlstate
from shared.service.api_runtime import ApiRuntime

log = logging.getLogger(__name__)

OBJECTS_AT_ONCE = 5000
PLATES_AT_ONCE = 5000
"""Plates of one query, which locks no writer out."""

FORGET_FOR_S = 0.01
"""Time for which a transaction that deletes plates should lock out writers of reads."""

FEWEST, MOST = 20, 1000
"""Bounds of the plates that one transaction deletes."""

TRIES = 200
"""Tries to lock the plates of one transaction; a busy service stores reads in between."""

PAUSE_S = 0.01


class Cleaner:
    """Deletes the objects and plates of destroyed records; several workers may run."""

    def __init__(self, runtime: ApiRuntime) -> None:
        self._runtime = runtime
        self._forget_at_once = FEWEST

    async def delete_objects(self) -> None:
        """Delete listed objects; each stays listed until its deletion succeeds."""
        if not await self._delete_blocks():
            return
        after, full = BEGINNING, True
        while full:
            async with self._runtime.db.begin() as connection:
                queued = await CleanupQueue(connection).objects(after, OBJECTS_AT_ONCE)
            if not queued:
                return
            keys = [one.object_key for one in queued]
            failed = await self._runtime.objects.delete_all(keys)
            async with self._runtime.db.begin() as connection:
                gone = [key for key in keys if key not in failed]
                await CleanupQueue(connection).objects_done(gone, list(failed))
            if failed:
                log.warning("%d objects could not be deleted; the next turn retries", len(failed))
                return
            after, full = queued[-1], len(queued) == OBJECTS_AT_ONCE

    async def _delete_blocks(self) -> bool:
        """Delete the objects of destroyed slices; return False after a failure, so that the next turn goes on."""
        while True:
            async with self._runtime.db.begin() as connection:
                block = await CleanupQueue(connection).next_block()
            if block is None:
                return True
            failed = await self._runtime.objects.delete_all(block.object_keys)
            async with self._runtime.db.begin() as connection:
                await CleanupQueue(connection).block_done(block, list(failed))
            if failed:
                log.warning("%d objects could not be deleted; the next turn retries", len(failed))
                return False

    async def forget_plates(self) -> None:
        """Delete listed plates without reads. A busy service postpones the rest to the next turn."""
        listed_more = True
        while listed_more:
            async with self._runtime.db.begin() as connection:
                listed_more = await CleanupQueue(connection).list_plates()
        after, full = -1, True
        while full:
            async with self._runtime.db.begin() as connection:
                listed = await CleanupQueue(connection).plates(after, PLATES_AT_ONCE)
            if not listed:
                return
            done = [one.plate_id for one in listed if one.is_read]
            rest = [one.plate_id for one in listed if not one.is_read]
            for some in self._pieces(rest):
                if not await self._forget(some):
                    log.info("storing reads keeps the plates locked; the next turn forgets more")
                    full = False
                    break
                done += some
            async with self._runtime.db.begin() as connection:
                await CleanupQueue(connection).plates_checked(done)
            after, full = listed[-1].plate_id, full and len(listed) == PLATES_AT_ONCE

    def _pieces(self, plates: Sequence[int]) -> Iterator[Sequence[int]]:
        """Yield `plates` in pieces, each as large as the times of those before it allow."""
        start = 0
        while start < len(plates):
            some = plates[start : start + self._forget_at_once]
            start += len(some)
            yield some

    async def _forget(self, plates: Sequence[int]) -> bool:
        """Delete plates without reads in one transaction; return False if writers did not give way."""
        for _ in range(TRIES):
            began = perf_counter()
            try:
                async with self._runtime.db.begin() as connection:
                    await CleanupQueue(connection).forget(plates)
            except DBAPIError as exc:
                if sqlstate(exc) != LOCK_NOT_AVAILABLE:
                    raise
                await asyncio.sleep(PAUSE_S)
                continue
            wanted = len(plates) * FORGET_FOR_S / (perf_counter() - began)
            self._forget_at_once = max(FEWEST, min(MOST, int(wanted)))
            return True
        return False
