"""What hotlist does with events."""

import logging
from collections.abc import Sequence
from datetime import timedelta

from services.hotlist.raising import Raiser
from services.hotlist.store.outcomes import Outcomes
from services.hotlist.store.outvoted import Outvoted
from shared.consumer import Handler, Subscription
from shared.errors import InvalidInput
from shared.events import Event, PassRecorded, ReadRecorded, RecordsPurged
from shared.runtime import Runtime

log = logging.getLogger(__name__)

PURGED_AT_ONCE = 1000


class Purger:
    """Follows the custodian's purges, so that no hit outlives its read as a copy of it (468.5)."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def purged(self, events: Sequence[RecordsPurged]) -> None:
        """Drop what hits keep of purged reads. Safe to repeat.

        Reads under a hold stay with the custodian, who was told of each hit and keeps it with them;
        this service has no need of them. Raises: InvalidInput for a purge below the legal floor.
        """
        now = self._runtime.clock.now()
        floor = timedelta(days=self._runtime.policy.retention.floor_days)
        for event in events:
            if event.before > now - floor:
                raise InvalidInput(
                    f"a purge may not reach the last {floor.days} days (Government Code 34090.6)",
                    field="before",
                )
            gone = 0
            while True:
                async with self._runtime.db.begin() as connection:
                    count = await Outcomes(connection).purge(event.before, now, PURGED_AT_ONCE)
                gone += count
                if count < PURGED_AT_ONCE:
                    break
            async with self._runtime.db.begin() as connection:
                await Outvoted(connection).purge(event.before)
            log.info("purge run %s: %d hits cleared of their reads", event.run_id, gone)


class Doubter:
    """Follows the custodian's passes. No alert waits for one: what it says is added when it comes."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def passes(self, events: Sequence[PassRecorded]) -> None:
        """Have hits say so where the other frames of the vehicle read another plate. Safe to repeat."""
        async with self._runtime.db.begin() as connection:
            await Outvoted(connection).add(events)


def handlers(runtime: Runtime, raiser: Raiser) -> dict[type[Event], Handler]:
    """Return what is done with each consumed event."""
    return {
        ReadRecorded: raiser.reads,
        RecordsPurged: Purger(runtime).purged,
        PassRecorded: Doubter(runtime).passes,
    }


def subscriptions(runtime: Runtime, raiser: Raiser) -> list[Subscription]:
    """One group each, so that neither a purge nor a pass holds up reads."""
    return [
        Subscription(f"hotlist-{event.TOPIC}", {event: handler})
        for event, handler in handlers(runtime, raiser).items()
    ]
