"""One handler per consumed topic. Records, hits and packages have a consumer group each."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.actions.release_files import free_file
from services.retention.service import RetentionService
from services.retention.store.hits import Hits
from services.retention.store.packages import Packages
from shared.events import (
    BackfillRecognised,
    CaptureProcessed,
    Event,
    HitDisposed,
    HitRaised,
    HitVerified,
    ReadsBackfilled,
    ReadsRecognised,
    ReadsRecorded,
    ReleaseApproved,
    ReleaseLapsed,
)
from shared.kafka.consumer import Handler, Subscription
from shared.postgres.database import first_sight, refused_if_unstorable

E = TypeVar("E", bound=Event)

GATHER_S = 0.1
"""Wait for a batch: delays a record by this much, and saves nine tenths of the transactions of a quiet stream."""

MOST_READS = 3000
"""The most reads of a transaction, whose beginning and end cost the same for one read as for many (ADR-0131)."""

HITS = "retention-hits"
PACKAGES = "retention-packages"
RECORDS = "retention-records"
BACKFILL = "retention-backfill"
"""Its reads arrived late: they wait for each other, and no live read waits for them."""


class Handlers:
    """Handles the consumed events."""

    def __init__(self, retention: RetentionService) -> None:
        self._db = retention.runtime.db
        self._recorder = retention.recorder
        self._clock = retention.runtime.clock
        self._wake = retention.wake
        self._proofs = retention.proofs

    async def reads(self, events: Sequence[ReadsRecorded]) -> None:
        """Store reads made by cameras. Raises: CaptureRefused; the errors of `Recorder.reads`."""
        await self._recorder.reads(self._proofs.edge(events))

    async def recognised(self, events: Sequence[ReadsRecognised]) -> None:
        """Store reads of frames, with the device, time and place that ingest signed.

        Raises: CaptureRefused for a read whose capture does not have ingest's signature.
        """
        await self._recorder.reads(self._proofs.reads(events))

    async def captures(self, events: Sequence[CaptureProcessed]) -> None:
        """Store captures that ingest signed. Raises: CaptureRefused; the errors of `Recorder.captures`."""
        await self._recorder.captures(self._proofs.outcomes(events))

    async def raised(self, events: Sequence[HitRaised]) -> None:
        """Flag reads that matched a hot list."""
        await self._once(HITS, events, lambda hits, event: hits.raised(event))

    async def verified(self, events: Sequence[HitVerified]) -> None:
        """Store the outcomes of verifications."""
        await self._once(HITS, events, lambda hits, event: hits.verified(event))

    async def disposed(self, events: Sequence[HitDisposed]) -> None:
        """Store the dispositions of hits."""
        await self._once(HITS, events, lambda hits, event: hits.disposed(event))

    async def approved(self, events: Sequence[ReleaseApproved]) -> None:
        """Enqueue the packages of approved requests, and wake the task that builds them.

        Raises: InternalFault for an approval with a value that Postgres cannot store.
        """
        for event in events:
            async with self._storing() as connection:
                if await first_sight(connection, PACKAGES, event.event_id):
                    await Packages(connection).order(event, self._clock.now())
        self._wake()

    async def lapsed(self, events: Sequence[ReleaseLapsed]) -> None:
        """Free the files of requests that no hold concerns.

        Raises: InternalFault for a request with a value that Postgres cannot store; ValueRefused for an odd plate.
        """
        for event in events:
            async with self._storing() as connection:
                if await first_sight(connection, PACKAGES, event.event_id):
                    await free_file(connection, event, self._clock.now())

    async def _once(
        self, group: str, events: Sequence[E], effect: Callable[[Hits, E], Awaitable[None]]
    ) -> None:
        async with self._storing() as connection:
            for event in events:
                if await first_sight(connection, group, event.event_id):
                    await effect(Hits(connection), event)

    @asynccontextmanager
    async def _storing(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction. Raises: InternalFault for a value that Postgres cannot store: no retry can help."""
        with refused_if_unstorable():
            async with self._db.begin() as connection:
                yield connection


def subscriptions(retention: RetentionService) -> list[Subscription]:
    """Return the subscriptions of this service, one per group."""
    handlers = Handlers(retention)
    records: Mapping[type[Event], Handler] = {
        ReadsRecorded: handlers.reads,
        ReadsRecognised: handlers.recognised,
        CaptureProcessed: handlers.captures,
    }
    backfill: Mapping[type[Event], Handler] = {
        ReadsBackfilled: handlers.reads,
        BackfillRecognised: handlers.recognised,
    }
    hits: Mapping[type[Event], Handler] = {
        HitRaised: handlers.raised,
        HitVerified: handlers.verified,
        HitDisposed: handlers.disposed,
    }
    requests: Mapping[type[Event], Handler] = {
        ReleaseApproved: handlers.approved,
        ReleaseLapsed: handlers.lapsed,
    }
    return [
        Subscription(RECORDS, records, max_records=MOST_READS, gather_s=GATHER_S),
        Subscription(BACKFILL, backfill, max_records=MOST_READS, gather_s=GATHER_S),
        Subscription(HITS, hits, gather_s=GATHER_S),
        Subscription(PACKAGES, requests),
    ]
