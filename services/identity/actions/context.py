"""The context of identity's actions: its runtime, settings, keys and transactions."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self

from services.identity.actions.hasher import Hasher
from services.identity.actions.sign_in_queue import SignInQueue
from services.identity.domain.browser_tokens import BrowserTokens
from services.identity.settings import Settings
from services.identity.store.unit_of_work import SERVICE, Unit
from shared.accounts.known_accounts import People
from shared.core.certificates import Signer
from shared.core.clock import Clock
from shared.core.policy import Policy
from shared.core.vault import Vault
from shared.events import Actor
from shared.postgres.database import Database
from shared.service.api_runtime import ApiRuntime, ApiService


@dataclass(frozen=True)
class Identity(ApiService):
    """The context of identity's actions; the service object adds the background tasks."""

    settings: Settings
    issuer: Signer
    vault: Vault
    browser_tokens: BrowserTokens
    hasher: Hasher
    sign_in_queue: SignInQueue
    private_keys: dict[str, dict[str, str]] = field(default_factory=dict, repr=False)
    """Opened signing keys by key id; filled and read by `actions.keys`."""

    @classmethod
    def of(cls, runtime: ApiRuntime, settings: Settings) -> Self:
        """Build the context without starting anything. Raises: CertificateRefused."""
        keys = settings.key_encryption_key, settings.other_key_encryption_keys
        hasher = Hasher(
            memory_kib=settings.identity_argon2_memory_kib,
            time_cost=settings.identity_argon2_time_cost,
            workers=settings.identity_argon2_workers,
        )
        return cls(
            runtime=runtime,
            settings=settings,
            issuer=settings.issuer(),
            vault=Vault(*keys),
            browser_tokens=BrowserTokens(*keys),
            hasher=hasher,
            sign_in_queue=SignInQueue(settings.identity_argon2_workers),
        )

    @property
    def db(self) -> Database:
        """The database."""
        return self.runtime.db

    @property
    def policy(self) -> Policy:
        """The department's policy."""
        return self.runtime.policy

    @property
    def clock(self) -> Clock:
        """The clock."""
        return self.runtime.clock

    @property
    def people(self) -> People:
        """The keys and accounts that this process knows."""
        return self.runtime.people

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
