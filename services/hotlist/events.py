"""One handler for each consumed topic."""

import logging
from collections.abc import Sequence

from services.hotlist.actions.purging import HitPurge
from services.hotlist.service import HotlistService
from services.hotlist.store.corrected import CorrectedReads
from services.hotlist.store.outvoted import Outvoted
from services.hotlist.store.standings import Standings
from shared.events import (
    BackfillRecognised,
    Event,
    PassesRecorded,
    ReadCorrected,
    ReadsBackfilled,
    ReadsRecognised,
    ReadsRecorded,
    RecordsPurged,
)
from shared.events.purges import check_floor
from shared.kafka.consumer import Handler, Subscription
from shared.kafka.pauses import PROMPT, UNHURRIED
from shared.postgres.restores import Restores

log = logging.getLogger(__name__)


class Handlers:
    """The handlers of the consumed events."""

    def __init__(self, hotlist: HotlistService) -> None:
        self._runtime = hotlist.runtime
        self._matcher = hotlist.matcher
        self._proofs = hotlist.proofs
        self._purge = HitPurge(hotlist.runtime, hotlist.secrets)

    async def reads(self, events: Sequence[ReadsRecorded]) -> None:
        """Raise the hits of reads that cameras made. Raises: CaptureRefused; the errors of `Matcher.reads`."""
        await self._matcher.reads(self._proofs.edge(events))

    async def recognised(self, events: Sequence[ReadsRecognised]) -> None:
        """Raise the hits of reads of frames, with the device, time and place that ingest signed.

        Raises: CaptureRefused; the errors of `Matcher.reads`.
        """
        await self._matcher.reads(self._proofs.reads(events))

    async def purged(self, events: Sequence[RecordsPurged]) -> None:
        """Delete the data of purged reads from hits. Safe to repeat.

        Raises: InternalFault for a purge below the legal floor, or a list that does not match the event;
        NotFound for a list that has ended; Unavailable.
        """
        now = self._runtime.clock.now()
        floor_days = self._runtime.policy.retention.floor_days
        for event in events:
            check_floor(event, floor_days, now)
            if event.purge_list is None:  # an older version of the event, without a list
                log.warning("purge run %s has no list; the next run's covers it", event.run_id)
                continue
            gone = await self._purge.follow(event, event.purge_list)
            async with self._runtime.db.begin() as connection:
                await Restores(connection).settle(event.before, now)
            log.info("purge run %s: %d hits cleared of their reads", event.run_id, gone)

    async def passes(self, events: Sequence[PassesRecorded]) -> None:
        """Record the reads that the vehicle's other frames contradict; their hits show it. Safe to repeat."""
        async with self._runtime.db.begin() as connection:
            await Outvoted(connection).add([one for event in events for one in event.passes])

    async def corrected(self, events: Sequence[ReadCorrected]) -> None:
        """Record what people saw in the pictures of reads; hits show it, open pages at once. Safe to repeat."""
        async with self._runtime.db.begin() as connection:
            await CorrectedReads(connection).set(events)
            await Standings(connection).announce()

    @property
    def by_event(self) -> dict[type[Event], Handler]:
        """The handler of each consumed event."""
        return {
            ReadsRecorded: self.reads,
            ReadsBackfilled: self.reads,
            ReadsRecognised: self.recognised,
            BackfillRecognised: self.recognised,
            RecordsPurged: self.purged,
            PassesRecorded: self.passes,
            ReadCorrected: self.corrected,
        }


READS = (ReadsRecorded, ReadsRecognised)
"""The events that raise alerts."""


def subscriptions(hotlist: HotlistService) -> list[Subscription]:
    """Return one subscription per topic, each with its own group: purges, passes and late reads delay no live read."""
    return [
        Subscription(
            f"hotlist-{event.TOPIC}",
            {event: handler},
            pauses=PROMPT if event in READS else UNHURRIED,
        )
        for event, handler in Handlers(hotlist).by_event.items()
    ]
