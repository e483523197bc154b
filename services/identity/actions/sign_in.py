"""Signs people in by password and second factor, one attempt at a time for each account.

Every refusal reads the same; the event has the reason. Five failures in 15 minutes lock sign-in until an
administrator releases it (468.6; CJIS Security Policy 5.9.5, AC-7). Browsers that signed in to the account
before are exempt: each has its own five (ADR-0033).
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from services.identity.actions.announce import (
    NOBODY,
    account_changed,
    close_sessions,
    session_changed,
)
from services.identity.actions.context import Identity
from services.identity.actions.proof import (
    AT_SIGN_IN,
    Factor,
    Proof,
    count_failure,
    known_since,
    prove,
)
from services.identity.actions.tokens import access_token
from services.identity.domain.accounts import Account, Rights, rights_in_session
from services.identity.domain.opaque_tokens import new_token, token_hash
from services.identity.domain.passwords import normalise_password
from services.identity.domain.problem_codes import Code
from services.identity.store.credentials import Credential
from services.identity.store.unit_of_work import Unit
from shared.core.errors import NotAuthenticated


@dataclass(frozen=True)
class Attempt:
    """One sign-in attempt: username, password, second factor and origin."""

    username: str
    password: str
    factor: Factor
    client_address: str
    browser_id: UUID | None = None
    """The browser that its token names; known only if it signed in to this account before."""


@dataclass(frozen=True)
class Opened:
    """A session with its tokens."""

    account: Account
    session_id: UUID
    access_token: str
    expires_at: datetime
    refresh_token: str
    idle_until: datetime
    rights: Rights
    browser_token: str | None = None
    """At sign-in only: the token that the browser sends at its next sign-in to this account."""


async def sign_in(identity: Identity, attempt: Attempt) -> Opened:
    """Open a session. Unknown browsers wait for a turn before the first query or hash.

    Raises: NotAuthenticated, after recording the refusal; TooManyRequests, before checking anything.
    """
    if await _is_from_known_browser(identity, attempt):
        return await _sign_in(identity, attempt, known=True)
    async with identity.sign_in_queue.enqueue(attempt.client_address):
        opened = await _sign_in(identity, attempt, known=False)
    identity.sign_in_queue.forgive(attempt.client_address)
    return opened


async def _is_from_known_browser(identity: Identity, attempt: Attempt) -> bool:
    """Return whether a browser signed in to this account before; queries only for a token that we signed."""
    if attempt.browser_id is None:
        return False
    async with identity.begin() as unit:
        account = await unit.accounts.find_username(attempt.username)
        return await _known_browser(unit, attempt, account) is not None


async def _sign_in(identity: Identity, attempt: Attempt, *, known: bool) -> Opened:
    async with identity.begin() as unit:
        account = await unit.accounts.find_username(attempt.username)
        seen = await unit.credentials.find(account.account_id) if account else None
    password = normalise_password(attempt.password)
    hashed = seen.password_hash if seen else None
    right = await identity.hasher.verify(hashed, password, known=known)
    async with identity.begin() as unit:
        opened = await _decide(identity, unit, attempt, account, seen if right else None)
    if opened is None:
        raise NotAuthenticated(Code.SIGN_IN_REFUSED)
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
    # The lock makes attempts wait for each other, so guessing in parallel has no advantage.
    account = await unit.accounts.get(account.account_id, lock=True)
    browser_id = await _known_browser(unit, attempt, account)
    if account.status == "active" and account.is_inactive(unit.policy, unit.now):
        account = await disable_inactive(identity, unit, account)
    if account.status != "active":
        await _refuse(unit, attempt, account, f"the account is {account.status}")
        return None
    if account.sign_in_locked_at is not None and browser_id is None:
        await _refuse(unit, attempt, account, "sign-in is locked")
        return None
    proof = await prove(identity, unit, account, attempt.factor, AT_SIGN_IN, proven)
    if not proof.is_right:
        await _fail(identity, unit, attempt, account, browser_id, proof)
        return None
    await unit.credentials.clear_failures_of(account.account_id, browser_id)
    return await _open(identity, unit, attempt, account, browser_id or uuid4())


async def _known_browser(unit: Unit, attempt: Attempt, account: Account | None) -> UUID | None:
    """Return the browser if it signed in to this very account before, else None."""
    if account is None or attempt.browser_id is None:
        return None
    since = known_since(unit)
    known = await unit.browsers.is_known(attempt.browser_id, since, account.account_id)
    return attempt.browser_id if known else None


async def _fail(
    identity: Identity,
    unit: Unit,
    attempt: Attempt,
    account: Account,
    browser_id: UUID | None,
    proof: Proof,
) -> None:
    """Refuse, and count the failure unless the factor was sent twice. A full count deletes the known browser."""
    await _refuse(unit, attempt, account, proof.why)
    if proof.is_repeated:
        return
    full = await count_failure(
        identity, unit, account, counted_for=browser_id, client_address=attempt.client_address
    )
    if full and browser_id is not None:
        await unit.browsers.forget(browser_id)


async def _open(
    identity: Identity, unit: Unit, attempt: Attempt, account: Account, browser_id: UUID
) -> Opened:
    session_id, by_key = uuid4(), not isinstance(attempt.factor, str)
    await unit.browsers.note(browser_id, account.account_id, unit.now)
    await unit.browsers.forget_older(account.account_id, unit.policy.accounts.known_browsers)
    await unit.sessions.open(
        session_id,
        account.account_id,
        unit.now,
        client_address=attempt.client_address,
        browser_id=browser_id,
        by_key=by_key,
    )
    await session_changed(
        unit,
        "opened",
        account.actor,
        account_id=account.account_id,
        session_id=session_id,
        client_address=attempt.client_address,
        factor="security_key" if by_key else "code",
    )
    opened = await issue(identity, unit, account, session_id, opened_at=unit.now, by_key=by_key)
    return replace(opened, browser_token=identity.browser_tokens.token_of(browser_id))


async def issue(
    identity: Identity,
    unit: Unit,
    account: Account,
    session_id: UUID,
    *,
    opened_at: datetime,
    by_key: bool,
) -> Opened:
    """Return fresh tokens for an open session, none beyond its end, and record that the person is active."""
    refresh_token = new_token()
    await unit.sessions.add_token(session_id, token_hash(refresh_token))
    await unit.sessions.touch(session_id, unit.now)
    idle_until = unit.now + timedelta(minutes=unit.policy.accounts.idle_minutes)
    ends_at = opened_at + timedelta(hours=identity.settings.identity_session_hours)
    until = min(idle_until, ends_at)
    rights = rights_in_session(unit.policy, account, by_key=by_key)
    token, issued, expires = await access_token(
        identity, unit, account, session_id, rights.permissions, until
    )
    await unit.accounts.touch(account.account_id, issued)
    return Opened(account, session_id, token, expires, refresh_token, idle_until, rights)


async def _refuse(unit: Unit, attempt: Attempt, account: Account | None, reason: str) -> None:
    await session_changed(
        unit,
        "refused",
        account.actor if account else NOBODY,
        account_id=account.account_id if account else None,
        client_address=attempt.client_address,
        reason=reason,
    )


async def disable_inactive(identity: Identity, unit: Unit, account: Account) -> Account:
    """Disable an account unused for 90 days (468.6); return the disabled account."""
    disabled = account.revoked(unit.now, status="disabled")
    reason = f"not used for {unit.policy.accounts.inactive_days} days"
    await account_changed(unit, disabled, "disabled", identity.system, reason=reason)
    await close_sessions(unit, disabled, identity.system, "account disabled")
    return disabled


async def _rehash(identity: Identity, seen: Credential, password: str) -> None:
    """Hash a password anew with today's costs, unless it was changed meanwhile."""
    hashed = await identity.hasher.hash(password, known=True)
    async with identity.begin() as unit:
        await unit.accounts.get(seen.account_id, lock=True)
        current = await unit.credentials.find(seen.account_id)
        if current is not None and current.password_hash == seen.password_hash:
            await unit.credentials.set_password(seen.account_id, hashed, unit.now)
