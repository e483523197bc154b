"""The resources of a running ingest, started and stopped with its runtime."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from services.ingest.actions.captures import Captures
from services.ingest.actions.edge_reads import EdgeReads
from services.ingest.actions.maker_posts import MakerPosts
from services.ingest.actions.registry import RegistryWork
from services.ingest.domain.circumstances import Window
from services.ingest.domain.in_flight import InFlight
from services.ingest.domain.rate import Rates
from services.ingest.settings import Settings
from services.ingest.workers.device_cache import DeviceCache
from services.ingest.workers.housekeeping import Housekeeping
from services.ingest.workers.last_seen import LastSeen
from services.ingest.workers.silence import Silence
from shared.postgres.month_secrets import MonthSecrets
from shared.service.api_runtime import ApiRuntime, ApiService
from shared.service.expiry import show_end
from shared.service.running import needs
from shared.service.runtime import Task


@dataclass(frozen=True)
class IngestService(ApiService):
    """One process of ingest."""

    settings: Settings
    cache: DeviceCache
    last_seen: LastSeen
    frames: Rates
    reads: Rates
    in_flight: InFlight
    secrets: MonthSecrets
    captures: Captures
    edge_reads: EdgeReads
    maker_posts: MakerPosts
    housekeeping: Housekeeping
    silence: Silence

    @classmethod
    def of(cls, runtime: ApiRuntime, settings: Settings) -> "IngestService":
        """Build the service without starting it."""
        cache = DeviceCache(runtime.db, ttl_s=settings.ingest_devices_ttl_s)
        last_seen = LastSeen(
            runtime.db,
            every_s=settings.ingest_last_seen_every_s,
            late_after_s=settings.ingest_late_after_s,
        )
        secrets = runtime.month_secrets(settings.id_vault)
        signer = settings.signer()
        show_end(runtime.service, "captures", signer.certificate.not_after)
        captures = Captures(runtime, signer, secrets, last_seen)
        edge_reads = EdgeReads(runtime, secrets, last_seen, most_m=settings.ingest_fixed_within_m)
        return cls(
            runtime=runtime,
            settings=settings,
            cache=cache,
            last_seen=last_seen,
            frames=Rates("frames"),
            reads=Rates("reads"),
            in_flight=InFlight(
                settings.ingest_max_bytes_in_flight, settings.device_bytes_in_flight
            ),
            secrets=secrets,
            captures=captures,
            edge_reads=edge_reads,
            maker_posts=MakerPosts(runtime, captures, edge_reads),
            housekeeping=Housekeeping(runtime),
            silence=Silence(runtime, settings, last_seen),
        )

    async def prepare(self) -> None:
        """Load the secrets of the months, and every device. Raises: Unavailable."""
        await self.secrets.load()
        await self.cache.load()

    def tasks(self) -> Sequence[Task]:
        """Return the background tasks, not started."""
        return (
            self.secrets.reloading,
            self.cache.reloading,
            self.last_seen.writing,
            self.housekeeping.daily,
            self.silence.checking,
        )

    async def finish(self) -> None:
        """Store the remaining last-seen times."""
        if self.last_seen.writing.started:
            await self.last_seen.writing.once()

    @asynccontextmanager
    async def changing(self) -> AsyncIterator[RegistryWork]:
        """Open a transaction on the registry; after its commit, its changes apply in this process at once."""
        async with self.runtime.db.begin() as connection:
            work = RegistryWork(connection, self.runtime.service, self.runtime.clock)
            yield work
        for device in work.changed:
            self.cache.put(device)

    def window(self) -> Window:
        """Return the times that a capture may have now."""
        return Window.around(
            self.runtime.clock.now(),
            schedule_days=self.runtime.policy.retention.schedule_days,
            skew_s=self.settings.ingest_clock_skew_s,
        )


Running = Annotated[IngestService, needs(IngestService)]
