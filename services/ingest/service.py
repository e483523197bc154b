"""What ingest holds besides its runtime, started and stopped with it."""

from collections.abc import Sequence

from fastapi import Request

from services.ingest.actions.captures import Captures
from services.ingest.domain.circumstances import Window
from services.ingest.domain.in_flight import InFlight
from services.ingest.domain.rate import Rates
from services.ingest.settings import Settings
from services.ingest.workers.device_cache import DeviceCache
from services.ingest.workers.housekeeping import Housekeeping
from services.ingest.workers.last_seen import LastSeen
from services.ingest.workers.silence import Silence
from shared.events import DeviceChanged
from shared.kafka.follower import TopicFollower
from shared.postgres.month_secrets import MonthSecrets
from shared.service.runtime import Runtime


class Parts:
    """One process's parts."""

    def __init__(self, runtime: Runtime, settings: Settings) -> None:
        self.runtime = runtime
        self.settings = settings
        self.cache = DeviceCache(runtime.db, ttl_s=settings.ingest_devices_ttl_s)
        self.last_seen = LastSeen(runtime.db, every_s=settings.ingest_last_seen_every_s)
        self.frames = Rates("frames")
        self.reads = Rates("reads")
        self.in_flight = InFlight(settings.ingest_max_bytes_in_flight)
        self.secrets = MonthSecrets(
            runtime.db,
            runtime.clock,
            settings.id_vault,
            kept_days=runtime.policy.retention.schedule_days,
        )
        self.captures = Captures(runtime, settings.signer(), self.secrets)
        self.housekeeping = Housekeeping(runtime)
        self.silence = Silence(runtime, settings, self.last_seen)
        self.follower: TopicFollower | None = None
        if runtime.kafka:
            self.follower = runtime.follower(
                "device follower",
                [DeviceChanged],
                from_start=False,
                learn=self._changed,
                begun=self.cache.load,
            )

    async def start(self) -> None:
        """Know every device, then follow their changes. Raises: Unavailable."""
        await self.secrets.load()
        await self.cache.load()
        self.runtime.run(
            self.secrets.reloading,
            self.cache.reloading,
            self.last_seen.writing,
            self.housekeeping.daily,
            self.silence.looking,
        )
        if self.follower is not None:
            self.runtime.run(self.follower)

    async def stop(self) -> None:
        """Write down what is left, after the runtime's tasks have stopped."""
        if self.last_seen.writing.started:
            await self.last_seen.writing.once()

    async def _changed(self, events: Sequence[DeviceChanged]) -> None:
        await self.cache.refresh({event.device_id for event in events})

    def window(self) -> Window:
        """Return the times that a capture may have now."""
        return Window.around(
            self.runtime.clock.now(),
            kept_days=self.runtime.policy.retention.schedule_days,
            skew_s=self.settings.ingest_clock_skew_s,
        )


def parts_of(request: Request) -> Parts:
    """Return the parts of the app that serves `request`."""
    parts = request.app.state.parts
    assert isinstance(parts, Parts)  # noqa: S101 - for the type checker; build_app sets it
    return parts
