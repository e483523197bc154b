"""The runtime of a service with tables and users: Postgres and accounts beside the resources of every runtime.

Start: tables, producer, outbox, keys and accounts, then consumers; the service is ready once its topics exist.
Stop: in reverse order, the outbox after all that writes to it, so that it publishes finished work.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request

from shared.accounts.known_accounts import FOLLOWED, People
from shared.accounts.picture_links import PictureLinks
from shared.core.certificates import Roots, Trust
from shared.core.clock import Clock
from shared.core.policy import Policy
from shared.core.vault import Vault
from shared.events import Event, IdentityTicked
from shared.kafka.bus import Bus, KafkaBus
from shared.kafka.follower import TopicFollower
from shared.limits.refusal_log import RefusalLog
from shared.objects.store import ObjectStore
from shared.postgres.database import Database
from shared.postgres.month_secrets import MonthSecrets
from shared.postgres.outbox import Relay, emit
from shared.postgres.schema import prepare
from shared.service.coverage import Coverage
from shared.service.resources import OK, Ping
from shared.service.restored import RestoredState
from shared.service.running import service_of
from shared.service.runtime import TASK, Runtime, RuntimeService
from shared.service.settings import ApiSettings
from shared.service.spec import Dependency, ServiceSpec


class PostgresResource:
    """The service's tables, which the start migrates or checks."""

    name = "Postgres"

    def __init__(self, db: Database, settings: ApiSettings, migrations: Path) -> None:
        self.patience_s = settings.start_patience_s
        self._db = db
        self._settings = settings
        self._migrations = migrations

    async def start(self) -> None:
        """Bring the tables up to date, and check the role's rights. Raises: SchemaFault, Unavailable."""
        await prepare(self._db, self._settings, self._migrations)

    async def stop(self) -> None:
        """Close all connections."""
        await self._db.close()

    def pings(self) -> Mapping[str, Ping]:
        """Return the database's ping."""
        return {Dependency.POSTGRES: self._db.ping}


class OutboxResource:
    """The relay of the outbox, and the counts of refusals that are written to it."""

    name = "the outbox"
    patience_s = 0.0

    def __init__(self, relay: Relay, refusals: RefusalLog, *, relays: bool) -> None:
        """`relays`: whether it relays in the background, which tests on a fake bus do not want."""
        self._relay = relay
        self._refusals = refusals
        self._relays = relays

    async def start(self) -> None:
        """Start both in the background."""
        if self._relays:
            self._relay.start()
            self._refusals.start()

    async def stop(self) -> None:
        """Write the remaining counts, then relay what is left."""
        await self._refusals.stop()
        await self._relay.stop()

    def pings(self) -> Mapping[str, Ping]:
        """Return none: a full outbox refuses access, and does not end readiness."""
        return {}


class PeopleResource:
    """The follower of keys and accounts."""

    name = "keys and accounts"
    patience_s = 0.0

    def __init__(self, follower: TopicFollower, people: People, *, ticked: bool) -> None:
        """`ticked`: whether readiness waits for identity's first current tick."""
        self._follower = follower
        self._people = people
        self._ticked = ticked

    async def start(self) -> None:
        """Start following in the background."""
        self._follower.start()

    async def stop(self) -> None:
        """Stop following."""
        await self._follower.stop()

    def pings(self) -> Mapping[str, Ping]:
        """Return the follower's ping, and until the first current tick that of the accounts."""
        if self._ticked and not self._people.was_current:
            return {"people": self._follower.ping, Dependency.TICK: self._people.ping}
        return {"people": self._follower.ping}


class ApiRuntime(Runtime):
    """A runtime with Postgres and accounts. Tests replace the arguments that are not settings."""

    settings: ApiSettings

    def __init__(
        self,
        spec: ServiceSpec,
        settings: ApiSettings,
        *,
        bus: Bus | None = None,
        objects: ObjectStore | None = None,
        clock: Clock | None = None,
        people: People | None = None,
        policy: Policy | None = None,
        coverage: Coverage | None = None,
        migrations: Path | None = None,
    ) -> None:
        """`migrations`: folder of the service's migrations; default: that of the declaration."""
        super().__init__(
            spec,
            settings,
            bus=bus,
            objects=objects,
            clock=clock,
            policy=policy,
            coverage=coverage,
        )
        self.db = Database(
            settings.database_link(),
            spec.name,
            pool_size=settings.database_pool_size,
            mac_key=self.mac_key,
        )
        self.restored = RestoredState(self.db)
        self.links = PictureLinks(self.mac_key)
        self.relay = Relay(self.db, self.bus)
        self.refusals = RefusalLog(
            spec.name,
            self.db,
            self.clock,
            burst=settings.refusals_burst,
            per_minute=settings.refusals_per_minute,
            crowded=lambda: self.relay.backlog > settings.max_outbox_backlog // 2,
        )
        self.trust = Trust(Roots.parse(settings.root_public_keys))
        self.people = people or People(settings.token_issuer, self.trust, self.policy, self.clock)
        self._follows_people = self.live and people is None
        self._ready_without = spec.ready_without
        self.resources = [
            PostgresResource(self.db, settings, migrations or spec.migrations),
            self.restored,
            *self.resources,
            OutboxResource(self.relay, self.refusals, relays=isinstance(self.bus, KafkaBus)),
        ]
        if self._follows_people:
            follower = self._follower_of_people()
            ticked = Dependency.TICK not in spec.ready_without
            self.resources.append(PeopleResource(follower, self.people, ticked=ticked))

    def _follower_of_people(self) -> TopicFollower:
        return self.follower(
            f"{self.service} people",
            [*FOLLOWED, IdentityTicked],
            from_start=True,
            from_now=[IdentityTicked],
            learn=self.people.learn_all,
        )

    def month_secrets(self, vault: Vault) -> MonthSecrets:
        """Return the service's monthly secrets, not loaded, for the policy's retention schedule."""
        schedule_days = self.policy.retention.schedule_days
        return MonthSecrets(self.db, self.clock, vault, schedule_days=schedule_days)

    async def announce(self, event: Event) -> None:
        """Write an event about the service itself to the outbox."""
        async with self.db.begin() as connection:
            await emit(connection, self.service, event)

    async def check(self) -> dict[str, str]:
        """Return the state of each dependency: "ok" or what is wrong."""
        state = await super().check()
        postgres = state[Dependency.POSTGRES]
        if Dependency.POSTGRES in self._ready_without and postgres != OK:
            state[Dependency.POSTGRES] = f"{OK}, though {postgres}"
        return state

    def failing_tasks(self) -> dict[str, str]:
        """Return the errors of background tasks; `/readyz` reports them, and the service stays ready."""
        failing = super().failing_tasks()
        recording = self.refusals.recording
        if recording.failing:
            failing[f"{TASK}{recording.name}"] = recording.failing
        if self.restored.waits:
            failing[f"{TASK}purge"] = "not run since the restore; what shows ALPR data is refused"
        if self._follows_people and self.people.lost_for(self.clock.now()) is not None:
            failing[f"{TASK}identity tick"] = "not heard; what shows ALPR data is refused"
        return failing


@dataclass(frozen=True)
class ApiService(RuntimeService):
    """The base of services with tables and users."""

    runtime: ApiRuntime


def runtime_of(request: Request) -> ApiRuntime:
    """Return the runtime of the service that serves `request`."""
    return service_of(request.app, ApiService).runtime
