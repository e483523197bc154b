"""The context of identity's actions: settings, keys, hasher and transactions."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.identity.actions.hasher import Hasher
from services.identity.actions.turns import Turns
from services.identity.domain.browser_tokens import BrowserTokens
from services.identity.settings import Settings
from services.identity.store.unit_of_work import SERVICE, Unit
from shared.accounts.known_accounts import People
from shared.core.clock import Clock
from shared.core.policy import Policy
from shared.core.vault import Vault
from shared.events import Actor
from shared.postgres.database import Database
from shared.service.api_runtime import ApiRuntime


class Identity:
    """The context of identity's actions: settings, database, policy, clock, accounts, keys and hasher."""

    def __init__(
        self, settings: Settings, *, db: Database, policy: Policy, clock: Clock, people: People
    ) -> None:
        self.settings = settings
        self.db = db
        self.policy = policy
        self.clock = clock
        self.people = people
        self.issuer = settings.issuer()
        keys = settings.key_encryption_key, settings.other_key_encryption_keys
        self.vault = Vault(*keys)
        self.browser_tokens = BrowserTokens(*keys)
        self.hasher = Hasher(
            memory_kib=settings.identity_argon2_memory_kib,
            time_cost=settings.identity_argon2_time_cost,
            workers=settings.identity_argon2_workers,
        )
        self.turns = Turns(settings.identity_argon2_workers)
        self.private_keys: dict[str, dict[str, str]] = {}
        """Opened signing keys by key id; filled and read by `actions.keys`."""

    @classmethod
    def of(cls, settings: Settings, runtime: ApiRuntime) -> "Identity":
        """Return the context that shares a runtime's database, policy, clock and accounts."""
        return cls(
            settings,
            db=runtime.db,
            policy=runtime.policy,
            clock=runtime.clock,
            people=runtime.people,
        )

    @property
    def system(self) -> Actor:
        """The actor of changes that the software makes itself."""
        return Actor.software(SERVICE, self.policy.department.ori)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Unit]:
        """Open a transaction; after the commit, this process knows its keys and accounts without Kafka."""
        async with self.db.begin() as connection:
            unit = Unit(connection, self.policy, self.clock.now(), self.issuer)
            yield unit
            await unit.finish()
        for event in unit.announced:
            self.people.know(event)
