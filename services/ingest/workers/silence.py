"""Reports, once for each silence, that a fixed camera sends no data (policy 468.3.1(c))."""

import logging
from datetime import timedelta

from services.ingest.settings import Settings
from services.ingest.store.devices import Devices
from services.ingest.workers.last_seen import LastSeen
from shared.core.periodic import PeriodicTask
from shared.events import DeviceSilenced
from shared.postgres.outbox import emit
from shared.service.api_runtime import ApiRuntime

log = logging.getLogger(__name__)


class Silence:
    """Checks in the background; several processes report each silence once."""

    def __init__(self, runtime: ApiRuntime, settings: Settings, last_seen: LastSeen) -> None:
        self._runtime = runtime
        self._after_s = settings.ingest_silent_after_s
        self._last_seen = last_seen
        self.checking = PeriodicTask("device silence", self.check, settings.ingest_silence_every_s)

    async def check(self) -> int:
        """Report the devices that fell silent; returns their number. Raises: Unavailable."""
        await self._last_seen.flush()  # include this process's newest times
        now = self._runtime.clock.now()
        async with self._runtime.db.begin() as connection:
            silent = await Devices(connection).fall_silent(
                now - timedelta(seconds=self._after_s), now
            )
            events = [
                DeviceSilenced(
                    occurred_at=now,
                    device_id=device.device_id,
                    device_name=device.name,
                    last_heard_at=device.last_heard_at,
                    silent_after_s=self._after_s,
                )
                for device in silent
            ]
            await emit(connection, self._runtime.service, *events)
        if silent:
            log.warning("%d devices fell silent", len(silent))
        return len(silent)
