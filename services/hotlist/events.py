"""What hotlist does with events."""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from services.hotlist.store.outvoted import Outvoted
from services.hotlist.store.purging import BEGINNING, Purging
from services.hotlist.workers.matcher import Raiser
from shared.core.errors import InvalidInput
from shared.events import (
    Event,
    PassRecorded,
    PurgeList,
    ReadRecognised,
    ReadRecorded,
    RecordsPurged,
)
from shared.kafka.consumer import PROMPT, UNHURRIED, Handler, Subscription
from shared.objects.purge_list import ListReader
from shared.postgres.month_secrets import MonthSecrets
from shared.postgres.statistics import forget_statistics
from shared.service.runtime import Runtime

log = logging.getLogger(__name__)

PURGED_AT_ONCE = 1000
LOOKED_UP_AT_ONCE = 10_000


class Purger:
    """Follows the custodian's purges, so that no hit outlives its read as a copy of it (468.5)."""

    def __init__(self, runtime: Runtime, secrets: MonthSecrets) -> None:
        self._runtime = runtime
        self._secrets = secrets

    async def purged(self, events: Sequence[RecordsPurged]) -> None:
        """Drop what hits have of reads that are gone, and keep the hits of reads that a hold keeps.

        Safe to repeat. Raises: InvalidInput for a purge below the legal floor, or a list that is not what
        the event says; NotFound for a list that has ended; Unavailable.
        """
        now = self._runtime.clock.now()
        floor = timedelta(days=self._runtime.policy.retention.floor_days)
        for event in events:
            if event.before > now - floor:
                raise InvalidInput(
                    f"a purge may not reach the last {floor.days} days (Government Code 34090.6)",
                    field="before",
                )
            if event.purge_list is None:  # of an older version, which wrote none
                log.warning("purge run %s has no list; the next run's covers it", event.run_id)
                continue
            gone = await self._follow(event, event.purge_list, now)
            log.info("purge run %s: %d hits cleared of their reads", event.run_id, gone)

    async def _follow(self, event: RecordsPurged, named: PurgeList, now: datetime) -> int:
        """Return how many hits went."""
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
        """Return the hits that stay, and the held reads that anything here is of."""
        reader = ListReader(self._runtime.objects, event.run_id, named)
        await reader.verify()
        hits: set[UUID] = set()
        reads: set[UUID] = set()
        async for part in reader.section("held"):
            ids = [record.record_id for record in part if record.kind == "read"]
            for some in batched(ids, LOOKED_UP_AT_ONCE):
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


class Doubter:
    """Follows the custodian's passes. No alert waits for one: what it says is added when it comes."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def passes(self, events: Sequence[PassRecorded]) -> None:
        """Have hits say so where the other frames of the vehicle read another plate. Safe to repeat."""
        async with self._runtime.db.begin() as connection:
            await Outvoted(connection).add(events)


class Proven:
    """Matches reads of cameras, and reads of frames with the device, time and place that ingest signed."""

    def __init__(self, runtime: Runtime, raiser: Raiser) -> None:
        self._captures = runtime.captures
        self._raiser = raiser

    async def edge(self, events: Sequence[ReadRecorded]) -> None:
        """Raise the hits of reads that cameras made. Raises: CaptureRefused, as the raiser."""
        await self._raiser.reads(self._captures.edge(events))

    async def recognised(self, events: Sequence[ReadRecognised]) -> None:
        """Raise the hits of reads of frames. Raises: CaptureRefused, as the raiser."""
        await self._raiser.reads(self._captures.reads(events))


def handlers(runtime: Runtime, raiser: Raiser, secrets: MonthSecrets) -> dict[type[Event], Handler]:
    """Return what is done with each consumed event."""
    return {
        ReadRecorded: Proven(runtime, raiser).edge,
        ReadRecognised: Proven(runtime, raiser).recognised,
        RecordsPurged: Purger(runtime, secrets).purged,
        PassRecorded: Doubter(runtime).passes,
    }


READS = (ReadRecorded, ReadRecognised)
"""What alerts come from."""


def subscriptions(runtime: Runtime, raiser: Raiser, secrets: MonthSecrets) -> list[Subscription]:
    """One group each, so that neither a purge nor a pass holds up reads."""
    return [
        Subscription(
            f"hotlist-{event.TOPIC}",
            {event: handler},
            pauses=PROMPT if event in READS else UNHURRIED,
        )
        for event, handler in handlers(runtime, raiser, secrets).items()
    ]
