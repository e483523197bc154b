"""Applies the custodian's purges to hits: no hit outlives its read as a copy of it (468.5).

A purge takes many short transactions, and the consumer repeats one that was cut off.
"""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from services.hotlist.store.purging import BEGINNING, BESIDE, Place, Purging
from shared.core.ids import id_digest
from shared.events import PurgeList, RecordsPurged
from shared.objects.purge_list import ListReader
from shared.postgres.month_secrets import MonthSecrets
from shared.postgres.statistics import forget_statistics
from shared.service.api_runtime import ApiRuntime

PURGED_AT_ONCE = 1000


class HitPurge:
    """Deletes the data of purged reads from hits; hits of held reads stay unchanged."""

    def __init__(self, runtime: ApiRuntime, secrets: MonthSecrets) -> None:
        self._runtime = runtime
        self._secrets = secrets

    async def follow(self, event: RecordsPurged, named: PurgeList) -> int:
        """Apply one purge by its list; return the number of hits deleted or cleared. Safe to repeat.

        Raises: InternalFault for a list that does not match the event; NotFound for one that has ended;
        Unavailable.
        """
        now = self._runtime.clock.now()
        hits, reads = await self._held(event, named)
        gone, after = 0, BEGINNING
        while True:
            async with self._runtime.db.begin() as connection:
                count, following = await Purging(connection).purge(
                    event.before, after, hits, now, PURGED_AT_ONCE
                )
            gone += count
            if following is None:
                break
            after = following
        await self._purge_beside(event.before, hits, reads)
        async with self._runtime.db.begin() as connection:
            await self._secrets.destroy(connection, event.before)
        async with self._runtime.db.begin() as connection:
            await forget_statistics(connection)
        return gone

    async def _purge_beside(
        self, before: datetime, hits: Collection[UUID], reads: Collection[UUID]
    ) -> None:
        """Delete the purged reads' sightings of hits that stay, and what frames and people say of the reads."""
        async with self._runtime.db.begin() as connection:
            staying = sorted({*hits, *await Purging(connection).of_both_sides(before)})
        for start in range(0, len(staying), PURGED_AT_ONCE):
            some = staying[start : start + PURGED_AT_ONCE]
            async with self._runtime.db.begin() as connection:
                await Purging(connection).purge_sightings(before, some, reads)
        for table in BESIDE:
            after: Place | None = BEGINNING
            while after is not None:
                async with self._runtime.db.begin() as connection:
                    purging = Purging(connection)
                    after = await purging.purge_beside(table, before, after, reads, PURGED_AT_ONCE)

    async def _held(self, event: RecordsPurged, named: PurgeList) -> tuple[set[UUID], set[UUID]]:
        """Return the hits that stay, and the held reads that hits, outvotes or corrections refer to."""
        reader = ListReader(self._runtime.objects, event.run_id, named)
        await reader.verify()
        async with self._runtime.db.begin() as connection:
            matched = await Purging(connection).reads_of_hits(event.before)
            contradicted = await Purging(connection).contradicted(event.before)
        named_by = {
            id_digest(read).bytes: read for read in (*contradicted, *(read for read, _ in matched))
        }
        hits_of = defaultdict[UUID, list[UUID]](list)
        for read_id, hit_id in matched:
            hits_of[read_id].append(hit_id)
        hits: set[UUID] = set()
        reads: set[UUID] = set()
        async for page in reader.section("held"):
            if page.kind != "read":
                continue
            held = {named_by[digest] for digest in named_by.keys() & set(page.digests)}
            reads |= held
            hits.update(hit_id for read_id in held for hit_id in hits_of.get(read_id, ()))
        return hits, reads
