"""Enrolment: a one-time invitation becomes a password and a second factor that only the person knows."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from services.identity.actions import totp
from services.identity.actions.announce import account_changed
from services.identity.actions.context import Identity
from services.identity.actions.mail import invitation_mail, send
from services.identity.domain.accounts import Account, check_deliverer
from services.identity.domain.opaque_tokens import new_token, token_hash
from services.identity.domain.passwords import check_password, normalise_password
from services.identity.domain.problem_codes import Code
from services.identity.store.unit_of_work import Unit
from shared.core.errors import Conflict, InvalidInput, NotAuthenticated
from shared.events import Actor

BESIDE_WITHIN = timedelta(hours=1)
"""A person who handled the invitation and used a session this recently, from the same address or browser, may
have enrolled for the invited person."""


@dataclass(frozen=True)
class Invited:
    """An account, and the expiry of its invitation or of the proposal to invite."""

    account: Account
    state: Literal["proposed", "to_be_delivered"]
    expires_at: datetime


@dataclass(frozen=True)
class Delivered:
    """An account and its invitation token, which is shown once."""

    account: Account
    invitation_token: str
    expires_at: datetime


@dataclass(frozen=True)
class Place:
    """The origin of an enrolment: its address, and the known browsers that it names."""

    client_address: str
    browsers: frozenset[UUID] = frozenset()


@dataclass(frozen=True)
class SecondFactor:
    """The secret for an authenticator app; shown once."""

    username: str
    totp_secret: str
    provisioning_uri: str


def totp_place(account_id: UUID | str) -> str:
    """Return the associated data that binds a sealed second factor to its account."""
    return f"second factor {account_id}"


async def invite(identity: Identity, unit: Unit, account: Account, *by: Actor) -> Invited:
    """Create an invitation that replaces any earlier one; a person other than `by` and those who invited earlier
    delivers it."""
    expires = unit.now + timedelta(hours=identity.settings.identity_invitation_hours)
    people = [who.person_id for who in by]
    await unit.invitations.put(account.account_id, people, expires)
    return Invited(account, "to_be_delivered", expires)


async def deliver(
    unit: Unit, account: Account, by: Actor, *, mailed_to: str | None = None, **more: Any
) -> Delivered:
    """Create the token of an invitation, once; `by` hands it over or has it mailed to an address.

    Its event has the details `more`, too.

    Raises: Conflict if no invitation is pending; NotAuthorised for the inviter and for the invited person.
    """
    invitation = await unit.invitations.of(account.account_id, lock=True)
    if account.status != "invited" or invitation is None or invitation.expires_at <= unit.now:
        raise Conflict(Code.INVITATION_NOT_WAITING)
    check_deliverer(account, invitation.invited_by, by)
    if invitation.delivered_at is not None:
        raise Conflict(Code.INVITATION_DELIVERED, delivered_at=invitation.delivered_at)
    token = new_token()
    await unit.invitations.deliver(account.account_id, token_hash(token), by.person_id, unit.now)
    domain = mailed_to.rpartition("@")[2] if mailed_to else None
    how = "mail" if mailed_to else "paper"
    await account_changed(
        unit, account, "invitation_delivered", by, how=how, mail_domain=domain, **more
    )
    return Delivered(account, token, invitation.expires_at)


async def mail(
    identity: Identity, unit: Unit, account: Account, by: Actor, address: str
) -> Delivered:
    """Mail an invitation on behalf of `by`, who does not see the token.

    Sends before the commit: if the mail server refuses it, the delivery rolls back. Raises: as `deliver`;
    InvalidInput if no mail server is set; Unavailable.
    """
    server = identity.settings.mail_server
    if server is None:
        raise InvalidInput(Code.MAIL_NOT_SET_UP, field="email")
    delivered = await deliver(unit, account, by, mailed_to=address)
    await send(
        server,
        invitation_mail(
            sender=server.sender,
            to=address,
            department=identity.policy.department.name,
            name=account.name,
            username=account.username,
            token=delivered.invitation_token,
            until=f"{delivered.expires_at:%Y-%m-%d %H:%M} UTC",
        ),
    )
    return delivered


async def begin(identity: Identity, invitation_token: str, password: str) -> SecondFactor:
    """Set the password and return a fresh second factor; may be repeated until it is confirmed.

    Raises: NotAuthenticated for an invalid invitation, InvalidInput for the password.
    """
    password = normalise_password(password)
    async with identity.begin() as unit:
        account = await _invited(unit, invitation_token)
    minimum = identity.policy.accounts.password_minimum_characters
    check_password(password, username=account.username, minimum_characters=minimum)
    hashed = await identity.hasher.hash(password)
    secret = totp.new_secret()
    async with identity.begin() as unit:
        account = await _invited(unit, invitation_token)
        sealed = identity.vault.seal(secret.encode(), totp_place(account.account_id))
        await unit.credentials.put(account.account_id, hashed, sealed, unit.now)
    issuer = identity.policy.department.name
    uri = totp.provisioning_uri(secret, account.username, issuer)
    return SecondFactor(account.username, secret, uri)


async def confirm(
    identity: Identity, unit: Unit, invitation_token: str, code: str, place: Place
) -> Account:
    """Activate the account once a code proves that the second factor works, and delete the invitation.

    The event names each person who handled the invitation and was recently signed in from the same address or
    browser.

    Raises: NotAuthenticated, InvalidInput for the code.
    """
    account = await _invited(unit, invitation_token)
    credential = await unit.credentials.find(account.account_id)
    if credential is None:
        raise InvalidInput(Code.PASSWORD_NOT_SET, field="invitation_token")
    secret = identity.vault.open(credential.totp_sealed, totp_place(account.account_id)).decode()
    step = totp.matching_step(secret, code, unit.now, credential.totp_last_step)
    if step is None:
        raise InvalidInput(Code.SECOND_FACTOR_WRONG, field="totp")
    await unit.credentials.use_step(account.account_id, step)
    invitation = await unit.invitations.of(account.account_id)
    beside = await unit.sessions.beside(
        invitation.had_it if invitation else (),
        unit.now - BESIDE_WITHIN,
        client_address=place.client_address,
        browsers=place.browsers,
    )
    await unit.invitations.drop(account.account_id)
    active = replace(account, status="active", last_active_at=unit.now)
    await account_changed(unit, active, "enrolled", active.actor, beside=dict(beside) or None)
    return active


async def _invited(unit: Unit, invitation_token: str) -> Account:
    invitation = await unit.invitations.of_token(token_hash(invitation_token))
    if invitation is None or invitation.expires_at <= unit.now:
        raise NotAuthenticated(Code.INVITATION_NOT_HELD)
    account = await unit.accounts.get(invitation.account_id, lock=True)
    if account.status != "invited":
        raise NotAuthenticated(Code.INVITATION_NOT_HELD)
    return account
