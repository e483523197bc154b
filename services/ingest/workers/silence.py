"""Reports, once for each silence, that a fixed camera sends no data (policy 468.3.1(c)), and shows who was heard when.

It reports likewise, once for each stretch of late posts, that what a fixed camera sends raises no live alert: its clock
may be wrong. A live post at any process ends the stretch. What was kept back during an outage comes late, too, but live
posts follow within the hour.

Data that is refused for the camera's own fault, as for its clock, does not count: nothing of it is kept. Vehicles are
parked for days, so the metrics leave them out. The silence of a reinstated camera counts from then.
"""

import logging
from datetime import timedelta

from prometheus_client import Gauge

from services.ingest.settings import Settings
from services.ingest.store.devices import Devices, Silent
from services.ingest.workers.last_seen import LastSeen
from shared.core.periodic import PeriodicTask
from shared.events import DeviceSilenced
from shared.postgres.outbox import emit
from shared.service.api_runtime import ApiRuntime

log = logging.getLogger(__name__)

HEARD = Gauge(
    "alpr_camera_heard_timestamp_seconds",
    "When an active fixed camera last sent data, or was registered or reinstated",
    ["camera"],
)
SILENT_AFTER = Gauge("alpr_camera_silent_after_seconds", "How long a fixed camera may send no data")

LISTENS_S = 300
"""How long a process listens before it reports a silence: while ingest was down, no camera could be heard, and cameras
try again after up to a minute."""

MOST_CAMERAS = 1000
"""The most cameras in the metrics; those heard least recently come first."""


LATE_POSTS = 5
"""The least posts that make a stretch of late ones."""


class Silence:
    """Checks in the background; several processes report each silence, and each stretch of late posts, once."""

    def __init__(self, runtime: ApiRuntime, settings: Settings, last_seen: LastSeen) -> None:
        self._runtime = runtime
        self._after_s = settings.ingest_silent_after_s
        self._late_after_s = settings.ingest_late_after_s
        self._last_seen = last_seen
        self._listening_since = runtime.clock.now()
        SILENT_AFTER.set(self._after_s)
        self.checking = PeriodicTask("device silence", self.check, settings.ingest_silence_every_s)

    async def check(self) -> int:
        """Report the devices that fell silent, or send late data only; returns their number. Raises: Unavailable."""
        await self._last_seen.flush()  # include this process's newest times
        now = self._runtime.clock.now()
        async with self._runtime.db.begin() as connection:
            silent: list[Silent] = []
            late: list[Silent] = []
            if now - self._listening_since >= timedelta(seconds=LISTENS_S):
                silent = await Devices(connection).fall_silent(
                    now - timedelta(seconds=self._after_s), now
                )
                late = await Devices(connection).come_late(
                    timedelta(seconds=self._late_after_s), LATE_POSTS, now
                )
            events = [
                DeviceSilenced(
                    occurred_at=now,
                    device_id=device.device_id,
                    device_name=device.name,
                    last_heard_at=device.last_heard_at,
                    silent_after_s=after_s,
                    late_since=device.late_since,
                )
                for after_s, devices in ((self._after_s, silent), (self._late_after_s, late))
                for device in devices
            ]
            await emit(connection, self._runtime.service, *events)
            heard = await Devices(connection).heard(MOST_CAMERAS)
        HEARD.clear()
        for camera in heard:
            HEARD.labels(camera.name).set(camera.at.timestamp())
        if silent:
            log.warning("%d devices fell silent", len(silent))
        if late:
            log.warning("%d devices send late data only: their clocks may be wrong", len(late))
        return len(events)
