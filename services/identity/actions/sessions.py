"""Sessions after sign-in: refreshed by rotating tokens; closed when idle, too old, stolen or signed out."""

from datetime import timedelta
from uuid import UUID

from services.identity.actions.announce import (
    NOBODY,
    account_changed,
    close_sessions,
    session_changed,
)
from services.identity.actions.context import Identity
from services.identity.actions.sign_in import Opened, issue
from services.identity.domain.accounts import Account
from services.identity.domain.opaque_tokens import token_hash
from services.identity.domain.problem_codes import Code
from services.identity.store.sessions import Session
from services.identity.store.unit_of_work import Unit
from shared.core.errors import NotAuthenticated
from shared.events import Actor


async def refresh(identity: Identity, token: str, client_address: str) -> Opened:
    """Return fresh tokens for an open session. Raises: NotAuthenticated."""
    async with identity.begin() as unit:
        opened = await _decide(identity, unit, token_hash(token), client_address)
    if opened is None:
        raise NotAuthenticated(Code.REFRESH_TOKEN_INVALID)
    return opened


async def _decide(
    identity: Identity, unit: Unit, hashed: bytes, client_address: str
) -> Opened | None:
    owner = await unit.sessions.owner(hashed)
    if owner is None:
        unknown = "unknown refresh token"
        await session_changed(
            unit, "refused", NOBODY, client_address=client_address, reason=unknown
        )
        return None
    account = await unit.accounts.get(owner[0], lock=True)
    session = await unit.sessions.lock(owner[1])
    if session is None:
        return None
    if (reason := await _why_not(identity, unit, account, session, hashed)) is not None:
        await session_changed(
            unit,
            "refused",
            account.actor,
            account_id=account.account_id,
            session_id=session.session_id,
            client_address=client_address,
            reason=reason,
        )
        return None
    await session_changed(
        unit,
        "refreshed",
        account.actor,
        account_id=account.account_id,
        session_id=session.session_id,
        client_address=client_address,
    )
    return await issue(
        identity,
        unit,
        account,
        session.session_id,
        opened_at=session.opened_at,
        by_key=session.by_key,
    )


async def _why_not(
    identity: Identity, unit: Unit, account: Account, session: Session, hashed: bytes
) -> str | None:
    """Return the reason to refuse a refresh, after closing the session if need be; None to allow it."""
    if not await unit.sessions.use_token(hashed, unit.now):
        # Two clients have this token (RFC 9700, 4.14.2), and either may be the thief.
        await close(unit, account, session.session_id, identity.system, "refresh token used twice")
        return "refresh token used twice"
    if session.closed_at is not None:
        return "the session is closed"
    if account.status != "active":
        return f"the account is {account.status}"
    if (over := over_limit(identity, unit, session)) is not None:
        await close(unit, account, session.session_id, identity.system, over)
    return over


def over_limit(identity: Identity, unit: Unit, session: Session) -> str | None:
    """Return the limit that a session exceeds, in words, or None (468.6: 30 minutes idle)."""
    idle = timedelta(minutes=unit.policy.accounts.idle_minutes)
    if unit.now - session.used_at > idle:
        return f"idle for more than {unit.policy.accounts.idle_minutes} minutes"
    longest = timedelta(hours=identity.settings.identity_session_hours)
    if unit.now - session.opened_at > longest:
        return f"open for more than {identity.settings.identity_session_hours} hours"
    return None


async def close(unit: Unit, account: Account, session_id: UUID, by: Actor, reason: str) -> None:
    """Close a session and revoke its access token, along with those of the person's other sessions.

    Revocation is by account (`shared/accounts/known_accounts.py`); the other sessions refresh theirs.
    """
    if not await unit.sessions.close(session_id, unit.now, reason):
        return
    await session_changed(
        unit,
        "closed",
        by,
        account_id=account.account_id,
        session_id=session_id,
        reason=reason,
    )
    revoked = account.revoked(unit.now)
    await account_changed(unit, revoked, "tokens_revoked", by, reason=reason)


async def sign_out(unit: Unit, account_id: UUID, session_id: UUID) -> None:
    """Close the person's current session."""
    account = await unit.accounts.get(account_id, lock=True)
    await close(unit, account, session_id, account.actor, "signed out")


async def sign_others_out(unit: Unit, account_id: UUID, session_id: UUID) -> None:
    """Close the person's other sessions, such as one left open elsewhere; this one refreshes its access token."""
    account = await unit.accounts.get(account_id, lock=True)
    reason = "signed out from another session"
    if await close_sessions(unit, account, account.actor, reason, but=session_id):
        revoked = account.revoked(unit.now)
        await account_changed(unit, revoked, "tokens_revoked", account.actor, reason=reason)
