"""Ingest's handlers, one for each consumed topic; a worker follows changes of its own devices."""

import logging
from collections.abc import Sequence
from datetime import timedelta

from services.ingest.service import IngestService
from services.ingest.store.devices import FirstSeen
from shared.core.errors import InternalFault
from shared.events import RecordsPurged
from shared.kafka.consumer import Subscription
from shared.postgres.month_secrets import MonthSecrets
from shared.postgres.statistics import forget_statistics
from shared.service.api_runtime import ApiRuntime

log = logging.getLogger(__name__)

PURGES = "ingest-purges"


class Handlers:
    """Handlers of other services' events."""

    def __init__(self, runtime: ApiRuntime, secrets: MonthSecrets) -> None:
        self._runtime = runtime
        self._secrets = secrets

    async def purged(self, events: Sequence[RecordsPurged]) -> None:
        """Delete the arrival times of purged frames, and the secrets of wholly purged months.

        Idempotent. Raises: InternalFault for a purge below the legal floor; Unavailable.
        """
        floor = timedelta(days=self._runtime.policy.retention.floor_days)
        for event in events:
            if event.before > self._runtime.clock.now() - floor:
                raise InternalFault(
                    f"a purge may not reach the last {floor.days} days (Government Code 34090.6)"
                )
            async with self._runtime.db.begin() as connection:
                await FirstSeen(connection).forget(event.before)
                months = await self._secrets.destroy(connection, event.before)
            async with self._runtime.db.begin() as connection:
                await forget_statistics(connection)
            for month in months:
                log.info("the secret of ids of %s is destroyed", f"{month:%Y-%m}")


def subscriptions(ingest: IngestService) -> list[Subscription]:
    """Return ingest's subscriptions, except to its own devices' changes."""
    return [Subscription(PURGES, {RecordsPurged: Handlers(ingest.runtime, ingest.secrets).purged})]
