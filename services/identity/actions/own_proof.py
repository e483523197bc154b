"""Checks both factors of a signed-in person again, before they change one of them."""

from dataclasses import dataclass
from uuid import UUID

from services.identity.actions.announce import session_changed
from services.identity.actions.context import Identity
from services.identity.actions.proof import Factor, count_failure, in_session, prove
from services.identity.actions.sessions import close
from services.identity.domain.accounts import Account
from services.identity.domain.passwords import normalise_password
from services.identity.domain.problem_codes import Code
from services.identity.store.credentials import Credential
from services.identity.store.unit_of_work import Unit
from shared.core.errors import AlprError, InvalidInput, NotAuthenticated


@dataclass(frozen=True)
class Claim:
    """A password and a second factor, given from within a session."""

    account_id: UUID
    session_id: UUID
    current: str
    factor: Factor
    client_address: str


async def in_open_session(unit: Unit, account_id: UUID, session_id: UUID) -> Account:
    """Return the locked account of a person whose session is open. Raises: NotAuthenticated."""
    account = await unit.accounts.get(account_id, lock=True)
    session = await unit.sessions.lock(session_id)
    if session is None or session.closed_at is not None:
        raise NotAuthenticated(Code.SESSION_CLOSED)
    return account


async def prove_own(identity: Identity, claim: Claim, doing: str) -> Credential:
    """Return the person's credential after using the factor up; `doing` names the change in the record of a failure.

    Raises: InvalidInput; NotAuthenticated if the session is closed, by too many failures or before.
    """
    async with identity.begin() as unit:
        seen = await unit.credentials.find(claim.account_id)
    hashed, current = seen.password_hash if seen else None, normalise_password(claim.current)
    right = await identity.hasher.verify(hashed, current, known=True)
    refused = await _prove(identity, claim, seen if right else None, doing)
    if refused is not None or seen is None:
        raise refused or InvalidInput(Code.PASSWORD_PROOF_WRONG, field="current_password")
    return seen


async def _prove(
    identity: Identity, claim: Claim, proven: Credential | None, doing: str
) -> AlprError | None:
    """Use the factor up; or record and count the failure like a failed sign-in, and return the refusal.

    Each session has its own count; a full count closes the session. Only beside the right password does the refusal
    say that the factor was used, and it does not count then.

    Raises: NotAuthenticated if the session is closed.
    """
    async with identity.begin() as unit:
        account = await in_open_session(unit, claim.account_id, claim.session_id)
        place = in_session(claim.session_id)
        proof = await prove(identity, unit, account, claim.factor, place, proven)
        if proof.is_right:
            await unit.credentials.clear_failures_of(account.account_id, claim.session_id)
            return None
        await session_changed(
            unit,
            "refused",
            account.actor,
            account_id=account.account_id,
            session_id=claim.session_id,
            client_address=claim.client_address,
            reason=f"{proof.why} at a change of {doing}",
        )
        if proof.is_repeated:
            return _used(claim.factor)
        full = await count_failure(
            identity,
            unit,
            account,
            counted_for=claim.session_id,
            client_address=claim.client_address,
        )
        if full:
            account = await unit.accounts.get(account.account_id)
            await close(unit, account, claim.session_id, identity.system, "too many failures")
            return NotAuthenticated(Code.SESSION_CLOSED_BY_FAILURES)
    return InvalidInput(Code.PASSWORD_PROOF_WRONG, field="current_password")


def _used(factor: Factor) -> InvalidInput:
    if isinstance(factor, str):
        return InvalidInput(Code.CODE_USED, field="totp")
    return InvalidInput(Code.ANSWER_USED, field="security_key")
