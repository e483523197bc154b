"""Identity's unit of work: one transaction, its stores, and the events that commit with it."""

from dataclasses import asdict
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.domain.accounts import check_token, provisioner_of
from services.identity.store.accounts import Accounts
from services.identity.store.browsers import Browsers
from services.identity.store.case_numbers import CaseNumbers
from services.identity.store.credentials import Credentials
from services.identity.store.invitations import Invitations
from services.identity.store.keys import Keys
from services.identity.store.numbers import ACCOUNTS, KEYS, Numbers
from services.identity.store.provisioners import Provisioners
from services.identity.store.records import LimitLifts, Purposes, Trainings
from services.identity.store.sealed import Sealed
from services.identity.store.security_keys import SecurityKeys
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
        self.security_keys = SecurityKeys(connection)
        self.browsers = Browsers(connection)
        self.sessions = Sessions(connection)
        self.trainings = Trainings(connection)
        self.purposes = Purposes(connection)
        self.case_numbers = CaseNumbers(connection)
        self.limit_lifts = LimitLifts(connection)
        self.keys = Keys(connection)
        self.sealed = Sealed(connection)
        self.invitations = Invitations(connection)
        self.set_up_links = SetUpLinks(connection)
        self.numbers = Numbers(connection)
        self.provisioners = Provisioners(connection)
        self.announced: list[Event] = []
        self._issuer = issuer
        self._caller: tuple[UUID, datetime] | None = None
        self._accounts: list[AccountChanged] = []
        self._keys: list[KeyPublished] = []

    async def act_for(self, account_id: UUID, issued: datetime) -> None:
        """Act for a person with an access token that was issued then. Raises: CredentialEnded.

        The tables are checked, too: the end of an account may still be on its way to this process through Kafka, and
        `finish` checks them again.
        """
        self._caller = account_id, issued
        await self._check_caller()

    def announce(self, event: AccountChanged | KeyPublished) -> None:
        """Announce an account or a key, numbered and signed at the end of the transaction."""
        if isinstance(event, AccountChanged):
            self._accounts.append(event)
        else:
            self._keys.append(event)

    async def finish(self) -> None:
        """Number, sign and emit the announced events. Call last before the commit: this locks the counters.

        Changes of accounts go one by one from there, so of two people who end each other's accounts at once the first
        does. Raises: CredentialEnded for the second.
        """
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
            if name == ACCOUNTS and self._changes_others:
                await self._check_caller()
            of_kind = [e for e in numbered if isinstance(e, AccountChanged) is (name == ACCOUNTS)]
            for number, event_of_kind in enumerate(of_kind, last - count + 1):
                counted = msgspec.structs.replace(event_of_kind, number=number)
                await self.emit(sign_event(self._issuer, counted))

    @property
    def _changes_others(self) -> bool:
        """Whether a caller changes an account that is not the caller's own."""
        caller = self._caller[0] if self._caller is not None else None
        return caller is not None and any(one.account_id != caller for one in self._accounts)

    async def _check_caller(self) -> None:
        if self._caller is not None:
            account_id, issued = self._caller
            check_token(await self.accounts.find(account_id), issued)

    async def emit(self, *events: Event) -> None:
        """Write `events` to the outbox, which publishes them after the commit."""
        await emit(self.connection, SERVICE, *events)
        self.announced += events
