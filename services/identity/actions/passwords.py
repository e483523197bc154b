"""Changes a person's own password, after a check of both factors."""

from dataclasses import dataclass
from uuid import UUID

from services.identity.actions.announce import account_changed, close_sessions, session_changed
from services.identity.actions.context import Identity
from services.identity.actions.proof import count_failure, prove
from services.identity.actions.sessions import close
from services.identity.domain.passwords import check_password, normalise_password
from services.identity.domain.problem_codes import Code
from services.identity.store.credentials import Credential
from shared.core.errors import AlprError, Conflict, InvalidInput, NotAuthenticated


@dataclass(frozen=True)
class Change:
    """A request to change a password, from within a session."""

    account_id: UUID
    session_id: UUID
    current: str
    code: str
    new: str
    client_address: str


async def change(identity: Identity, wanted: Change) -> None:
    """Set a new password, close the person's sessions and revoke their tokens.

    Raises: InvalidInput, Conflict; NotAuthenticated if the session is closed, by too many failures or before.
    """
    current, new = normalise_password(wanted.current), normalise_password(wanted.new)
    async with identity.begin() as unit:
        account = await unit.accounts.get(wanted.account_id)
        seen = await unit.credentials.find(wanted.account_id)
    minimum = identity.policy.accounts.password_minimum_characters
    check_password(new, username=account.username, minimum_characters=minimum)
    if new == current:
        raise InvalidInput(Code.PASSWORD_IN_USE, field="password")
    right = await identity.hasher.verify(seen.password_hash if seen else None, current, known=True)
    if (refused := await _prove(identity, wanted, seen if right else None)) is not None:
        raise refused
    hashed = await identity.hasher.hash(new, known=True)
    async with identity.begin() as unit:
        account = await unit.accounts.get(wanted.account_id, lock=True)
        credential = await unit.credentials.find(wanted.account_id)
        if credential is None or seen is None or credential.password_hash != seen.password_hash:
            raise Conflict(Code.PASSWORD_CHANGED_MEANWHILE)
        await unit.credentials.set_password(wanted.account_id, hashed, unit.now)
        await close_sessions(unit, account, account.actor, "password changed")
        revoked = account.revoked(unit.now)
        await account_changed(unit, revoked, "password_changed", account.actor)


async def _prove(identity: Identity, wanted: Change, proven: Credential | None) -> AlprError | None:
    """Use the code up; or record and count the failure like a failed sign-in, and return the refusal.

    Each session has its own count; a full count closes the session.
    """
    async with identity.begin() as unit:
        account = await unit.accounts.get(wanted.account_id, lock=True)
        session = await unit.sessions.lock(wanted.session_id)
        if session is None or session.closed_at is not None:
            return NotAuthenticated(Code.SESSION_CLOSED)
        proof = await prove(identity, unit, account, wanted.code, proven)
        if proof.step is not None:
            await unit.credentials.use_step(account.account_id, proof.step)
            await unit.credentials.clear_failures_of(account.account_id, session.session_id)
            return None
        await session_changed(
            unit,
            "refused",
            account.actor,
            account_id=account.account_id,
            session_id=session.session_id,
            client_address=wanted.client_address,
            reason="wrong password or code at a change of password",
        )
        full = not proof.repeated and await count_failure(
            identity,
            unit,
            account,
            counted_for=session.session_id,
            client_address=wanted.client_address,
        )
        if full:
            account = await unit.accounts.get(account.account_id)
            await close(unit, account, session.session_id, identity.system, "too many failures")
            return NotAuthenticated(Code.SESSION_CLOSED_BY_FAILURES)
    return InvalidInput(Code.PASSWORD_PROOF_WRONG, field="current_password")
