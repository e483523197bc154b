"""Changes a person's own password, after a check of both factors."""

from services.identity.actions.announce import account_changed, close_sessions
from services.identity.actions.context import Identity
from services.identity.actions.own_proof import Claim, prove_own
from services.identity.domain.passwords import check_password, normalise_password
from services.identity.domain.problem_codes import Code
from shared.core.errors import Conflict, InvalidInput


async def change(identity: Identity, claim: Claim, wanted: str) -> None:
    """Set a new password, close the person's sessions and revoke their tokens.

    Raises: InvalidInput, Conflict; NotAuthenticated if the session is closed, by too many failures or before.
    """
    new = normalise_password(wanted)
    async with identity.begin() as unit:
        account = await unit.accounts.get(claim.account_id)
    minimum = identity.policy.accounts.password_minimum_characters
    check_password(new, username=account.username, minimum_characters=minimum)
    if new == normalise_password(claim.current):
        raise InvalidInput(Code.PASSWORD_IN_USE, field="password")
    seen = await prove_own(identity, claim, "password")
    hashed = await identity.hasher.hash(new, known=True)
    async with identity.begin() as unit:
        account = await unit.accounts.get(claim.account_id, lock=True)
        credential = await unit.credentials.find(claim.account_id)
        if credential is None or credential.password_hash != seen.password_hash:
            raise Conflict(Code.PASSWORD_CHANGED_MEANWHILE)
        await unit.credentials.set_password(claim.account_id, hashed, unit.now)
        await close_sessions(unit, account, account.actor, "password changed")
        revoked = account.revoked(unit.now)
        await account_changed(unit, revoked, "password_changed", account.actor)
