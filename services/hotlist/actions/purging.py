"""Applies the custodian's purges to hits: no hit outlives its read as a copy of it (468.5)."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from services.hotlist.store.purging import BEGINNING, Purging
from shared.events import PurgeList, RecordsPurged
from shared.objects.purge_list import ListReader
from shared.postgres.month_secrets import MonthSecrets
from shared.postgres.statistics import forget_statistics
from shared.service.api_runtime import ApiRuntime

PURGED_AT_ONCE = 1000
READS_AT_ONCE = 10_000


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
        async with self._runtime.db.begin() as connection:
            await Purging(connection).purge_beside(event.before, hits, reads)
            await self._secrets.destroy(connection, event.before)
        async with self._runtime.db.begin() as connection:
            await forget_statistics(connection)
        return gone

    async def _held(self, event: RecordsPurged, named: PurgeList) -> tuple[set[UUID], set[UUID]]:
        """Return the hits that stay, and the held reads that hits or outvotes refer to."""
        reader = ListReader(self._runtime.objects, event.run_id, named)
        await reader.verify()
        hits: set[UUID] = set()
        reads: set[UUID] = set()
        async for part in reader.section("held"):
            ids = [record.record_id for record in part if record.kind == "read"]
            for some in batched(ids, READS_AT_ONCE):
                async with self._runtime.db.begin() as connection:
                    found = await Purging(connection).hits_of(some, event.before)
                    outvoted = await Purging(connection).outvoted_of(some)
                hits.update(hit_id for _, hit_id in found)
                reads.update(read_id for read_id, _ in found)
                reads.update(outvoted)
        return hits, reads


def batched(ids: Sequence[UUID], size: int) -> Iterator[Sequence[UUID]]:
    """Yield `ids` in pieces of `size`."""
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
