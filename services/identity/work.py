"""Identity's parts, and its unit of work: stores, events, and what this process learns at once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.hasher import Hasher
from services.identity.settings import Settings
from services.identity.store.accounts import Accounts
from services.identity.store.credentials import Credentials
from services.identity.store.keys import Keys
from services.identity.store.records import Purposes, Trainings
from services.identity.store.sealed import Sealed
from services.identity.store.sessions import Sessions
from shared.clock import Clock
from shared.db import Database
from shared.events import Actor, Event
from shared.outbox import emit
from shared.people import People
from shared.policy import Policy
from shared.runtime import Runtime
from shared.vault import Vault

SERVICE = "identity"


class Unit:
    """One transaction on identity's tables, and the events that commit with it."""

    def __init__(self, connection: AsyncConnection, policy: Policy, now: datetime) -> None:
        self.connection = connection
        self.policy = policy
        self.now = now
        self.accounts = Accounts(connection, policy.training.course)
        self.credentials = Credentials(connection)
        self.sessions = Sessions(connection)
        self.trainings = Trainings(connection)
        self.purposes = Purposes(connection)
        self.keys = Keys(connection)
        self.sealed = Sealed(connection)
        self.announced: list[Event] = []

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
        self.vault = Vault(settings.key_encryption_key, settings.other_key_encryption_keys)
        self.hasher = Hasher(
            memory_kib=settings.identity_argon2_memory_kib,
            time_cost=settings.identity_argon2_time_cost,
            workers=settings.identity_argon2_workers,
        )
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
            unit = Unit(connection, self.policy, self.clock.now())
            yield unit
        for event in unit.announced:
            self.people.learn(event)


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
