"""Signing in: password and code, decided one attempt at a time for each account.

A refusal says the same to everybody; why is in the event. Locked after five failures in 15 minutes until
an administrator releases the account (468.6; CJIS Security Policy 5.9.5, AC-7).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from services.identity import totp
from services.identity.actions.announce import (
    NOBODY,
    account_changed,
    close_sessions,
    session_changed,
)
from services.identity.actions.enrolment import totp_place
from services.identity.actions.secrets import new_token, token_hash
from services.identity.actions.tokens import access_token
from services.identity.domain.accounts import Account
from services.identity.domain.passwords import normalise_password
from services.identity.store.credentials import Credential
from services.identity.work import Identity, Unit
from shared.errors import NotAuthenticated

REFUSED = (
    "the username, password or code is not right, or the account is locked or disabled;"
    " an ALPR administrator can tell"
)


@dataclass(frozen=True)
class Attempt:
    """What somebody typed, and from where."""

    username: str
    password: str
    code: str
    client_address: str


@dataclass(frozen=True)
class Opened:
    """A session with its tokens, as the person gets them."""

    account: Account
    session_id: UUID
    access_token: str
    expires_at: datetime
    refresh_token: str
    idle_until: datetime


async def sign_in(identity: Identity, attempt: Attempt) -> Opened:
    """Open a session. Raises: NotAuthenticated; the refusal is recorded first."""
    async with identity.begin() as unit:
        account = await unit.accounts.find_username(attempt.username)
        seen = await unit.credentials.find(account.account_id) if account else None
    password = normalise_password(attempt.password)
    right = await identity.hasher.verify(seen.password_hash if seen else None, password)
    async with identity.begin() as unit:
        opened = await _decide(identity, unit, attempt, account, seen if right else None)
    if opened is None:
        raise NotAuthenticated(REFUSED)
    if seen is not None and identity.hasher.is_outdated(seen.password_hash):
        await _rehash(identity, seen, password)
    return opened


async def _decide(
    identity: Identity,
    unit: Unit,
    attempt: Attempt,
    account: Account | None,
    proven: Credential | None,
) -> Opened | None:
    """Return the session, or None once the refusal is recorded. `proven`: the password was right."""
    if account is None:
        await _refuse(unit, attempt, None, "unknown username")
        return None
    # From here on attempts wait for each other, so that guessing in parallel gains nothing.
    account = await unit.accounts.get(account.account_id, lock=True)
    if account.status == "active" and account.is_inactive(unit.policy, unit.now):
        account = await disable_inactive(identity, unit, account)
    if account.status != "active":
        await _refuse(unit, attempt, account, f"the account is {account.status}")
        return None
    if (step := await _step(identity, unit, attempt, account, proven)) is None:
        await _refuse(unit, attempt, account, "wrong password or code")
        await _count_failure(identity, unit, attempt, account)
        return None
    await unit.credentials.use_step(account.account_id, step)
    await unit.credentials.clear_failures(account.account_id)
    return await _open(identity, unit, account, attempt.client_address)


async def _step(
    identity: Identity,
    unit: Unit,
    attempt: Attempt,
    account: Account,
    proven: Credential | None,
) -> int | None:
    """Return the step of the code if password and code both hold, else None."""
    credential = await unit.credentials.find(account.account_id)
    if credential is None:
        return None
    secret = identity.vault.open(credential.totp_sealed, totp_place(account.account_id)).decode()
    step = totp.matching_step(secret, attempt.code, unit.now, credential.totp_last_step)
    same = proven is not None and proven.password_hash == credential.password_hash
    return step if same else None


async def _open(identity: Identity, unit: Unit, account: Account, client_address: str) -> Opened:
    session_id = uuid4()
    await unit.sessions.open(session_id, account.account_id, unit.now)
    await session_changed(
        unit,
        "opened",
        account.actor,
        account_id=account.account_id,
        session_id=session_id,
        client_address=client_address,
    )
    return await issue(identity, unit, account, session_id)


async def issue(identity: Identity, unit: Unit, account: Account, session_id: UUID) -> Opened:
    """Return fresh tokens for an open session and note that the person is there."""
    refresh_token = new_token()
    await unit.sessions.add_token(session_id, token_hash(refresh_token))
    await unit.sessions.touch(session_id, unit.now)
    token, issued, expires = await access_token(identity, unit, account, session_id)
    await unit.accounts.touch(account.account_id, issued)
    idle = timedelta(minutes=unit.policy.accounts.idle_minutes)
    return Opened(account, session_id, token, expires, refresh_token, unit.now + idle)


async def _refuse(unit: Unit, attempt: Attempt, account: Account | None, reason: str) -> None:
    await session_changed(
        unit,
        "refused",
        account.actor if account else NOBODY,
        account_id=account.account_id if account else None,
        client_address=attempt.client_address,
        reason=reason,
    )


async def _count_failure(
    identity: Identity, unit: Unit, attempt: Attempt, account: Account
) -> None:
    """Note a failure; the one that fills the window locks the account."""
    rules = unit.policy.accounts
    since = unit.now - timedelta(minutes=rules.lock_window_minutes)
    failures = await unit.credentials.add_failure(account.account_id, unit.now, since)
    if failures < rules.lock_after_failures:
        return
    locked = account.revoked(unit.now, status="locked")
    reason = f"{failures} failed sign-ins in {rules.lock_window_minutes} minutes"
    await account_changed(
        unit,
        locked,
        "locked",
        identity.system,
        reason=reason,
        client_address=attempt.client_address,
    )
    await close_sessions(unit, locked, identity.system, "account locked")


async def disable_inactive(identity: Identity, unit: Unit, account: Account) -> Account:
    """Disable an account that nobody used for 90 days (468.6); return it as it now stands."""
    disabled = account.revoked(unit.now, status="disabled")
    reason = f"not used for {unit.policy.accounts.inactive_days} days"
    await account_changed(unit, disabled, "disabled", identity.system, reason=reason)
    await close_sessions(unit, disabled, identity.system, "account disabled")
    return disabled


async def _rehash(identity: Identity, seen: Credential, password: str) -> None:
    """Hash a password anew with today's costs, unless it was changed meanwhile."""
    hashed = await identity.hasher.hash(password)
    async with identity.begin() as unit:
        await unit.accounts.get(seen.account_id, lock=True)
        current = await unit.credentials.find(seen.account_id)
        if current is not None and current.password_hash == seen.password_hash:
            await unit.credentials.set_password(seen.account_id, hashed, unit.now)
