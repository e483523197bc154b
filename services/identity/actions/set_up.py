"""The set-up link: the first administrator of a fresh department enrols in a browser on the same machine (ADR-0068)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address

from services.identity.actions.bootstrap import host_of, invite_first, standalone
from services.identity.actions.context import Identity
from services.identity.actions.enrolment import Delivered, deliver
from services.identity.domain.opaque_tokens import is_token_of, new_token, token_hash
from services.identity.domain.problem_codes import Code
from services.identity.settings import Settings
from services.identity.store.set_up_links import SetUpLink
from services.identity.store.unit_of_work import Unit
from shared.core.clock import Clock
from shared.core.errors import Conflict, NotAuthenticated, NotAuthorised

VALID = timedelta(minutes=15)
"""Validity of the link, and of the invitation that it gives: one that is left unused lets another link be made."""


@dataclass(frozen=True)
class OpenedLink:
    """The token of a set-up link, which is shown once."""

    token: str
    expires_at: datetime


@dataclass(frozen=True)
class FirstPerson:
    """The first administrator; `title` is that of the policy's designee unless given."""

    username: str
    name: str
    title: str | None = None


async def open_link(settings: Settings, *, clock: Clock | None = None) -> OpenedLink | None:
    """Make the set-up link, which replaces any earlier one. Returns None if the department has people."""
    async with standalone(settings, clock) as identity, identity.begin() as unit:
        await unit.accounts.lock_bootstrap()
        if await _has_people(unit):
            return None
        opened = OpenedLink(new_token(), unit.now + VALID)
        await unit.set_up_links.put(SetUpLink(token_hash(opened.token), opened.expires_at))
    return opened


async def has_people(settings: Settings, *, clock: Clock | None = None) -> bool:
    """Return whether the department has people, so that no set-up link can be made."""
    async with standalone(settings, clock) as identity, identity.begin() as unit:
        return await _has_people(unit)


async def use_link(
    identity: Identity, unit: Unit, token: str, first: FirstPerson, *, client_address: str
) -> Delivered:
    """Invite the first administrator and deliver the invitation; the link ends with the commit.

    The lock lets one use of a link begin only after another has ended.

    Raises: NotAuthorised for another machine; NotAuthenticated for the token; Conflict once there are people;
    InvalidInput for the title, which leaves the link as it is.
    """
    _check_loopback(client_address)
    await unit.accounts.lock_bootstrap()
    link = await unit.set_up_links.find()
    if link is None or link.expires_at <= unit.now or not is_token_of(link.token_hash, token):
        raise NotAuthenticated(Code.SET_UP_LINK_NOT_HELD)
    if await _has_people(unit):
        raise Conflict(Code.SET_UP_DONE)
    await unit.set_up_links.drop()
    invited = await invite_first(identity, unit, first.username, first.name, first.title)
    account_id = invited.account.account_id
    await unit.invitations.put(account_id, [identity.system.person_id], unit.now + VALID)
    return await deliver(unit, invited.account, host_of(identity))


def _check_loopback(client_address: str) -> None:
    """Raise NotAuthorised unless a client's address is one of this machine alone; an unknown one is not."""
    try:
        is_here = ip_address(client_address).is_loopback
    except ValueError:
        is_here = False
    if not is_here:
        raise NotAuthorised(Code.SET_UP_FROM_ELSEWHERE)


async def _has_people(unit: Unit) -> bool:
    """Return whether an account exists that is more than a first administrator's expired invitation."""
    for account in await unit.accounts.all():
        invitation = await unit.invitations.of(account.account_id)
        expired = invitation is None or invitation.expires_at <= unit.now
        if account.status != "invited" or not expired:
            return True
    return False
