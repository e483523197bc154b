"""Checks a password and a second factor together, and counts failures.

Failures lock sign-in but not the open sessions (CJIS Security Policy 5.9.5, AC-7; ADR-0033).
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from services.identity.actions import totp, webauthn
from services.identity.actions.announce import account_changed
from services.identity.actions.context import Identity
from services.identity.actions.enrolment import totp_place
from services.identity.domain.accounts import Account
from services.identity.store.credentials import Credential
from services.identity.store.unit_of_work import Unit

AT_SIGN_IN: Final = "challenge at sign-in"
"""The place of challenges that anyone gets, before they sign in."""

Factor = str | webauthn.Answer
"""A code of the authenticator, or an answer of a security key."""


def in_session(session_id: UUID) -> str:
    """Return the place of the challenges that a session gets, to prove its person again."""
    return f"challenge of session {session_id}"


@dataclass(frozen=True)
class Proof:
    """The result of checking a password and a second factor."""

    is_right: bool = False
    """Password and second factor are both right; the factor is used up."""

    is_repeated: bool = False
    """Both are right, but the factor was used already: sent twice, not guessed."""

    why: str = "wrong password or second factor"
    """Why not, for the record alone."""


async def prove(
    identity: Identity,
    unit: Unit,
    account: Account,
    factor: Factor,
    place: str,
    proven: Credential | None,
) -> Proof:
    """Check a second factor together with `proven`, the credential whose password was right, or None; use it up.

    `place` is that of a security key's challenge. Lock the account first: of one factor sent twice, exactly one then
    succeeds.
    """
    credential = await unit.credentials.find(account.account_id)
    if credential is None:
        return Proof()
    same = proven is not None and proven.password_hash == credential.password_hash
    if isinstance(factor, webauthn.Answer):
        return await _prove_by_key(identity, unit, account, factor, place, same)
    return await _prove_by_code(identity, unit, account, factor, credential, same)


async def _prove_by_code(
    identity: Identity, unit: Unit, account: Account, code: str, credential: Credential, same: bool
) -> Proof:
    secret = identity.vault.open(credential.totp_sealed, totp_place(account.account_id)).decode()
    step = totp.matching_step(secret, code, unit.now, credential.totp_last_step)
    used = totp.is_of_step(secret, code, unit.now, credential.totp_last_step)
    if await _needs_key(unit, account):
        is_code = same and (used or step is not None)
        return Proof(why="right, but by a code: a security key is needed") if is_code else Proof()
    if same and step is not None:
        await unit.credentials.use_step(account.account_id, step)
        return Proof(is_right=True)
    return Proof(is_repeated=True, why="this code was used already") if same and used else Proof()


async def _needs_key(unit: Unit, account: Account) -> bool:
    """Return whether no code counts: the person chose so, or has a key and a role that the policy ties to keys.

    Else a page that got two codes could add a key of its own to such an account.
    """
    if account.keys_only:
        return True
    is_tied = not unit.policy.accounts.security_key_for.isdisjoint(account.roles)
    return is_tied and bool(await unit.security_keys.of(account.account_id))


async def _prove_by_key(
    identity: Identity,
    unit: Unit,
    account: Account,
    answer: webauthn.Answer,
    place: str,
    same: bool,
) -> Proof:
    key = await unit.security_keys.find(account.account_id, answer.credential_id)
    if key is None:
        return Proof()
    host = identity.settings.identity_console_host
    given = webauthn.answered(identity.vault, host, place, key.credential, answer, unit.now)
    if given is None or not same:
        return Proof()
    if key.used_at is not None and given.issued_at <= key.used_at:
        return Proof(is_repeated=True, why="this answer of a security key was used already")
    if given.sign_count <= key.sign_count and (given.sign_count or key.sign_count):
        return Proof(why="the security key counts less uses than before: it may be a copy")
    await unit.security_keys.use(key.key_id, given.issued_at, given.sign_count)
    return Proof(is_right=True)


async def count_failure(
    identity: Identity,
    unit: Unit,
    account: Account,
    *,
    counted_for: UUID | None,
    client_address: str,
) -> bool:
    """Record a failure of a known browser, a session, or neither; return whether its own count is full.

    Every failure also counts for the account: a full window locks sign-in until an administrator releases it.
    """
    rules = unit.policy.accounts
    since = unit.now - timedelta(minutes=rules.lock_window_minutes)
    failures = await unit.credentials.add_failure(
        account.account_id, unit.now, since, counted_for=counted_for
    )
    if failures.of_account >= rules.lock_after_failures and account.sign_in_locked_at is None:
        locked = replace(account, sign_in_locked_at=unit.now)
        reason = f"{failures.of_account} failed sign-ins in {rules.lock_window_minutes} minutes"
        await account_changed(
            unit,
            locked,
            "sign_in_locked",
            identity.system,
            reason=reason,
            client_address=client_address,
        )
    return failures.of_one >= rules.lock_after_failures


def known_since(unit: Unit) -> datetime:
    """Return the moment since which a browser must have signed in to count as known."""
    return unit.now - timedelta(days=unit.policy.accounts.known_browser_days)
