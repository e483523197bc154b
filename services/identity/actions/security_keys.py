"""A person's own security keys: added, removed, and whether codes count beside them (ADR-0136).

Each change asks for both factors again. A new key is made for a challenge of this very session, so that it answers to
the person who proved themselves in it.
"""

from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID, uuid4

from services.identity.actions import webauthn
from services.identity.actions.announce import account_changed, close_sessions
from services.identity.actions.context import Identity
from services.identity.actions.own_proof import Claim, in_open_session, prove_own
from services.identity.domain.accounts import Account
from services.identity.domain.problem_codes import Code
from services.identity.store.security_keys import SecurityKey
from services.identity.store.unit_of_work import Unit
from shared.core.errors import Conflict, InvalidInput, NotFound

MOST: Final = 10
"""Security keys of one person: a key on the ring, one in the drawer, and the computers that they work at."""


@dataclass(frozen=True)
class Offer:
    """What an authenticator needs to make a key for a person."""

    account: Account
    challenge: webauthn.Challenge
    known: tuple[bytes, ...]
    """The person's credential ids, so that one authenticator is not added twice."""


def challenge(identity: Identity, place: str) -> webauthn.Challenge:
    """Issue a challenge for a security key. Raises: InvalidInput where the system uses none."""
    check_set_up(identity)
    return webauthn.new_challenge(identity.vault, place, identity.clock.now())


def check_set_up(identity: Identity) -> None:
    """Raise InvalidInput if the system uses no security keys."""
    if not identity.settings.identity_console_host:
        raise InvalidInput(Code.SECURITY_KEYS_NOT_SET_UP)


async def begin(identity: Identity, claim: Claim) -> Offer:
    """Offer a challenge to make a key for.

    Raises: InvalidInput, Conflict; NotAuthenticated if the session is closed, by too many failures or before.
    """
    check_set_up(identity)
    async with identity.begin() as unit:
        account = await unit.accounts.get(claim.account_id)
        held = await unit.security_keys.of(claim.account_id)
    _check_room(len(held))
    await prove_own(identity, claim, "security keys")
    place = _place(claim.account_id, claim.session_id)
    offered = webauthn.new_challenge(identity.vault, place, identity.clock.now())
    return Offer(account, offered, tuple(key.credential_id for key in held))


async def confirm(
    identity: Identity,
    unit: Unit,
    account_id: UUID,
    session_id: UUID,
    name: str,
    new: webauthn.NewKey,
) -> SecurityKey:
    """Store a key that was made for a challenge of this session.

    Raises: NotAuthenticated if the session is closed; InvalidInput, Conflict.
    """
    check_set_up(identity)
    account = await in_open_session(unit, account_id, session_id)
    host, place = identity.settings.identity_console_host, _place(account_id, session_id)
    made = webauthn.made(identity.vault, host, place, new, unit.now)
    if made is None:
        raise InvalidInput(Code.SECURITY_KEY_WRONG)
    _check_room(len(await unit.security_keys.of(account_id)))
    key = SecurityKey(
        key_id=uuid4(),
        account_id=account_id,
        credential_id=made.credential_id,
        credential=made.credential,
        name=name,
        sign_count=made.sign_count,
        added_at=unit.now,
    )
    await unit.security_keys.add(key)
    await account_changed(unit, account, "security_key_added", account.actor, key=name)
    return key


async def remove(identity: Identity, claim: Claim, key_id: UUID) -> None:
    """Delete a key, and close the person's other sessions: the key may have opened one of them.

    Raises: NotFound, Conflict; InvalidInput; NotAuthenticated if the session is closed, by too many failures or before.
    """
    async with identity.begin() as unit:
        await _removable(unit, await unit.accounts.get(claim.account_id), key_id)
    await prove_own(identity, claim, "security keys")
    async with identity.begin() as unit:
        account = await unit.accounts.get(claim.account_id, lock=True)
        key = await _removable(unit, account, key_id)
        await unit.security_keys.remove(key_id)
        reason = "security key removed"
        await close_sessions(unit, account, account.actor, reason, but=claim.session_id)
        revoked = account.revoked(unit.now)
        await account_changed(unit, revoked, "security_key_removed", account.actor, key=key.name)


async def set_keys_only(identity: Identity, claim: Claim, keys_only: bool) -> None:
    """Let only security keys count as the person's second factor, or codes too.

    Codes end only at the word of a key, which shows that the person has one that works.

    Raises: Conflict without a key; InvalidInput; NotAuthenticated if the session is closed, by too many failures or
    before.
    """
    if keys_only and isinstance(claim.factor, str):
        raise InvalidInput(Code.SECURITY_KEY_ASKED, field="security_key")
    await prove_own(identity, claim, "second factor")
    async with identity.begin() as unit:
        account = await unit.accounts.get(claim.account_id, lock=True)
        if keys_only and not await unit.security_keys.of(claim.account_id):
            raise Conflict(Code.NO_SECURITY_KEY)
        if keys_only == account.keys_only:
            return
        change = "codes_ended" if keys_only else "codes_allowed"
        await account_changed(unit, replace(account, keys_only=keys_only), change, account.actor)


async def _removable(unit: Unit, account: Account, key_id: UUID) -> SecurityKey:
    """Return a person's own key. Raises: NotFound; Conflict for the last one of a person who signs in by keys only."""
    held = await unit.security_keys.of(account.account_id)
    found = next((key for key in held if key.key_id == key_id), None)
    if found is None:
        raise NotFound(Code.SECURITY_KEY_UNKNOWN)
    if account.keys_only and len(held) == 1:
        raise Conflict(Code.SECURITY_KEY_NEEDED)
    return found


def _check_room(held: int) -> None:
    if held >= MOST:
        raise Conflict(Code.SECURITY_KEYS_FULL, most=MOST)


def _place(account_id: UUID, session_id: UUID) -> str:
    """Return the place of a challenge to make a key for."""
    return f"new security key {account_id} {session_id}"
