"""Identity's parts, and its unit of work: stores, events, and what this process learns at once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated

import msgspec
from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.actions.hasher import Hasher
from services.identity.actions.turns import Turns
from services.identity.domain.accounts import provisioner_of
from services.identity.domain.browser_tokens import BrowserTokens
from services.identity.settings import Settings
from services.identity.store.accounts import Accounts
from services.identity.store.browsers import Browsers
from services.identity.store.credentials import Credentials
from services.identity.store.invitations import Invitations
from services.identity.store.keys import Keys
from services.identity.store.numbers import ACCOUNTS, KEYS, Numbers
from services.identity.store.provisioners import Provisioners
from services.identity.store.records import LimitLifts, Purposes, Trainings
from services.identity.store.sealed import Sealed
from services.identity.store.sessions import Sessions
from shared.accounts.known_accounts import People
from shared.core.certificates import Signer
from shared.core.clock import Clock
from shared.core.policy import Policy
from shared.core.vault import Vault
from shared.events import AccountChanged, Actor, Event, KeyPublished
from shared.events.signed_events import sign_event
from shared.postgres.database import Database
from shared.postgres.outbox import emit
from shared.service.runtime import Runtime

SERVICE = "identity"


class Unit:
    """One transaction on identity's tables, and the events that commit with it."""

    def __init__(
        self, connection: AsyncConnection, policy: Policy, now: datetime, issuer: Signer
    ) -> None:
        self.connection = connection
        self.policy = policy
        self.now = now
        self.accounts = Accounts(connection, policy.training.course)
        self.credentials = Credentials(connection)
        self.browsers = Browsers(connection)
        self.sessions = Sessions(connection)
        self.trainings = Trainings(connection)
        self.purposes = Purposes(connection)
        self.limit_lifts = LimitLifts(connection)
        self.keys = Keys(connection)
        self.sealed = Sealed(connection)
        self.invitations = Invitations(connection)
        self.numbers = Numbers(connection)
        self.provisioners = Provisioners(connection)
        self.announced: list[Event] = []
        self._issuer = issuer
        self._accounts: list[AccountChanged] = []
        self._keys: list[KeyPublished] = []

    def announce(self, event: AccountChanged | KeyPublished) -> None:
        """Announce an account or a key, numbered and signed at the end of the transaction."""
        if isinstance(event, AccountChanged):
            self._accounts.append(event)
        else:
            self._keys.append(event)

    async def finish(self) -> None:
        """Number and sign what was announced. The last thing before the commit: others wait for it."""
        numbered: list[AccountChanged | KeyPublished] = []
        serial = self._issuer.certificate.serial
        for event in self._accounts:
            own = await self.numbers.of_account(event.account_id, serial)
            if (person := provisioner_of(event)) is not None:
                await self.provisioners.add(event.account_id, person, event.occurred_at)
            told = {"provisioned": await self.provisioners.told_of(event.account_id)}
            whole = msgspec.structs.replace(event, details={**event.details, **told})
            numbered.append(msgspec.structs.replace(whole, account_number=own))
        for key in self._keys:
            own = await self.numbers.of_key(key.kid)
            numbered.append(msgspec.structs.replace(key, key_number=own))
        for name, count in ((ACCOUNTS, len(self._accounts)), (KEYS, len(self._keys))):
            if not count:
                continue
            last = await self.numbers.advance(name, count)
            of_kind = [e for e in numbered if isinstance(e, AccountChanged) is (name == ACCOUNTS)]
            for number, event_of_kind in enumerate(of_kind, last - count + 1):
                counted = msgspec.structs.replace(event_of_kind, number=number)
                await self.emit(sign_event(self._issuer, counted))

    async def emit(self, *events: Event) -> None:
        """Announce `events` once the transaction commits."""
        await emit(self.connection, SERVICE, *events)
        self.announced += events


class Identity:
    """What the service works with besides the runtime that every service has."""

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
    def of(cls, settings: Settings, runtime: Runtime) -> "Identity":
        """Return the parts that go with a runtime."""
        return cls(
            settings,
            db=runtime.db,
            policy=runtime.policy,
            clock=runtime.clock,
            people=runtime.people,
        )

    @property
    def system(self) -> Actor:
        """The software itself, where no person did it."""
        return Actor.software(SERVICE, self.policy.department.ori)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Unit]:
        """A transaction; once committed, this process knows its keys and accounts without Kafka."""
        async with self.db.begin() as connection:
            unit = Unit(connection, self.policy, self.clock.now(), self.issuer)
            yield unit
            await unit.finish()
        for event in unit.announced:
            self.people.know(event)


def identity_of(request: Request) -> Identity:
    """Return the parts of the app that serves `request`."""
    identity = request.app.state.identity
    assert isinstance(identity, Identity)  # noqa: S101 - for the type checker; build_app sets it
    return identity


Parts = Annotated[Identity, Depends(identity_of)]


async def _unit(identity: Parts) -> AsyncIterator[Unit]:
    async with identity.begin() as unit:
        yield unit


# scope="function" commits before the response leaves.
Work = Annotated[Unit, Depends(_unit, scope="function")]
