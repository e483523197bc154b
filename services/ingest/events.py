"""One handler for each consumed topic."""

import logging
from collections.abc import Sequence

from services.ingest.service import IngestService
from services.ingest.store.devices import FirstSeen
from shared.events import DeviceChanged, RecordsPurged
from shared.events.purges import check_floor
from shared.kafka.consumer import Subscription
from shared.kafka.follower import TopicFollower
from shared.postgres.restores import Restores
from shared.postgres.statistics import forget_statistics

log = logging.getLogger(__name__)

PURGES = "ingest-purges"


class Handlers:
    """The handlers of the consumed events."""

    def __init__(self, ingest: IngestService) -> None:
        self._runtime = ingest.runtime
        self._secrets = ingest.secrets
        self._cache = ingest.cache

    async def purged(self, events: Sequence[RecordsPurged]) -> None:
        """Delete the arrival times of purged frames, and the secrets of wholly purged months.

        Idempotent. Raises: InternalFault for a purge below the legal floor; Unavailable.
        """
        floor_days = self._runtime.policy.retention.floor_days
        for event in events:
            check_floor(event, floor_days, self._runtime.clock.now())
            async with self._runtime.db.begin() as connection:
                await FirstSeen(connection).forget(event.before)
                months = await self._secrets.destroy(connection, event.before)
                await Restores(connection).settle(event.before, self._runtime.clock.now())
            async with self._runtime.db.begin() as connection:
                await forget_statistics(connection)
            for month in months:
                log.info("the secret of ids of %s is destroyed", f"{month:%Y-%m}")

    async def changed(self, events: Sequence[DeviceChanged]) -> None:
        """Load the devices again that another process has changed. Raises: Unavailable."""
        await self._cache.refresh({event.device_id for event in events})


def subscriptions(ingest: IngestService) -> list[Subscription]:
    """Return ingest's one subscription with a consumer group."""
    return [Subscription(PURGES, {RecordsPurged: Handlers(ingest).purged})]


def followers(ingest: IngestService) -> list[TopicFollower]:
    """Return the follower of devices' changes: each process gets every change."""
    return [
        ingest.runtime.follower(
            "device follower",
            [DeviceChanged],
            from_start=False,
            learn=Handlers(ingest).changed,
            begun=ingest.cache.load,
        )
    ]
