"""Replaces a person's own second factor, after a check of the present one; for a new telephone, say.

Identity does not store a key before a code proves that the person has it. The person's client keeps it meanwhile,
sealed to the session: a change closes the session, so an offered key is used once.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from services.identity.actions import totp
from services.identity.actions.announce import account_changed, close_sessions
from services.identity.actions.context import Identity
from services.identity.actions.enrolment import SecondFactor, totp_place
from services.identity.actions.own_proof import Claim, in_open_session, prove_own
from services.identity.domain.problem_codes import Code
from services.identity.store.unit_of_work import Unit
from shared.core.errors import InvalidInput
from shared.core.vault import VaultFault

OFFERED_FOR = timedelta(minutes=10)
"""How long a person has to put an offered key into their authenticator."""


@dataclass(frozen=True)
class Offer:
    """A key for the authenticator, and the token that brings it back with its first code."""

    factor: SecondFactor
    change_token: str
    expires_at: datetime


class _Sealed(msgspec.Struct, frozen=True):
    """What a change token has sealed."""

    totp_secret: str
    expires_at: datetime


async def begin(identity: Identity, claim: Claim) -> Offer:
    """Offer a new key; the present one stays valid until the new one is confirmed.

    Raises: InvalidInput; NotAuthenticated if the session is closed, by too many failures or before.
    """
    await prove_own(identity, claim, "second factor")
    async with identity.begin() as unit:
        account = await unit.accounts.get(claim.account_id)
    made = _Sealed(totp.new_secret(), unit.now + OFFERED_FOR)
    place = _place(claim.account_id, claim.session_id)
    sealed = identity.vault.seal(msgspec.json.encode(made), place)
    uri = totp.provisioning_uri(made.totp_secret, account.username, identity.policy.department.name)
    factor = SecondFactor(account.username, made.totp_secret, uri)
    return Offer(factor, urlsafe_b64encode(sealed).decode(), made.expires_at)


async def confirm(
    identity: Identity, unit: Unit, account_id: UUID, session_id: UUID, token: str, code: str
) -> None:
    """Put an offered key in force once a code proves it; close the person's sessions and revoke their tokens.

    Raises: NotAuthenticated if the session is closed; InvalidInput for another session's key, a late one, or the code.
    """
    account = await in_open_session(unit, account_id, session_id)
    offered = _opened(identity, token, _place(account_id, session_id))
    if offered is None or offered.expires_at <= unit.now:
        raise InvalidInput(Code.SECOND_FACTOR_NOT_OFFERED, field="change_token")
    step = totp.matching_step(offered.totp_secret, code, unit.now, 0)
    if step is None:
        raise InvalidInput(Code.SECOND_FACTOR_WRONG, field="totp")
    sealed = identity.vault.seal(offered.totp_secret.encode(), totp_place(account_id))
    await unit.credentials.set_second_factor(account_id, sealed, step)
    await close_sessions(unit, account, account.actor, "second factor changed")
    await account_changed(unit, account.revoked(unit.now), "second_factor_changed", account.actor)


def _place(account_id: UUID, session_id: UUID) -> str:
    """Return the associated data that binds an offered key to its session."""
    return f"offered second factor {account_id} {session_id}"


def _opened(identity: Identity, token: str, place: str) -> _Sealed | None:
    """Return what a change token has sealed; None for one that is not of this place."""
    try:
        opened = identity.vault.open(urlsafe_b64decode(token), place)
    except (VaultFault, binascii.Error):
        return None
    return msgspec.json.decode(opened, type=_Sealed)
