"""Commands for the operator of the host: create the first administrator, and release a locked last one.

Both need the database and the key-encryption key, and publish events like any other change.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from services.identity.actions.administration import (
    NewAccount,
    check_account,
    create,
    renew,
    unlock,
)
from services.identity.actions.context import Identity
from services.identity.actions.enrolment import Invited, deliver
from services.identity.domain.accounts import (
    ADMINISTRATOR,
    Account,
    may_manage,
    permissions_of,
)
from services.identity.domain.problem_codes import Code
from services.identity.settings import Settings
from services.identity.spec import SPEC
from services.identity.store.unit_of_work import Unit
from shared.core.clock import Clock
from shared.core.errors import InternalFault, NotFound
from shared.core.permissions import Permission
from shared.events import Actor
from shared.postgres.schema import prepare
from shared.service.api_runtime import ApiRuntime


@dataclass(frozen=True)
class FirstAdministrator:
    """The invitation of an administrator; its token is shown once."""

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

    Works before the service first runs and while it runs; its events stay in the outbox until the service runs.

    Raises: InternalFault if there is an administrator already; Conflict for the username; InvalidInput for the title.
    """
    async with standalone(settings, clock) as identity, identity.begin() as unit:
        await unit.accounts.lock_bootstrap()
        invited = await invite_first(identity, unit, username, name, title)
        given = await deliver(unit, invited.account, host_of(identity))
    return FirstAdministrator(username, given.invitation_token, given.expires_at)


async def invite_first(
    identity: Identity, unit: Unit, username: str, name: str, title: str | None
) -> Invited:
    """Invite the first administrator, or invite them again if the invitation ran out.

    The name and title given now replace those of a person who never enrolled.

    Raises: InternalFault if there is an administrator already; Conflict for the username; InvalidInput for the title.
    """
    title = title or unit.policy.designee.title
    lapsed = await _lapsed_invitation(unit, username)
    if lapsed is not None:
        if not lapsed.has_enrolled:
            lapsed = replace(lapsed, name=name, title=title)
            check_account(unit, lapsed)
        return await renew(identity, unit, lapsed, "first administrator", identity.system)
    new = NewAccount(
        username=username,
        name=name,
        title=title,
        agency_ori=unit.policy.department.ori,
        roles=[ADMINISTRATOR],
        sources=["department"],
    )
    # Audit raises a finding of an administrator whom the host makes beside people, as of one whom it releases.
    beside = any(one.has_enrolled for one in await unit.accounts.all())
    return await create(identity, unit, identity.system, new, beside_people=beside or None)


def host_of(identity: Identity) -> Actor:
    """Return the actor for the operator of the host, who hands an invitation over."""
    return msgspec.structs.replace(identity.system, person_id="system:host", name="identity's host")


async def deliver_invitation(
    settings: Settings, *, username: str, clock: Clock | None = None
) -> FirstAdministrator:
    """Hand an invitation over from the command line, if no active person may deliver it.

    Raises: NotFound; InternalFault if a person can deliver it; Conflict if no invitation is pending.
    """
    async with standalone(settings, clock) as identity, identity.begin() as unit:
        account = await _locked_account(unit, username)
        invitation = await unit.invitations.of(account.account_id)
        others = {str(account.account_id), *(invitation.invited_by if invitation else ())}
        for person in await unit.accounts.all():
            held = permissions_of(unit.policy, person.title, person.roles)
            may = person.status == "active" and Permission.ACCOUNT_DELIVER in held
            if may and str(person.account_id) not in others:
                raise InternalFault(
                    f"{person.username} can deliver it: the host may only deliver if no person can"
                )
        beside = await _had_deliverers(unit)
        given = await deliver(unit, account, host_of(identity), beside_people=beside or None)
    return FirstAdministrator(username, given.invitation_token, given.expires_at)


async def _had_deliverers(unit: Unit) -> bool:
    """Return whether a person ever enrolled who could deliver invitations: the host's delivery is a finding then."""
    return any(
        Permission.ACCOUNT_DELIVER in permissions_of(unit.policy, one.title, one.ever_held)
        for one in await unit.accounts.all()
        if one.has_enrolled
    )


async def _locked_account(unit: Unit, username: str) -> Account:
    """Return a person's account, locked, once no other command of the host runs. Raises: NotFound."""
    await unit.accounts.lock_bootstrap()
    account = await unit.accounts.find_username(username, lock=True)
    if account is None:
        raise NotFound(Code.ACCOUNT_UNKNOWN)
    return account


async def release_lock(
    settings: Settings,
    *,
    username: str,
    reason: str,
    invite: bool = False,
    clock: Clock | None = None,
) -> FirstAdministrator | None:
    """Release an administrator's account from the command line, if other administrators cannot.

    Unlocks the account, if no other administrator is able to sign in; with `invite`, invites the person to
    enrol anew, if fewer than two are. Audit records a finding, which the person released cannot work.

    Raises: NotFound; InternalFault if others can release it or it is not an administrator's; Conflict if it is not
    locked.
    """
    async with standalone(settings, clock) as identity, identity.begin() as unit:
        account = await _locked_account(unit, username)
        if ADMINISTRATOR not in account.roles:
            raise InternalFault(
                "this is not an ALPR administrator; an administrator can release the account"
            )
        others = [
            person.username
            for person in await unit.accounts.administrators()
            if may_manage(unit.policy, person)
            and person.sign_in_locked_at is None
            and person.account_id != account.account_id
        ]
        if len(others) >= (2 if invite else 1):
            raise InternalFault(f"other administrators can do this: {', '.join(sorted(others))}")
        if not invite:
            await unlock(unit, identity.system, account.account_id, reason)
            return None
        account.check_change("reinvited")
        invited = await renew(identity, unit, account, reason, identity.system)
        given = await deliver(unit, invited.account, host_of(identity))
    return FirstAdministrator(username, given.invitation_token, given.expires_at)


@asynccontextmanager
async def standalone(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Identity]:
    """Yield identity's context without the service: migrates the database, and uses no Kafka."""
    one = settings.model_copy(update={"database_pool_size": 1})
    runtime = ApiRuntime(SPEC, one, clock=clock)
    identity = Identity.of(runtime, settings)
    try:
        await prepare(runtime.db, settings, SPEC.migrations)
        yield identity
    finally:
        identity.hasher.close()
        await runtime.db.close()


async def _lapsed_invitation(unit: Unit, username: str) -> Account | None:
    """Return the administrator of this username if every administrator's invitation has expired.

    An active person whose title the policy no longer authorises can invite no one, and does not count.

    Raises: InternalFault if another administrator is active, or has an invitation that has not expired.
    """
    lapsed = None
    for account in await unit.accounts.administrators():
        if account.status == "active" and not may_manage(unit.policy, account):
            continue
        invitation = await unit.invitations.of(account.account_id)
        expired = invitation is None or invitation.expires_at <= unit.now
        if account.status == "active" or not expired:
            raise InternalFault("there is an ALPR administrator already, who can invite others")
        if account.username == username:
            lapsed = account
    return lapsed
