"""A person changes their own password."""

from uuid import UUID

from services.identity.actions.announce import account_changed, close_sessions
from services.identity.domain.passwords import check_password, normalise_password
from services.identity.work import Identity
from shared.errors import Conflict, InvalidInput


async def change(identity: Identity, account_id: UUID, current: str, new: str) -> None:
    """Set another password and close the person's sessions. Raises: InvalidInput, Conflict."""
    current, new = normalise_password(current), normalise_password(new)
    async with identity.begin() as unit:
        account = await unit.accounts.get(account_id)
        seen = await unit.credentials.find(account_id)
    minimum = identity.policy.accounts.password_minimum_characters
    check_password(new, username=account.username, minimum_characters=minimum)
    if new == current:
        raise InvalidInput("the password is the one in use", field="password")
    right = await identity.hasher.verify(seen.password_hash if seen else None, current)
    if seen is None or not right:
        raise InvalidInput("this is not the password in use", field="current_password")
    hashed = await identity.hasher.hash(new)
    async with identity.begin() as unit:
        account = await unit.accounts.get(account_id, lock=True)
        now_kept = await unit.credentials.find(account_id)
        if now_kept is None or now_kept.password_hash != seen.password_hash:
            raise Conflict("the password was changed meanwhile")
        await unit.credentials.set_password(account_id, hashed, unit.now)
        await close_sessions(unit, account, account.actor, "password changed")
        await account_changed(unit, account, "password_changed", account.actor)
