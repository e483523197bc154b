"""The first administrator, and the way back in when the last one is locked: by whoever runs the machine.

Both need the database and the key-encryption key, and leave events like any other change.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from services.identity.actions.administration import NewAccount, create, renew, unlock
from services.identity.domain.accounts import ADMINISTRATOR, Account
from services.identity.settings import Settings
from services.identity.work import SERVICE, Identity, Unit
from shared.certificates import Roots, Trust
from shared.clock import Clock, SystemClock
from shared.db import Database
from shared.errors import Conflict, NotFound
from shared.people import People
from shared.policy import load_policy
from shared.schema import prepare

MIGRATIONS = Path(__file__).parent.parent / "migrations"


@dataclass(frozen=True)
class FirstAdministrator:
    """What the first administrator enrols with; shown once."""

    username: str
    invitation_token: str
    expires_at: datetime


async def bootstrap(
    settings: Settings,
    *,
    username: str,
    name: str,
    title: str | None = None,
    clock: Clock | None = None,
) -> FirstAdministrator:
    """Create the first ALPR administrator, or invite them again if the invitation ran out.

    Works before the service first runs and while it runs; its events wait in the outbox.

    Raises: Conflict when there is an administrator already, InvalidInput for the title.
    """
    async with standalone(settings, clock) as identity, identity.begin() as unit:
        await unit.accounts.lock_bootstrap()
        reason = "first administrator"
        lapsed = await _lapsed_invitation(unit, username)
        if lapsed is not None:
            invited = await renew(identity, unit, identity.system, lapsed, reason)
        else:
            new = NewAccount(
                username=username,
                name=name,
                title=title or unit.policy.designee.title,
                agency_ori=unit.policy.department.ori,
                roles=[ADMINISTRATOR],
                sources=["department"],
            )
            invited = await create(identity, unit, identity.system, new)
    return FirstAdministrator(username, invited.invitation_token, invited.expires_at)


async def release_lock(settings: Settings, *, username: str, clock: Clock | None = None) -> None:
    """Unlock an account from the command line. Raises: NotFound, Conflict."""
    async with standalone(settings, clock) as identity, identity.begin() as unit:
        account = await unit.accounts.find_username(username)
        if account is None:
            raise NotFound("no such account")
        reason = "released from the command line"
        await unlock(unit, identity.system, account.account_id, reason)


@asynccontextmanager
async def standalone(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Identity]:
    """Identity's parts without the service: a database brought up to date, and no Kafka."""
    mac_key = settings.mac_key_of(SERVICE)
    db = Database(settings.database_link(), SERVICE, pool_size=1, mac_key=mac_key)
    policy, clock = load_policy(settings.policy_file), clock or SystemClock()
    identity = Identity(
        settings,
        db=db,
        policy=policy,
        clock=clock,
        people=People(
            settings.token_issuer,
            Trust(Roots.parse(settings.root_public_keys)),
            policy,
            clock,
        ),
    )
    try:
        await prepare(db, settings, MIGRATIONS)
        yield identity
    finally:
        identity.hasher.close()
        await db.close()


async def _lapsed_invitation(unit: Unit, username: str) -> Account | None:
    """Return the invited administrator of this username if nobody can get in any more."""
    lapsed = None
    for account in await unit.accounts.administrators():
        invitation = await unit.accounts.invitation_of(account.account_id)
        expired = invitation is None or invitation.expires_at <= unit.now
        if account.status == "active" or not expired:
            raise Conflict("there is an ALPR administrator already, who can invite others")
        if account.username == username:
            lapsed = account
    return lapsed
