"""The keys that this service signs with: from the settings, or generated once and stored. Changes are recorded."""

import logging
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.domain.problem_codes import Code
from services.retention.domain.signing import Signer, succession
from services.retention.settings import Settings
from services.retention.store.keys import KeyChange, Keys
from shared.core.errors import InternalFault, Unavailable
from shared.events import Actor, SigningKeyChanged
from shared.postgres.database import Database
from shared.postgres.outbox import emit

log = logging.getLogger(__name__)


class SigningKeys:
    """The private keys of this process."""

    def __init__(self, db: Database, signers: Sequence[Signer] = ()) -> None:
        """`signers`: the present key, and the next one during a change; without them, `open` loads them."""
        self._db = db
        self._signers = signers

    async def open(self, settings: Settings, at: datetime) -> None:
        """Load the keys of this process. Raises: KeyFault for an invalid key."""
        async with self._db.begin() as connection:
            self._signers = await signers_of(connection, settings, at)

    async def in_force(self, connection: AsyncConnection | None = None) -> Signer:
        """Return the signer of the key in force. Raises: Unavailable if this process lacks it.

        A caller that has a connection gives it: requests that each wait for a second one keep the first from others.
        """
        if connection is not None:
            return await self._in_force(connection)
        async with self._db.begin() as own:
            return await self._in_force(own)

    async def _in_force(self, connection: AsyncConnection) -> Signer:
        changes = await Keys(connection).changes()
        key_id = changes[-1].new_key_id if changes else self._signers[0].key_id
        for signer in self._signers:
            if signer.key_id == key_id:
                return signer
        raise Unavailable(Code.SIGNING_KEY_MISSING, key_id=key_id)

    async def change(
        self, connection: AsyncConnection, service: str, actor: Actor, reason: str, at: datetime
    ) -> SigningKeyChanged:
        """Change to the other key, in the caller's transaction.

        Raises: InternalFault without a next key, or for one that signed before; Unavailable without the key in force.
        """
        keys = Keys(connection)
        await keys.lock()
        old = await self._in_force(connection)
        others = [signer for signer in self._signers if signer.key_id != old.key_id]
        if not others:
            raise InternalFault(
                "give the next key as RETENTION_NEXT_SIGNING_KEY, beside the one in force"
            )
        new = others[0]
        if any(new.key_id == key.key_id for key in await keys.public()):
            raise InternalFault(f"{new.key_id} signed before; a key is not used again")
        statement = succession(old, new, at)
        await keys.add(key_id=new.key_id, public_pem=new.public_pem, private_pem=None, at=at)
        change = KeyChange(old.key_id, new.key_id, at, statement)
        await keys.add_change(change)
        event = SigningKeyChanged(
            occurred_at=at,
            actor=actor,
            signs="packages",
            old_key=old.public_pem,
            new_key=new.public_pem,
            reason=reason,
            statement=statement,
        )
        await emit(connection, service, event)
        return event


async def signers_of(connection: AsyncConnection, settings: Settings, at: datetime) -> list[Signer]:
    """Return the signers of this process, and store the first one's public key.

    Raises: KeyFault for an invalid key.
    """
    keys = Keys(connection)
    given, private_pem = settings.retention_signing_key, None
    if given is not None:
        signer = Signer.load(given.get_secret_value().encode())
    else:
        stored = await keys.private_pem()
        signer = Signer.load(stored.encode()) if stored else Signer.new()
        private_pem = signer.private_pem
        log.warning("no RETENTION_SIGNING_KEY: signing with a key that the database keeps")
    await keys.add(
        key_id=signer.key_id,
        public_pem=signer.public_pem,
        private_pem=private_pem,
        at=at,
    )
    following = settings.retention_next_signing_key
    if following is None:
        return [signer]
    return [signer, Signer.load(following.get_secret_value().encode())]
