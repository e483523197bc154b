"""Identity's unit of work: one transaction, its stores, and the events that commit with it."""

from dataclasses import asdict
from datetime import datetime

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.domain.accounts import provisioner_of
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
from services.identity.store.set_up_links import SetUpLinks
from shared.core.certificates import Signer
from shared.core.policy import Policy
from shared.events import AccountChanged, Event, KeyPublished
from shared.events.signed_events import sign_event
from shared.postgres.outbox import emit

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
        self.set_up_links = SetUpLinks(connection)
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
        """Number, sign and emit the announced events. Call last before the commit: this locks the counters."""
        numbered: list[AccountChanged | KeyPublished] = []
        serial = self._issuer.certificate.serial
        for event in self._accounts:
            own = await self.numbers.of_account(event.account_id, serial)
            if (person := provisioner_of(event)) is not None:
                await self.provisioners.add(event.account_id, person, event.occurred_at)
            provisioned = {"provisioned": asdict(await self.provisioners.of(event.account_id))}
            whole = msgspec.structs.replace(event, details={**event.details, **provisioned})
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
        """Write `events` to the outbox, which publishes them after the commit."""
        await emit(self.connection, SERVICE, *events)
        self.announced += events
